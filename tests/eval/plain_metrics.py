"""The metrics once more, frame by frame in plain Python, as the field's evaluators compute them.

Written from their definitions (method section 10, data-formats "Evaluation protocol") and sharing
nothing with the package: no NumPy, no box arithmetic, no span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Box = Sequence[float]


def box_iou(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    union = areas[0] + areas[1] - shared
    return shared / union if union > 0 else 0.0


def plain_metrics(
    true_boxes: Mapping[int, Box],
    found_span: tuple[int, int],
    found_boxes: Mapping[int, Box],
    protocol: str,
) -> tuple[float, float, float]:
    """(tIoU, vIoU, gt_vIoU) of a tube whose true frames are the keys of ``true_boxes``."""
    true_span = min(true_boxes), max(true_boxes)
    extra = 1 if protocol == "inclusive" else 0
    true_frames = set(range(true_span[0], true_span[1] + extra))
    found_frames = set(range(found_span[0], found_span[1] + extra))
    shared, union = true_frames & found_frames, true_frames | found_frames
    v_sum = gt_sum = 0.0
    for frame, box in true_boxes.items():
        if frame not in found_boxes:
            continue
        iou = box_iou(found_boxes[frame], box)
        gt_sum += iou
        if frame in shared:
            v_sum += iou
    begin, end = max(true_span[0], found_span[0]), min(true_span[1], found_span[1])
    lengths = (true_span[1] - true_span[0]) + (found_span[1] - found_span[0])
    t_iou = (end - begin) / (lengths - (end - begin)) if end > begin else 0.0
    return t_iou, v_sum / max(len(union), 1), gt_sum / len(true_boxes)
