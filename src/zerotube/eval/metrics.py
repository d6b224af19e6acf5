"""How far a predicted tube is from the true one (method section 10).

Both protocols of the field are here; tIoU and gt_vIoU are the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zerotube.eval.types import Prediction, Protocol, Truth
from zerotube.geometry.boxes import paired_iou

THRESHOLDS = (0.3, 0.5)
"""R of vIoU@R; a sample counts if it lies strictly above."""


@dataclass(frozen=True)
class Overlap:
    """A prediction beside the truth.

    Attributes:
        t_iou: overlap of the spans on their lengths.
        v_iou: overlap of the tubes over the union of the spans, frame sets as the protocol says.
        gt_v_iou: mean overlap of the boxes over all true frames, the predicted time ignored.
    """

    t_iou: float
    v_iou: float
    gt_v_iou: float


NOTHING = Overlap(0.0, 0.0, 0.0)
"""What a missing or failed prediction is worth."""


def overlap(truth: Truth, prediction: Prediction | None, protocol: Protocol) -> Overlap:
    """Compare a prediction with the truth; a true frame in which it has no box adds 0.

    Args:
        truth: the described tube.
        prediction: the answer; None, or one that failed, is worth 0.
        protocol: frame sets of vIoU.
    """
    if prediction is None or prediction.span is None:
        return NOTHING
    true, found = truth.span, prediction.span
    # Position of every predicted box in the true span; those outside it never count.
    at = prediction.frame_indices - true.start_frame
    inside = (at >= 0) & (at < true.frame_count)
    by_frame = np.zeros(true.frame_count)
    by_frame[at[inside]] = paired_iou(prediction.boxes_xyxy[inside], truth.known_boxes[at[inside]])
    extra = 1 if protocol == "inclusive" else 0
    first = max(true.start_frame, found.start_frame)
    stop = min(true.end_frame, found.end_frame) + extra
    shared = max(stop - first, 0)
    lengths = (true.end_frame - true.start_frame) + (found.end_frame - found.start_frame)
    union = lengths + 2 * extra - shared
    summed = by_frame[first - true.start_frame : stop - true.start_frame].sum() if shared else 0.0
    return Overlap(
        t_iou=found.t_iou(true),
        v_iou=float(summed) / union if union else 0.0,
        gt_v_iou=float(by_frame.mean()),
    )
