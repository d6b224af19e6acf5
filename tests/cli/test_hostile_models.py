"""What the command line says about a hostile checkpoint, and that it never runs its code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broken_checkpoints import BROKEN, CODE


@pytest.fixture
def folder(toy_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(toy_folder, tmp_path / "model")


def test_code_is_refused_on_a_terminal_that_says_yes(folder: Path, clip: Path) -> None:
    """With "y" typed ahead, where transformers alone would ask, read the answer and run it."""
    CODE["a type of its own"](folder)
    pty = pytest.importorskip("pty", reason="the system has no terminals")
    ours, theirs = pty.openpty()
    os.write(ours, b"y\ny\ny\n")
    done = subprocess.run(
        [sys.executable, "-m", "zerotube", "ground", str(clip), "a ball", "--model", str(folder)],
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "which runs code of its own" in done.stderr
    assert done.stdout == ""
    assert not (folder.parent / "marker").exists()


@pytest.mark.parametrize(
    "case", ["a layer is missing", "an index of pickles", "layers", "a template that loops"]
)
def test_the_command_line_says_it_in_one_line(
    run: Any, clip: Path, folder: Path, case: str
) -> None:
    change, said = BROKEN[case]
    change(folder)
    done = run("ground", clip, "the red square", "--model", folder, "--out", folder.parent / "out")
    assert done.code == 3
    assert re.search(said, done.error_line())
    assert done.err.count("\n") == 1
    assert not (folder.parent / "out").exists()
