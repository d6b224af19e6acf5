"""Small box arithmetic that `supervision` does not offer.

Boxes are ``(x1, y1, x2, y2)`` in pixels, measured on pixel *edges*: the box of the single pixel in
the corner is ``(0, 0, 1, 1)``. All-against-all overlap is `supervision.box_iou_batch`, clipping is
`supervision.clip_boxes`; what is here compares or moves boxes pair by pair along a track.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_area(boxes_xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Areas in square pixels, float64 ``(n,)``; an inverted box counts as 0."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def paired_intersection(
    first_xyxy: NDArray[np.floating], second_xyxy: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Shared area of box i of the first with box i of the second, float64 ``(n,)``, px squared."""
    first = np.asarray(first_xyxy, dtype=np.float64).reshape(-1, 4)
    second = np.asarray(second_xyxy, dtype=np.float64).reshape(-1, 4)
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    return box_area(np.concatenate([low, high], axis=1))


def paired_iou(
    first_xyxy: NDArray[np.floating], second_xyxy: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Intersection over union of box i with box i.

    Args:
        first_xyxy: ``(n, 4)``.
        second_xyxy: ``(n, 4)``.

    Returns:
        float64 ``(n,)`` in [0, 1]; 0 where both boxes are empty.
    """
    shared = paired_intersection(first_xyxy, second_xyxy)
    union = box_area(first_xyxy) + box_area(second_xyxy) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def interpolate_boxes(
    frames: NDArray[np.int64] | NDArray[np.float64],
    boxes_xyxy: NDArray[np.floating],
    at: NDArray[np.int64] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """Boxes at other frames, linear in each edge between the nearest known frames.

    Args:
        frames: int64 ``(n,)``, strictly increasing, n >= 1; or the times at which they appear,
            float64, where frames may lie unevenly.
        boxes_xyxy: ``(n, 4)``, the boxes known there.
        at: ``(k,)``, frames (or times) wanted; before the first and after the last known frame the
            nearest known box is held.

    Returns:
        float64 ``(k, 4)``.
    """
    columns = [np.interp(at, frames, np.asarray(boxes_xyxy)[:, edge]) for edge in range(4)]
    return np.stack(columns, axis=1).astype(np.float64)


def short_numbers(values: NDArray[np.float32]) -> list[float]:
    """float32 as the shortest decimals that read back as the same (12.3, not 12.30000019)."""
    return [float(str(value)) for value in values]
