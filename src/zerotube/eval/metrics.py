"""How far a tube is from the true one (method section 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import paired_iou
from zerotube.geometry.spans import Span
from zerotube.tube.types import Tube


@dataclass(frozen=True)
class Overlap:
    """A tube beside the truth.

    Attributes:
        t_iou: overlap of the spans on their lengths.
        v_iou: overlap of the tubes over the union of the spans, each span half-open.
        gt_v_iou: mean overlap of the boxes over all true frames, the answer's time ignored.
    """

    t_iou: float
    v_iou: float
    gt_v_iou: float


def overlap(tube: Tube, true_span: Span, true_boxes_xyxy: NDArray[np.float32]) -> Overlap:
    """Compare a tube with the truth; a frame in which the tube has no box adds 0.

    Args:
        tube: the answer.
        true_span: described time, both ends included.
        true_boxes_xyxy: float32 ``(T, 4)``, the target in every frame of the video, pixels.
    """
    by_frame = np.zeros(len(true_boxes_xyxy))
    frames = tube.track_frame_indices
    by_frame[frames] = paired_iou(tube.track_boxes_xyxy, true_boxes_xyxy[frames])
    shared = slice(
        max(tube.span.start_frame, true_span.start_frame),
        min(tube.span.end_frame, true_span.end_frame),
    )
    answered = set(range(tube.span.start_frame, tube.span.end_frame))
    union = len(answered | set(range(true_span.start_frame, true_span.end_frame)))
    return Overlap(
        t_iou=tube.span.t_iou(true_span),
        v_iou=float(by_frame[shared].sum()) / union if union else 0.0,
        gt_v_iou=float(by_frame[true_span.start_frame : true_span.end_frame + 1].mean()),
    )
