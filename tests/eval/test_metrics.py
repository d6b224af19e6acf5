"""Overlaps against hand-computed cases and against a plain loop, in both protocols."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.plain_metrics import plain_metrics
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


@st.composite
def box_lists(draw: st.DrawFn, count: int) -> list[list[float]]:
    """Boxes of sides from 0 to 60 px, whole or broken coordinates, near enough to overlap."""
    edges = st.integers(0, 40) | st.floats(0, 40, allow_subnormal=False)
    sides = st.integers(0, 60) | st.floats(0, 60, allow_subnormal=False)
    boxes = []
    for _ in range(count):
        left, top, width, height = draw(edges), draw(edges), draw(sides), draw(sides)
        boxes.append([left, top, left + width, top + height])
    return boxes


@st.composite
def cases(draw: st.DrawFn) -> tuple[Truth, Prediction]:
    first = draw(st.integers(0, 15))
    last = first + draw(st.integers(0, 12))
    true_boxes = np.array(draw(box_lists(last - first + 1)), dtype=np.float64)
    begin = draw(st.integers(0, 25))
    frames = sorted(draw(st.sets(st.integers(0, 35))))
    found = np.array(draw(box_lists(len(frames))), dtype=np.float64).reshape(-1, 4)
    if draw(st.booleans()):
        # Mostly right boxes, so that large overlaps occur as well.
        for row, frame in enumerate(frames):
            if first <= frame <= last:
                found[row] = true_boxes[frame - first] + np.array([0, 0, 1, 2])
    span = Span(begin, begin + draw(st.integers(0, 15)))
    truth = Truth(Span(first, last), true_boxes)
    return truth, Prediction("a", span, np.array(frames, dtype=np.int64), found)


@pytest.mark.parametrize("protocol", ["half-open", "inclusive"])
@given(case=cases())
@settings(max_examples=300)
def test_agrees_with_a_loop_over_frames(protocol, case) -> None:
    truth, prediction = case
    expected = plain_metrics(
        dict(enumerate(truth.boxes_xyxy.tolist(), start=truth.span.start_frame)),
        (prediction.span.start_frame, prediction.span.end_frame),
        dict(zip(prediction.frame_indices.tolist(), prediction.boxes_xyxy.tolist(), strict=True)),
        protocol,
    )
    got = overlap(truth, prediction, protocol)
    assert (got.t_iou, got.v_iou, got.gt_v_iou) == pytest.approx(expected, abs=1e-12)
    assert all(0 <= value <= 1 for value in (got.t_iou, got.v_iou, got.gt_v_iou))


def test_long_tubes_of_large_boxes_keep_their_precision() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 3840, (5000, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0, 800, (5000, 2))], axis=1)
    # Single precision, as trackers give it, is compared in double.
    found = (boxes + rng.uniform(0, 90, (5000, 1))).astype(np.float32).astype(np.float64)
    prediction = Prediction("a", Span(300, 4200), np.arange(5000), found)
    truth = Truth(Span(100, 4000), boxes[100:4001])
    for protocol in ("half-open", "inclusive"):
        expected = plain_metrics(
            dict(enumerate(boxes[100:4001].tolist(), start=100)),
            (300, 4200),
            dict(enumerate(found.tolist())),
            protocol,
        )
        got = overlap(truth, prediction, protocol)
        assert (got.t_iou, got.v_iou, got.gt_v_iou) == pytest.approx(expected, abs=1e-12)


def test_boxes_without_area_overlap_nothing() -> None:
    point = np.array([[5.0, 5.0, 5.0, 5.0]] * 3)
    truth = Truth(Span(0, 2), point)
    got = overlap(truth, Prediction("a", Span(0, 2), np.arange(3), point), "inclusive")
    assert (got.t_iou, got.v_iou, got.gt_v_iou) == (1.0, 0.0, 0.0)
