"""``zerotube check``: its table, its report, its exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from toys import toys

STRUCTURE = ["files", "prompt", "captured attention", "planted cell, wide", "planted cell, tall"]
QUALITY = {"yes / no, objects", "right object"}


@pytest.mark.parametrize("name", ["InternVL", "LlavaNextVideo", "Qwen2_5_VL"])
def test_random_weights_are_read_correctly_and_are_of_no_use(
    name: str, run, tmp_path: Path
) -> None:
    folder = toys()[f"{name}ForConditionalGeneration"].write(tmp_path / "secret" / "toy-model")
    out = tmp_path / "report.json"
    done = run("check", folder, "--device", "cpu", "--clips", 8, "--out", out, "--quiet")
    assert done.code == 5
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["finished"]
    assert content["failed"]
    assert set(content["failed"]) <= QUALITY
    passed = [line["name"] for line in content["lines"] if line["status"] == "pass"]
    assert [one for one in passed if one not in QUALITY] == STRUCTURE
    assert content["failed"][0] in done.error_line()
    # Nothing of the user's disk but the model's name.
    assert content["model"] == "toy-model"
    assert "secret" not in out.read_text(encoding="utf-8")


def test_json_and_nothing_else(run, toy_folder: Path) -> None:
    done = run("check", toy_folder, "--device", "cpu", "--clips", 1, "--json", "--quiet")
    content = json.loads(done.out)
    # One clip proves nothing, and nothing is held against the model.
    assert (done.code, content["failed"]) == (0, [])
    assert "too few clips" in content["lines"][-2]["figure"]


def test_an_interrupt_leaves_the_report_so_far(
    run, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self, stage: str, done: int, total: int) -> None:
        if (stage, done) == ("clips", 2):
            raise KeyboardInterrupt

    monkeypatch.setattr("zerotube.cli.console.StageProgress.__call__", interrupt)
    out = tmp_path / "report.md"
    done = run("check", toy_folder, "--device", "cpu", "--clips", 9, "--out", out)
    assert done.code == 130
    text = out.read_text(encoding="utf-8")
    assert "not finished" in text
    assert "| captured attention |" in text
    assert "of 2 clips" in text
    assert "| versions |" in text


def test_files_that_are_damaged(run, toy_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "damaged"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    out = tmp_path / "report.md"
    done = run("check", folder, "--out", out)
    assert done.code == 5
    assert done.out.startswith("fail  files")
    assert "| fail | files |" in out.read_text(encoding="utf-8")
    assert str(tmp_path) not in out.read_text(encoding="utf-8")


def test_a_model_that_does_not_load(run, toy_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "other"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["SomethingElse"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = run("check", folder)
    assert done.code == 5
    assert "fail  loading" in done.out
    assert "SomethingElse" in done.out


def test_no_such_model(run, tmp_path: Path) -> None:
    done = run("check", "nobody/no-such-model", "--out", tmp_path / "report.md")
    assert done.code == 3
    assert "nobody/no-such-model" in done.error_line()
    assert not (tmp_path / "report.md").exists()
