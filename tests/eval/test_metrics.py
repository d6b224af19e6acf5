"""Overlaps against hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.eval.metrics import overlap
from zerotube.geometry.spans import Span
from zerotube.tube.types import Tube


def make_tube(span: Span, boxes: np.ndarray, frames: np.ndarray) -> Tube:
    inside = (frames >= span.start_frame) & (frames <= span.end_frame)
    return Tube(1, "object", span, frames[inside], boxes[inside], frames, boxes)


@pytest.mark.parametrize(
    ("answer", "truth", "shift", "t_iou", "v_iou", "gt_v_iou"),
    [
        ((4, 12), (4, 12), 0.0, 1.0, 1.0, 1.0),
        ((4, 12), (8, 16), 0.0, 4 / 12, 4 / 12, 1.0),
        ((4, 12), (8, 16), 5.0, 4 / 12, 4 / 12 / 3, 1 / 3),
        ((0, 4), (10, 14), 0.0, 0.0, 0.0, 1.0),
        ((3, 3), (3, 3), 0.0, 0.0, 0.0, 1.0),
    ],
    ids=["same", "later", "later and beside", "apart", "one frame has no length"],
)
def test_overlap(answer, truth, shift, t_iou, v_iou, gt_v_iou) -> None:
    """Twenty frames; the boxes, 10 wide, are ``shift`` pixels apart."""
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (20, 1))
    moved = boxes + np.array([shift, 0, shift, 0], np.float32)
    got = overlap(make_tube(Span(*answer), moved, np.arange(20)), Span(*truth), boxes)
    assert (got.t_iou, got.v_iou, got.gt_v_iou) == pytest.approx((t_iou, v_iou, gt_v_iou))


def test_frames_without_a_box_add_nothing() -> None:
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (20, 1))
    frames = np.arange(10)  # the track ends in the middle of the true span
    got = overlap(make_tube(Span(5, 14), boxes[:10], frames), Span(5, 14), boxes)
    assert got.v_iou == pytest.approx(5 / 9)
    assert got.gt_v_iou == pytest.approx(5 / 10)
