"""Samples are reproducible, have one right answer, and their spans match what is drawn."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from zerotube.errors import UsageError
from zerotube.synth import HELD_OUT_SEED, sample
from zerotube.synth.world import ACTIONS, SHAPES


def small(index, kind=None, seed=7):
    return sample(seed, index, kind, frame_count=12, height=64, width=64)


def test_same_seed_and_index_give_the_same_sample():
    first, again = small(3), small(3)
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
    assert first.query == again.query
    assert not np.array_equal(first.frames, small(5).frames)
    assert not np.array_equal(first.frames, small(3, seed=8).frames)


@pytest.mark.parametrize("kind", ["attribute", "action"])
def test_shapes_types_and_words(kind):
    item = small(0, kind)
    count = len(item.labels)
    assert item.frames.shape == (12, 64, 64, 3)
    assert item.frames.dtype == np.uint8
    assert item.boxes_xyxy.shape == (count, 12, 4)
    assert item.boxes_xyxy.dtype == np.float32
    assert isinstance(item.fps, Fraction)
    assert 0 <= item.start_frame < item.end_frame < 12
    colour_shape = item.labels[item.target]
    assert item.attribute == f"the {colour_shape}"
    assert item.noun == colour_shape.split()[1]
    assert item.noun in SHAPES
    done = item.query.removeprefix(item.attribute + " ")
    assert done in ACTIONS
    assert item.action == f"the {item.noun} {done}"


def test_attribute_samples_have_one_object_of_that_look_and_hard_distractors():
    for index in range(60):
        item = small(index, "attribute")
        colour, shape = item.labels[item.target].split()
        others = [label.split() for n, label in enumerate(item.labels) if n != item.target]
        assert others
        for other_colour, other_shape in others:
            assert (other_colour == colour) != (other_shape == shape)


def performed(track, action):
    """Whether a track, (T, 4) boxes, shows the action, read from the boxes alone."""
    centres = (track[:, :2] + track[:, 2:]) / 2
    steps = np.diff(centres, axis=0)
    sizes = np.diff(track[:, 2] - track[:, 0])
    found = {
        "moves left": steps[:, 0] < -0.2,
        "moves right": steps[:, 0] > 0.2,
        "moves up": steps[:, 1] < -0.2,
        "moves down": steps[:, 1] > 0.2,
        "grows": sizes > 0.2,
        "shrinks": sizes < -0.2,
    }[action]
    if action not in ("grows", "shrinks"):
        found = found & (np.abs(sizes) < 0.2)
    return found


def test_action_samples_have_one_object_that_does_it():
    for index in range(60):
        item = small(index, "action")
        action = item.query.removeprefix(item.attribute + " ")
        for number, label in enumerate(item.labels):
            if number != item.target and label == item.labels[item.target]:
                assert not performed(item.boxes_xyxy[number], action).any()


@pytest.mark.parametrize("kind", ["attribute", "action"])
def test_the_span_is_when_the_target_does_it(kind):
    for index in range(40):
        item = sample(9, index, kind, frame_count=30, height=96, width=96)
        action = item.query.removeprefix(item.attribute + " ")
        steps = np.flatnonzero(performed(item.boxes_xyxy[item.target], action))
        assert abs(int(steps.min()) - item.start_frame) <= 1
        assert abs(int(steps.max()) + 1 - item.end_frame) <= 1


def test_kinds_alternate_when_none_is_named():
    assert [small(index).kind for index in range(4)] == ["attribute", "action"] * 2


@pytest.mark.parametrize(
    "settings", [{"kind": "sound"}, {"seed": -1}, {"index": -1}, {"frame_count": 3}]
)
def test_impossible_settings_are_refused(settings):
    arguments = {"seed": HELD_OUT_SEED, "index": 0, "kind": "attribute", **settings}
    with pytest.raises(UsageError, match=r"got .*; wanted"):
        sample(**arguments)
