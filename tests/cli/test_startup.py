"""What the command costs before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "numpy", "matplotlib", "supervision", "trackers", "av", "cv2")


def timed(*words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A command that ends well, and the least seconds of processor time of three runs of it.

    Processor time, because other programs on the machine stretch the time on the wall.
    """
    resource = pytest.importorskip("resource", reason="processor time needs a POSIX system")
    command = [sys.executable, "-m", "zerotube", *words]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return done, min(seconds)


@pytest.mark.parametrize("module", ["zerotube", "zerotube.cli.main"])
def test_import_pulls_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_answers_at_once() -> None:
    done, seconds = timed("--help")
    assert "ground" in done.stdout
    assert seconds < 0.5


def test_models_answers_at_once() -> None:
    done, seconds = timed("models")
    assert "recommended here" in done.stdout
    assert seconds < 1.0
    code = f"""
import sys
sys.argv = ["zerotube", "models"]
from zerotube.cli.main import app
app(standalone_mode=False)
print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version() -> None:
    from importlib.metadata import version

    command = [sys.executable, "-m", "zerotube", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"zerotube {version('zerotube')}"


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    command = f"{sys.executable} -m zerotube decompose --json --file - | head -n 1"
    text = "the man in red sits down\n" * 2000
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], input=text, capture_output=True, text=True
    )
    assert done.returncode == 141
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
