"""Boxes and masks of one frame: which are the same thing, and which pixels are specks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision


def distinct(
    detections: supervision.Detections, *, iou: float, most: int
) -> supervision.Detections:
    """One box per thing, best first.

    Args:
        detections: with ``confidence``.
        iou: of two boxes that overlap by more than this, the weaker one goes.
        most: how many are kept at most.
    """
    if len(detections) == 0:
        return detections
    kept = detections.with_nms(threshold=iou, class_agnostic=True)
    order = np.argsort(-np.asarray(kept.confidence), kind="stable")[:most]
    return cast("supervision.Detections", kept[order])


def mask_box(mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The box around a mask on pixel edges, float64 ``(4,)`` xyxy; None if it is empty."""
    import cv2

    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return np.array([x, y, x + width, y + height], dtype=np.float64) if width else None


def mask_ious(mask: NDArray[np.bool_], others: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Overlap of one mask with each of several.

    Args:
        mask: bool ``(height, width)``.
        others: bool masks of the same size.

    Returns:
        float64 ``(len(others),)`` in [0, 1]; 0 where both masks are empty.
    """
    result = np.zeros(len(others))
    box = mask_box(mask)
    if box is None:
        return result
    x1, y1, x2, y2 = box.astype(int).tolist()
    # Outside of the mask's own box nothing can be shared, so only that part is compared.
    part, area = mask[y1:y2, x1:x2], int(np.count_nonzero(mask))
    for place, other in enumerate(others):
        shared = int(np.count_nonzero(part & other[y1:y2, x1:x2]))
        if shared:
            result[place] = shared / (area + int(np.count_nonzero(other)) - shared)
    return result


def without_specks(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """The mask without its stray bits.

    Args:
        mask: bool ``(height, width)``.
        share: connected pieces smaller than this fraction of the largest are dropped.
    """
    box = mask_box(mask)
    if box is None or share <= 0:
        return mask
    x1, y1, x2, y2 = box.astype(int).tolist()
    part = mask[y1:y2, x1:x2]
    count, labels, stats = components(part)
    if count <= 2:
        return mask
    areas = stats[:, 4].copy()
    areas[0] = 0  # the background
    clean = np.zeros_like(mask)
    clean[y1:y2, x1:x2] = (areas >= share * areas.max())[labels] & part
    return clean


def components(
    mask: NDArray[np.bool_],
) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """8-connected components: their number (0 is the outside), label map, (x, y, w, h, area)."""
    import cv2

    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(count), np.asarray(label, dtype=np.int32), np.asarray(stats, dtype=np.int32)
