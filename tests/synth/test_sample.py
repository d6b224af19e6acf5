"""Samples are reproducible, have one right answer, and their spans match what is drawn."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from zerotube.synth import BASIC_SETS, set_sample, set_stage
from zerotube.synth.words import BASIC_ACTIONS, BASIC_SHAPES


@cache
def small(index, name="mixed", seed=7):
    return set_sample(name, index, seed, side=64)


@cache
def steady(name):
    """Samples seen by a camera that stands still, with nothing before their objects."""
    still = [n for n in range(60) if set_stage(name, n, 9).condition in ("plain", "clutter")]
    return [set_sample(name, index, 9, side=96) for index in still]


def test_same_seed_and_index_give_the_same_sample():
    first, again = small(3), set_sample("mixed", 3, 7, side=64)
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
    assert first.query == again.query
    assert not np.array_equal(first.frames[:40], small(5).frames[:40])
    assert not np.array_equal(first.frames[:40], small(3, seed=8).frames[:40])


@pytest.mark.parametrize("name", BASIC_SETS)
def test_shapes_types_and_words(name):
    item = small(0, name)
    count, frames = len(item.labels), len(item.frames)
    assert item.frames.shape == (frames, 64, 64, 3)
    assert item.frames.dtype == np.uint8
    assert item.boxes_xyxy.shape == (count, frames, 4)
    assert item.boxes_xyxy.dtype == np.float32
    assert isinstance(item.fps, Fraction)
    assert 0 <= item.start_frame < item.end_frame < frames
    colour_shape = item.labels[item.target]
    assert item.attribute == f"the {colour_shape}"
    assert item.noun == colour_shape.split()[1]
    assert item.noun in BASIC_SHAPES
    done = item.query.removeprefix(item.attribute + " ")
    assert done in BASIC_ACTIONS
    assert item.action == f"the {item.noun} {done}"


def performed(track, action):
    """Whether a track, (T, 4) boxes, shows the action, read from the boxes alone."""
    centres = (track[:, :2] + track[:, 2:]) / 2
    steps = np.diff(centres, axis=0)
    sizes = np.diff(track[:, 2] - track[:, 0])
    found = {
        "moves left": steps[:, 0] < -0.15,
        "moves right": steps[:, 0] > 0.15,
        "moves up": steps[:, 1] < -0.15,
        "moves down": steps[:, 1] > 0.15,
        "grows": sizes > 0.15,
        "shrinks": sizes < -0.15,
    }[action]
    if action not in ("grows", "shrinks"):
        found = found & (np.abs(sizes) < 0.15)
    return found


def test_action_samples_have_one_object_that_does_it():
    for item in steady("action-hard"):
        action = item.query.removeprefix(item.attribute + " ")
        for number, label in enumerate(item.labels):
            if number != item.target and label == item.labels[item.target]:
                assert not performed(item.boxes_xyxy[number], action).any()


@pytest.mark.parametrize("name", ["attribute-hard", "action-hard"])
def test_the_span_is_when_the_target_does_it(name):
    for item in steady(name):
        action = item.query.removeprefix(item.attribute + " ")
        steps = np.flatnonzero(performed(item.boxes_xyxy[item.target], action))
        assert abs(int(steps.min()) - item.start_frame) <= 1
        assert abs(int(steps.max()) + 1 - item.end_frame) <= 1
