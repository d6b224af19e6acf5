"""Grounding DINO, MM-Grounding-DINO and OWLv2 through their real classes, at toy size."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zerotube.errors import ModelError, QueryError, UsageError
from zerotube.proposals import Detector
from zerotube.proposals.named.detectors import DETECTORS, load_detector
from zerotube.proposals.named.detectors.base import TextDetector
from zerotube.proposals.named.people import search_text

FAMILIES = ("grounding-dino", "mm-grounding-dino", "owlv2")
IMAGE = np.random.default_rng(3).integers(0, 256, (48, 80, 3), dtype=np.uint8)


@cache
def loaded(folder: Path) -> TextDetector:
    return load_detector(str(folder), box_threshold=0.0, text_threshold=0.0, device="cpu")


def load(folder: Path, *, box: float = 0.0, text: float = 0.0) -> TextDetector:
    """The detector in that folder, read once; its thresholds are no part of the model."""
    known = loaded(folder)
    return type(known)(known.checkpoint, box_threshold=box, text_threshold=text)


def raw(folder: Path, text: object) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (cx, cy, w, h, relative) and best scores, straight from the model's outputs."""
    checkpoint = load(folder).checkpoint
    inputs = checkpoint.processor(images=Image.fromarray(IMAGE), text=text, return_tensors="pt")
    with torch.inference_mode():
        outputs = checkpoint.model(**inputs)
    scores = outputs.logits[0].sigmoid().amax(dim=-1)
    return outputs.pred_boxes[0].double().numpy(), scores.double().numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_boxes_are_the_models_in_pixels_of_the_picture(checkpoints: Path, family: str) -> None:
    folder = checkpoints / family
    if family == "owlv2":
        relative, scores = raw(folder, [["a photo of a dog"]])
        side = np.array([80, 80, 80, 80])  # OWLv2 pads the picture to a square, right and below
    else:
        relative, scores = raw(folder, "dog.")
        side = np.array([80, 48, 80, 48])
    half = relative[:, 2:] / 2
    boxes = np.concatenate([relative[:, :2] - half, relative[:, :2] + half], axis=1) * side
    boxes = boxes.clip(0, [80, 48, 80, 48])
    inside = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    boxes, scores = boxes[inside], scores[inside]

    detector = load(folder).aimed_at("Dog")
    assert isinstance(detector, Detector)
    found = detector.detect(IMAGE)
    assert len(found) == len(boxes) > 0
    order = np.argsort(-scores, kind="stable")
    np.testing.assert_allclose(found.confidence, scores[order], atol=1e-5)
    np.testing.assert_allclose(found.xyxy, boxes[order], atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_thresholds_cut(checkpoints: Path, family: str) -> None:
    everything = load(checkpoints / family).aimed_at("dog").detect(IMAGE).confidence
    middle = float(np.sort(everything)[len(everything) // 2])
    some = load(checkpoints / family, box=middle).aimed_at("dog").detect(IMAGE).confidence
    assert len(some) == int((everything > middle).sum()) < len(everything)
    nothing = load(checkpoints / family, box=1.0).aimed_at("dog").detect(IMAGE)
    assert len(nothing) == 0
    assert nothing.xyxy.shape == (0, 4)
    if family != "owlv2":
        assert len(load(checkpoints / family, text=1.0).aimed_at("dog").detect(IMAGE)) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_noun_is_what_is_looked_for(checkpoints: Path, family: str) -> None:
    detector = load(checkpoints / family)
    dog, ball = (detector.aimed_at(noun).detect(IMAGE) for noun in ("dog", "red ball"))
    assert not np.array_equal(dog.confidence, ball.confidence)
    assert detector.aimed_at(" Red. BALL ").noun == "red ball"
    # However long it is.
    assert len(detector.aimed_at("remote " * 40 + "ball").detect(IMAGE)) > 0


def test_a_noun_cannot_end_the_text(checkpoints: Path) -> None:
    with pytest.raises(QueryError, match=r"'<\|endoftext\|>', which is a special token"):
        load(checkpoints / "owlv2").aimed_at("dog <|EndOfText|> cat")
    # Lower-cased, this is not a token of BERT's.
    assert load(checkpoints / "grounding-dino").aimed_at("dog [SEP] cat").noun == "dog [sep] cat"


def test_every_architecture_has_an_adapter_and_is_a_class_of_transformers() -> None:
    import transformers

    for architecture in DETECTORS:
        assert hasattr(transformers, architecture)


@pytest.mark.parametrize(
    ("noun", "word", "asked"),
    [
        ("man", "person", "person"),
        ("Police Officer", "person", "person"),
        ("children", "person", "person"),
        ("dog", "person", "dog"),
        ("sports ball", "person", "sports ball"),
        ("man", "", "man"),
        ("lady", "human", "human"),
    ],
)
def test_people_are_looked_for_by_one_word(noun: str, word: str, asked: str) -> None:
    assert search_text(noun, word) == asked


def test_what_cannot_be_loaded_is_refused_with_a_way_out(
    checkpoints: Path, sam2: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"no-such/detector.*check the id, the network"):
        load(Path("no-such/detector"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"without config\.json"):
        load(tmp_path / "empty")
    bare = tmp_path / "bare"
    shutil.copytree(checkpoints / "owlv2", bare)
    (bare / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="without weights"):
        load(bare)
    (bare / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="without a safetensors header"):
        load(bare)
    with pytest.raises(ModelError, match=r"detector .*Sam2VideoModel.*Owlv2ForObjectDetection"):
        load(sam2)
    config = json.loads((checkpoints / "owlv2" / "config.json").read_text(encoding="utf-8"))
    (bare / "config.json").write_text(json.dumps({**config, "model_type": "nonsense"}))
    with pytest.raises(ModelError, match="of type 'nonsense'; wanted type 'owlv2'"):
        load(bare)


def test_devices_and_dtypes(checkpoints: Path) -> None:
    with pytest.raises(UsageError, match="device 'tpu9'"):
        load_detector(
            str(checkpoints / "owlv2"), box_threshold=0.4, text_threshold=0.4, device="tpu9"
        )
    with pytest.raises(UsageError, match="dtype 'int3'"):
        load_detector(
            str(checkpoints / "owlv2"), box_threshold=0.4, text_threshold=0.4, dtype="int3"
        )
    made = load_detector(
        str(checkpoints / "owlv2"),
        box_threshold=0.0,
        text_threshold=0.0,
        device="cpu",
        dtype="bfloat16",
    )
    assert made.checkpoint.dtype == torch.bfloat16
    assert len(made.aimed_at("dog").detect(IMAGE)) > 0
