"""Proposers by name, their settings, and what importing them costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from proposals.shape_video import RED, Shape, film, still
from zerotube.errors import TracksError, UsageError
from zerotube.proposals import (
    PROPOSERS,
    Detector,
    Proposer,
    Track,
    TrackSet,
    proposer,
)
from zerotube.proposals.colour import to_lab
from zerotube.proposals.motion.detector import RegionDetector
from zerotube.proposals.registry import runs_on_device, settings_class


def test_motion_is_registered_with_documented_settings() -> None:
    made = proposer("motion", max_tracks=5)
    assert isinstance(made, Proposer)
    assert made.name == "motion"
    assert made.settings.max_tracks == 5
    with pytest.raises(FrozenInstanceError):
        made.settings.max_tracks = 6
    for entry in PROPOSERS.values():
        assert entry.summary


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("magic", {}, r"one of gdino\+botsort.*motion, sam3"),
        ("gdino+sam2", {"box_threshold": 1.5}, "between 0 and 1"),
        ("gdino+sam2", {"every": 0}, "at least 1"),
        ("gdino+sam2", {"tracker": 7}, "a text"),
        ("gdino+sam2", {"dtype": "int4"}, "one of auto"),
        ("gdino+bytetrack", {"tracker": "x"}, "one of person,.* detector"),
        ("sam3", {"max_objects": True}, "a whole number"),
        ("gdino+botsort", {"lost_s": float("inf")}, "0 or more"),
        ("motion", {"tracks": 3}, "one of max_tracks"),
        ("motion", {"max_tracks": 0}, "at least 1"),
        ("motion", {"max_tracks": 2.5}, "a whole number"),
        ("motion", {"max_tracks": True}, "a whole number"),
        ("motion", {"max_fps": 0.0}, "max_fps > 0"),
        ("motion", {"max_fps": float("nan")}, "0 or more"),
        ("motion", {"fill_s": "long"}, "a number"),
        ("motion", {"working_side": 4}, "working_side >= 8"),
    ],
)
def test_unknown_names_and_settings_are_refused(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        proposer(name, **settings)


@pytest.mark.parametrize("name", sorted(PROPOSERS))
def test_every_setting_is_read_and_documented(name: str) -> None:
    """A knob that nobody reads would be a lie: each one is named in the code that runs."""
    import inspect

    from zerotube.cli.flags import field_docs

    homes = [each.__module__ for each in type(proposer(name)).__mro__]
    homes = [home for home in homes if home.startswith("zerotube.proposals.")]
    if hasattr(settings_class(name)(), "tracker"):
        homes.append("zerotube.proposals.tracking.masks")
    code = "".join(inspect.getsource(importlib.import_module(home)) for home in homes)
    # What a setting comes to may be a question to the settings themselves.
    own = "".join(
        inspect.getsource(member)
        for part in settings_class(name).__mro__[:-1]
        for member in vars(part).values()
        if inspect.isfunction(member) and not member.__name__.startswith("__")
    )
    for field in fields(settings_class(name)):
        assert f"settings.{field.name}" in code or f"self.{field.name}" in own, field.name
        assert field_docs(settings_class(name))[field.name]


@pytest.mark.parametrize("name", sorted(PROPOSERS))
def test_proposers_are_made_without_loading_models(name: str) -> None:
    made = proposer(name)
    assert isinstance(made, Proposer)
    assert made.name == name
    assert made.uses_noun == (name != "motion")
    assert runs_on_device(name) == (name != "motion")
    with pytest.raises(FrozenInstanceError):
        made.settings.device = "cpu"


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("torch", "supervision", "trackers", "cv2", "scipy", "av", "matplotlib")
    code = (
        "import sys, zerotube.proposals, zerotube.geometry, zerotube.geometry.masks, "
        "zerotube.proposals.motion, zerotube.proposals.registry, zerotube.proposals.files, "
        "zerotube.proposals.named.boxes, zerotube.proposals.named.masks, "
        "zerotube.proposals.named.sam3\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_detector_finds_shapes_in_one_picture() -> None:
    images = film([Shape("circle", RED, still(0.5, 0.5, 0.5))], count=1, side=64)
    detector = RegionDetector.learn(images, min_area_share=0.001, max_area_share=0.5)
    assert isinstance(detector, Detector)
    found = detector.detect(images[0])
    assert found.confidence is not None
    np.testing.assert_allclose(found.xyxy, [[16, 16, 48, 48]] * len(found), atol=1.0)


def test_lab_has_its_natural_scale() -> None:
    lab = to_lab(np.array([[[255, 255, 255], [0, 0, 0]]], dtype=np.uint8))
    np.testing.assert_allclose(lab[0], [[100, 0, 0], [0, 0, 0]], atol=0.01)


def a_track(**changes: Any) -> Track:
    values: dict[str, Any] = {
        "track_id": 1,
        "frame_indices": np.array([0, 2]),
        "boxes_xyxy": np.array([[0, 0, 2, 2], [1, 1, 3, 3]], dtype=np.float32),
        "observed": np.array([True, True]),
        "scores": np.ones(2, dtype=np.float32),
    }
    return Track(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_indices": np.array([2, 0])},
        {"frame_indices": np.array([-1, 0])},
        {"frame_indices": np.array([], dtype=np.int64)},
        {"boxes_xyxy": np.zeros((2, 4), dtype=np.float32)},
        {"boxes_xyxy": np.full((2, 4), np.nan, dtype=np.float32)},
        {"boxes_xyxy": np.zeros((1, 4), dtype=np.float32)},
        {"observed": np.array([True])},
        {"masks_rle": (None,)},
    ],
)
def test_a_track_checks_itself(changes: dict[str, Any]) -> None:
    with pytest.raises(TracksError):
        a_track(**changes)


def test_a_track_set_checks_itself_and_finds_by_id() -> None:
    tracks = TrackSet((a_track(), a_track(track_id=2)), 3, 8, 8, "test")
    assert tracks.by_id(2).track_id == 2
    with pytest.raises(TracksError, match=r"one of \[1, 2\]"):
        tracks.by_id(3)
    with pytest.raises(TracksError, match="twice"):
        TrackSet((a_track(), a_track()), 3, 8, 8, "test")
    with pytest.raises(TracksError, match="frames below 2"):
        TrackSet((a_track(),), 2, 8, 8, "test")


def test_boxes_at_says_where_the_object_is_not() -> None:
    boxes, visible = a_track().boxes_at(np.array([0, 1, 2, 9]))
    assert visible.tolist() == [True, False, True, False]
    assert np.isnan(boxes[1]).all()
    assert boxes[2].tolist() == [1, 1, 3, 3]
