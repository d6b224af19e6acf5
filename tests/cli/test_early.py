"""Wrong flags are refused before torch is loaded, let alone a model: in a second, in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# What the command imported is asked for when it has ended, whatever its exit code.
CODE = """
import atexit, sys
atexit.register(lambda: print([m for m in ("torch", "transformers") if m in sys.modules]))
from zerotube.cli.main import main
main()
"""
QUERY = "the red square moves right"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> dict[str, str]:
    """Names in the cases below -> paths."""
    folder = tmp_path_factory.mktemp("early")
    (folder / "file").write_text("", encoding="utf-8")
    (folder / "broken.json").write_text("{not json", encoding="utf-8")
    (folder / "no-tracks").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "clip.json").write_text("{not json", encoding="utf-8")
    names = ("file", "broken.json", "none.json", "no-tracks", "broken", "run")
    return {f"<{name}>": str(folder / name) for name in names} | {"<clip>": str(clip)}


GROUND = ("ground", "<clip>", QUERY)
RUN = ("--dataset", "synth", "--split", "mixed")
EVAL = ("eval", *RUN, "--out", "<run>")
ABLATE = ("ablate", "components", *RUN, "--out", "<run>")
ANALYZE = ("analyze", "tokens", *RUN, "--out", "<run>")
PROPOSE = ("propose", "<clip>")

CASES = [
    (2, "nonsense", (*GROUND, "--proposer", "nonsense")),
    (2, "nonsense", (*GROUND, "--proposer-set", "nonsense=1")),
    (2, "max_tracks", (*GROUND, "--proposer-set", "max_tracks=0")),
    (2, "int3", (*GROUND, "--proposer", "gdino+sam2", "--proposer-set", "dtype=int3")),
    (2, "quantum", (*GROUND, "--proposer", "sam3", "--proposer-set", "device=quantum")),
    # The default proposer of another model knows no such setting.
    (2, "max_still", (*GROUND, "--model", "nobody/none", "--proposer-set", "max_still=2")),
    (2, "nonsense", (*GROUND, "--method", "nonsense")),
    (2, "quantum", (*GROUND, "--device", "quantum")),
    (2, "int8", (*GROUND, "--dtype", "int8")),
    (2, "3bit", (*GROUND, "--quantize", "3bit")),
    (2, "--device-map", (*GROUND, "--device", "cpu", "--device-map", "auto")),
    (2, "nobody", (*GROUND, "--decomposer", "nobody")),
    (3, "<file>", (*GROUND, "--out", "<file>")),
    (3, "<none.json>", (*GROUND, "--tracks", "<none.json>")),
    (3, "<broken.json>", (*GROUND, "--tracks", "<broken.json>")),
    (2, "nonsense", (*EVAL, "--proposer", "nonsense")),
    (2, "true tracks", (*EVAL, "--proposer", "truth", "--proposer-set", "every=5")),
    (2, "int8", (*EVAL, "--dtype", "int8")),
    (2, "nonsense", (*EVAL, "--method", "nonsense")),
    (2, "nobody", (*EVAL, "--decomposer", "nobody")),
    (3, "<file>", ("eval", *RUN, "--out", "<file>")),
    (3, "<none.json>", (*EVAL, "--tracks", "<none.json>")),
    (3, "<no-tracks>", (*EVAL, "--tracks", "<no-tracks>")),
    (3, "clip.json", (*EVAL, "--tracks", "<broken>")),
    (2, "every", (*ABLATE, "--proposer-set", "every=5")),
    (2, "nonsense", ("ablate", "trackers", *ABLATE[2:], "--values", "truth,nonsense")),
    (2, "quantum", (*ANALYZE, "--device", "quantum")),
    (2, "spatial_prompt", (*ANALYZE, "--no-spatial-prompt")),
    (2, "nonsense", (*PROPOSE, "--proposer", "nonsense")),
    (2, "quantum", (*PROPOSE, "--proposer", "gdino+sam2", "--device", "quantum")),
    (3, "<file>", (*PROPOSE, "--out", "<file>/tracks.json")),
    (2, "quantum", ("check", "bundled", "--device", "quantum")),
    (2, "report.txt", ("check", "bundled", "--out", "report.txt")),
    (2, "<broken.json>", ("check", "bundled", "--out", "<broken.json>")),
    (2, "quantum", ("heads", "bundled", "--device", "quantum")),
    (2, "heads.txt", ("heads", "bundled", "--out", "heads.txt")),
]


def placed(text: str, places: dict[str, str]) -> str:
    for name, path in places.items():
        text = text.replace(name, path)
    return text


@pytest.mark.parametrize(("code", "named", "words"), CASES)
def test_a_wrong_flag_costs_a_second(
    code: int, named: str, words: tuple[str, ...], places: dict[str, str]
) -> None:
    resource = pytest.importorskip("resource", reason="processor time needs a POSIX system")
    command = [sys.executable, "-c", CODE, *(placed(word, places) for word in words)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == code, done.stderr
    assert done.stdout == "[]\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("zerotube: error: got ")
    assert placed(named, places) in line
    # Processor time, because other programs on the machine stretch the time on the wall.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0
    assert not Path(places["<run>"]).exists()


def test_root_cannot_write_everywhere(run, clip: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc, where a folder cannot be made")
    done = run("ground", clip, QUERY, "--out", "/proc/zerotube/out")
    assert done.code == 3
    assert "cannot be written" in done.error_line()
