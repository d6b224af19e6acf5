"""The proposers that take a noun, from the command line and through the facade."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proposals import toy_checkpoints as toys
from zerotube.errors import ModelError
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import preset
from zerotube.proposals.registry import default_proposer


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    toys.write_grounding_dino(folder / "gdino")
    toys.write_sam2(folder / "sam2")
    return folder


def settings(models: Path) -> dict[str, object]:
    return {
        "detector": str(models / "gdino"),
        "tracker": str(models / "sam2"),
        "box_threshold": 0,
        "text_threshold": 0,
        "max_objects": 2,
        "every": 12,
    }


def test_propose_with_a_detector_and_sam2(run, write_clip, models: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=14, size=(64, 48))
    out = tmp_path / "tracks.json"
    words = [f"--proposer-set={name}={value}" for name, value in settings(models).items()]
    chosen = ("--proposer", "gdino+sam2", "--noun", "square", "--device", "cpu")
    done = run("propose", clip, "--out", out, *chosen, *words, "--quiet")
    assert done.code == 0, done.err
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["source"] == "gdino+sam2"
    mask = content["tracks"][0]["masks_rle"][0]
    assert mask["size"] == [48, 64]
    assert "square" in done.out


def test_what_cannot_be_loaded_is_one_line(run, clip: Path, tmp_path: Path) -> None:
    chosen = ("--proposer", "gdino+bytetrack", "--proposer-set", "detector=no-such/model")
    done = run("propose", clip, "--out", tmp_path / "tracks.json", *chosen)
    assert done.code == 3
    assert "no-such/model" in done.error_line()
    done = run("propose", clip, "--out", tmp_path / "tracks.json", "--device", "cpu")
    assert done.code == 2
    assert "the setting 'device' for the proposer 'motion'" in done.error_line()


def test_the_default_goes_by_the_model(
    run, write_clip, models: Path, toy_folder: Path, tmp_path: Path
) -> None:
    assert default_proposer("bundled") == "motion"
    assert default_proposer("llava-hf/llava-onevision-qwen2-7b-ov-hf") == "gdino+sam2"
    clip = write_clip(tmp_path / "clip.mp4", frames=8, size=(64, 48))
    grounder = Grounder.from_pretrained(str(toy_folder), device="cpu")
    result = grounder.ground(
        clip,
        "the red square moves",
        candidates=Candidates(proposer_settings=settings(models)),
        settings=preset("gti", frames=3),
    )
    assert result.tracks.source == "gdino+sam2"
    assert result.tracks.settings["device"] == "cpu", "where the model is"
    # From the command line nothing names the proposer either, and the weights are not there.
    done = run("ground", clip, "the red square moves", "--model", toy_folder, "--method", "gti")
    assert done.code == ModelError.exit_code
    assert "grounding-dino-base" in done.error_line()
    done = run("ground", clip, "the red square moves", "--method", "gti", "--json", "--quiet")
    assert json.loads(done.out)["settings"]["proposer"]["name"] == "motion"
