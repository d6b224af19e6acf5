"""Overlaps against hand-computed cases, in both protocols."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.eval.metrics import NOTHING, overlap
from zerotube.eval.predictions import failure
from zerotube.eval.types import Prediction, Truth
from zerotube.geometry.spans import Span

BOXES = np.tile(np.array([0.0, 0.0, 10.0, 10.0]), (20, 1))


def made_truth(first: int, last: int) -> Truth:
    return Truth(Span(first, last), BOXES[first : last + 1])


def made_prediction(first: int, last: int, *, shift: float = 0.0, frames: int = 20) -> Prediction:
    """A track over the first ``frames`` of twenty, its boxes ``shift`` pixels to the right."""
    moved = BOXES[:frames] + np.array([shift, 0.0, shift, 0.0])
    return Prediction("a", Span(first, last), np.arange(frames), moved)


@pytest.mark.parametrize(
    ("answer", "truth", "shift", "t_iou", "half_open", "inclusive", "gt_v_iou"),
    [
        ((4, 12), (4, 12), 0.0, 1.0, 1.0, 1.0, 1.0),
        ((4, 12), (8, 16), 0.0, 4 / 12, 4 / 12, 5 / 13, 1.0),
        ((4, 12), (8, 16), 5.0, 4 / 12, 4 / 12 / 3, 5 / 13 / 3, 1 / 3),
        ((0, 4), (10, 14), 0.0, 0.0, 0.0, 0.0, 1.0),
        ((0, 4), (4, 8), 0.0, 0.0, 0.0, 1 / 9, 1.0),
        ((3, 3), (3, 3), 0.0, 0.0, 0.0, 1.0, 1.0),
        ((2, 17), (5, 9), 0.0, 4 / 15, 4 / 15, 5 / 16, 1.0),
        ((5, 9), (2, 17), 0.0, 4 / 15, 4 / 15, 5 / 16, 1.0),
    ],
    ids=["same", "later", "beside", "apart", "touching", "one frame", "around", "within"],
)
def test_overlap(answer, truth, shift, t_iou, half_open, inclusive, gt_v_iou) -> None:
    prediction = made_prediction(*answer, shift=shift)
    for protocol, v_iou in (("half-open", half_open), ("inclusive", inclusive)):
        got = overlap(made_truth(*truth), prediction, protocol)
        assert (got.t_iou, got.v_iou, got.gt_v_iou) == pytest.approx((t_iou, v_iou, gt_v_iou))


def test_frames_without_a_box_add_nothing() -> None:
    # The track ends in the middle of the true span.
    got = overlap(made_truth(5, 14), made_prediction(5, 14, frames=10), "half-open")
    assert got.v_iou == pytest.approx(5 / 9)
    assert got.gt_v_iou == pytest.approx(5 / 10)


def test_no_answer_is_worth_nothing() -> None:
    for answer in (None, failure("a", "out of memory")):
        assert overlap(made_truth(5, 14), answer, "inclusive") == NOTHING
