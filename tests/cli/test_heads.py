"""``zerotube heads``: its table, its file, and who reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from zerotube.method.heads import FILE, chosen_heads

QUERY = "the red square moves left"
SMALL = ("--clips", 2, "--heads", 3, "--quiet")


def test_from_the_verb_to_an_answer(run, toy_folder: Path, tmp_path: Path, clip: Path) -> None:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "toy"))
    ground = ("ground", clip, QUERY, "--model", folder, "--proposer", "motion", "--json")
    done = run(*ground, "--heads", "chosen", "--quiet")
    assert done.code == 2
    assert f"zerotube heads {folder} --out {folder / FILE}" in done.error_line()

    done = run("heads", folder, *SMALL)
    assert done.code == 0
    assert f"zerotube heads {folder} --out {folder / FILE}" in done.out
    assert not (folder / FILE).exists()

    done = run("heads", folder, *SMALL, "--out", folder / FILE)
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["layer", "head"]
    assert len(lines) == 5
    found = chosen_heads(str(folder))
    assert (found.model, found.clips) == ("toy", 2)
    pairs = [tuple(map(int, line.split()[:2])) for line in lines[1:4]]
    assert pairs == list(found.chosen)
    assert str(tmp_path) not in (folder / FILE).read_text(encoding="utf-8")

    done = run(*ground, "--heads", "chosen", "--quiet")
    assert done.code == 0
    assert json.loads(done.out)["settings"]["method"]["heads"] == "chosen"
    assert run("heads", folder, *SMALL, "--out", folder / FILE).code == 2
    done = run("heads", folder, *SMALL, "--out", folder / FILE, "--overwrite", "--json")
    assert json.loads(done.out) == found.to_dict()


def test_heads_of_another_model_are_refused(
    run, toy_folder: Path, tmp_path: Path, clip: Path
) -> None:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "toy"))
    other = chosen_heads("bundled").to_dict()
    (folder / FILE).write_text(json.dumps(other), encoding="utf-8")
    done = run("ground", clip, QUERY, "--model", folder, "--heads", "chosen", "--quiet")
    assert done.code == 3
    assert "of 3 layers of 8 heads for" in done.error_line()


@pytest.mark.parametrize("words", [("--clips", "0"), ("--heads", "0"), ("--out", "heads.txt")])
def test_wrong_flags(run, words: tuple[str, ...]) -> None:
    assert run("heads", "bundled", *words, "--quiet").code == 2
