"""Boxes of the test sets are those of the pixels that show the object, whatever the condition."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from zerotube.synth import BASIC_SETS, CONDITIONS, set_sample, set_stage
from zerotube.synth.draw import draw
from zerotube.synth.outlines import boxes as boxes_of

SIDE = 224


@cache
def of_condition(condition):
    """One stage of each of some sets, more where boxes are harder to tell."""
    found = []
    for name in ("action-hard", "unseen") if condition == "occlusion" else ("attribute-hard",):
        index = next(n for n in range(20) if set_stage(name, n).condition == condition)
        found.append(set_stage(name, index))
    return found


@cache
def shown(stage, number):
    """Where an object shows: what changes when it is taken away, (T, height, width) levels."""
    rest = tuple(item for n, item in enumerate(stage.take.actors) if n != number)
    with_it, without = drawn(stage).frames, draw(changed(stage, actors=rest)).frames
    return (np.maximum(with_it, without) - np.minimum(with_it, without)).max(axis=3)


def changed(stage, **changes):
    """The stage with another take, in which the first object is the target."""
    return replace(stage, take=replace(stage.take, **changes), target=0)


@cache
def drawn(stage):
    return draw(stage, SIDE)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_boxes_hug_the_pixels_that_can_be_seen(condition):
    for stage in of_condition(condition):
        for number in range(len(stage.take.actors)):
            seen = shown(stage, number) > 12
            for frame in range(0, stage.frame_count, 3):
                rows, cols = np.nonzero(seen[frame])
                pixels = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
                box = drawn(stage).boxes_xyxy[number, frame]
                np.testing.assert_allclose(box, pixels, atol=1.5, err_msg=stage.sample_id)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_objects_stand_out_from_what_lies_behind_them(condition):
    for stage in of_condition(condition):
        for number in range(len(stage.take.actors)):
            levels = shown(stage, number)[0]
            assert np.median(levels[levels > 12]) >= 40


def test_an_occluder_hides_about_half_at_most_and_not_all_the_time():
    cut = 0
    for stage in of_condition("occlusion"):
        open_view = changed(stage, occluder=None)
        for number in range(len(stage.take.actors)):
            visible = (shown(stage, number) > 40).sum(axis=(1, 2))
            whole = (shown(open_view, number) > 40).sum(axis=(1, 2))
            hidden = 1 - visible / whole
            assert hidden.max() <= 0.58
            if number == stage.target:
                assert hidden.max() >= 0.15
                assert (hidden > 0.1).mean() <= 0.65
        boxes, whole = drawn(stage).boxes_xyxy, boxes_of(stage.take, SIDE, SIDE)
        assert (boxes[..., :2] >= whole[..., :2] - 1).all()
        assert (boxes[..., 2:] <= whole[..., 2:] + 1).all()
        cut += (np.abs(boxes - whole)[stage.target] > 3).any()
    assert cut >= 1


def test_everything_moves_with_the_camera():
    stage = of_condition("jitter")[0]
    still = changed(stage, shifts=np.zeros_like(stage.take.shifts))
    moved = drawn(stage).boxes_xyxy - draw(still, SIDE).boxes_xyxy
    wanted = np.tile(stage.take.shifts * SIDE, 2)
    np.testing.assert_allclose(moved, np.broadcast_to(wanted, moved.shape), atol=1e-3)
    # The ground as well: shifted back by whole pixels, a frame is the still one, nearly.
    whole = changed(stage, shifts=np.full_like(stage.take.shifts, 4 / SIDE))
    ahead, behind = draw(whole, SIDE).frames[0], draw(still, SIDE).frames[0]
    grain = stage.take.backdrop.grain
    assert np.abs(ahead[4:, 4:].astype(int) - behind[:-4, :-4]).mean() <= 1 + 2 * grain


def test_a_sample_says_the_same_as_its_stage():
    for name in BASIC_SETS:
        stage = set_stage(name, 2)
        item = set_sample(name, 2, side=64)
        assert item.kind == name
        assert item.query == f"the {item.labels[item.target]} {stage.action}"
        assert item.query.split()[-len(stage.action.split()) :] == stage.action.split()
        assert item.attribute == f"the {item.labels[item.target]}"
        assert item.action == f"the {item.noun} {stage.action}"
        assert item.frames.shape == (stage.frame_count, 64, 64, 3)
        assert item.boxes_xyxy.shape == (len(stage.take.actors), stage.frame_count, 4)
        assert (item.start_frame, item.end_frame) == (
            stage.start_frame,
            stage.end_frame,
        )
        assert dict(item.tags) == stage.tags


def test_size_changes_pixels_and_nothing_else():
    small, large = set_sample("mixed", 5, side=112), set_sample("mixed", 5, side=224)
    assert small.query == large.query
    assert small.tags == large.tags
    np.testing.assert_allclose(small.boxes_xyxy * 2, large.boxes_xyxy, atol=2.5)
