"""Regions of one frame of a cluttered scene: what moves, and what is salient by its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.colour import weigh
from zerotube.proposals.fragments.overlap import components
from zerotube.proposals.fragments.types import MOTION_KIND
from zerotube.proposals.motion.background import Background, edge_strength
from zerotube.proposals.motion.regions import MAX_REGIONS, as_detections, settle_labels

if TYPE_CHECKING:
    import supervision

_COMPLETED = 0.3
"""A patch of one colour of which this share moves is taken to move as a whole: the median
background swallows the middle of a person who stays in place, but not their outline."""

_MOTION_AREA = 4.0
"""Moving regions have to be this much larger than coloured ones: movement comes in pieces."""

_MOTION_SCORE = 0.5
"""Score of moving regions, below that of a thing with a clear colour and outline."""

_CLEAR = 14.0
"""Weighted Lab distance at which a neighbouring pixel differs clearly from a patch."""


@dataclass(frozen=True, eq=False)
class _Patch:
    """A connected patch of one palette colour.

    Attributes:
        kind: palette index.
        box_xywh: working pixels.
        area: pixels.
        moving: share of them that differ from the median background.
        mask: bool ``(h, w)`` of its box.
    """

    kind: int
    box_xywh: tuple[int, int, int, int]
    area: int
    moving: float
    mask: NDArray[np.bool_]


def cluttered_regions(
    lab: NDArray[np.float32],
    label: NDArray[np.uint8] | None,
    background: Background,
    *,
    min_area: float,
    max_area: float,
) -> supervision.Detections:
    """Moving regions, then compact patches of one colour that differ from what surrounds them.

    Args:
        lab: float32 ``(h, w, 3)`` frame.
        label: uint8 ``(h, w)``, palette index of each pixel; None if there is no palette.
        background: a median model.
        min_area: smallest region, working pixels.
        max_area: largest region, working pixels.
    """
    import cv2
    import supervision as sv

    off = (background.distance(lab) > background.threshold).astype(np.uint8)
    moving = np.asarray(cv2.morphologyEx(off, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    patches = [] if label is None else _patches(label, moving, min_area, max_area)
    whole = moving.copy()
    for patch in patches:
        if patch.moving >= _COMPLETED:
            x, y, w, h = patch.box_xywh
            whole[y : y + h, x : x + w] |= patch.mask
    weighted = weigh(lab)
    return sv.Detections.merge(
        [
            _moving_regions(lab, weighted, whole, background, min_area, max_area),
            _salient_regions(weighted, patches),
        ]
    )


def _patches(
    label: NDArray[np.uint8], moving: NDArray[np.uint8], min_area: float, max_area: float
) -> list[_Patch]:
    """Connected patches of one colour within the limits of size."""
    import cv2

    settled = settle_labels(label, np.ones(label.shape, dtype=np.bool_))
    found = []
    for kind in np.unique(settled).tolist():
        mask = (settled == kind).astype(np.uint8)
        # Opening cuts the bridges of a few pixels by which a thing hangs on to its surroundings.
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        count, component, stats = components(mask > 0)
        for index in range(1, count):
            x, y, w, h, area = (int(value) for value in stats[index])
            if min_area <= area <= max_area:
                view = slice(y, y + h), slice(x, x + w)
                inside = component[view] == index
                share = float(moving[view][inside].mean())
                found.append(_Patch(kind, (x, y, w, h), area, share, inside))
    return found


def _salient_regions(
    weighted: NDArray[np.float32], patches: list[_Patch]
) -> supervision.Detections:
    """The patches that look like things, most salient first."""
    height, width = weighted.shape[:2]
    found: list[tuple[float, _Patch, NDArray[np.float32]]] = []
    for patch in patches:
        x, y, w, h = patch.box_xywh
        borders = (x == 0) + (y == 0) + (x + w == width) + (y + h == height)
        if borders <= 1 and patch.area >= 0.35 * w * h:
            score, colour = _saliency(weighted, patch)
            if score > 0:
                found.append((score, patch, colour))
    found = sorted(found, key=lambda item: -item[0])[:MAX_REGIONS]
    return as_detections(
        [_box(patch.box_xywh) for _, patch, _ in found],
        [patch.kind for _, patch, _ in found],
        [colour for _, _, colour in found],
        [float(patch.area) for _, patch, _ in found],
        [score for score, _, _ in found],
        [patch.moving for _, patch, _ in found],
    )


def _saliency(weighted: NDArray[np.float32], patch: _Patch) -> tuple[float, NDArray[np.float32]]:
    """How much a patch stands out (0..1) and its mean colour, weighted Lab.

    Contrast with a ring around it, times the share of the ring that differs clearly (a patch of
    foliage differs on average, but not everywhere), times how convex it is, times how vivid.
    """
    import cv2

    x, y, w, h = patch.box_xywh
    height, width = weighted.shape[:2]
    reach = max(3, round(0.12 * max(w, h)))
    left, top = min(reach, x), min(reach, y)
    right, bottom = min(reach, width - x - w), min(reach, height - y - h)
    inside = np.pad(patch.mask.astype(np.uint8), ((top, bottom), (left, right)))
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(inside), outlines, -1, 1, cv2.FILLED)
    hull = cv2.convexHull(np.concatenate(outlines))
    hull_area = float(cv2.drawContours(np.zeros_like(inside), [hull], -1, 1, cv2.FILLED).sum())
    solidity = float(filled.sum()) / max(hull_area, 1.0)
    skin = cv2.dilate(filled, np.ones((3, 3), np.uint8))
    ring = (cv2.dilate(filled, np.ones((2 * reach + 1,) * 2, np.uint8)) > 0) & (skin == 0)
    pixels = weighted[y - top : y + h + bottom, x - left : x + w + right]
    colour = np.asarray(pixels[inside > 0].mean(axis=0), dtype=np.float32)
    if not ring.any():
        return 0.0, colour
    off = np.linalg.norm(pixels[ring] - colour, axis=1)
    contrast = min(1.0, float(np.median(off)) / 40.0)
    clear = float((off > _CLEAR).mean())
    vivid = 0.6 + 0.4 * min(1.0, float(np.hypot(colour[1], colour[2])) / 45.0)
    return float(contrast * clear * solidity * vivid), colour


def _moving_regions(
    lab: NDArray[np.float32],
    weighted: NDArray[np.float32],
    mask: NDArray[np.uint8],
    background: Background,
    min_area: float,
    max_area: float,
) -> supervision.Detections:
    """Connected regions of the moving mask.

    A region whose outline is an edge of the background model and not of the frame is the hole that
    an object left in the model when it moved away, and is passed over.
    """
    import cv2

    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, label, stats = components(np.asarray(closed) > 0)
    edges = edge_strength(lab)
    least = _MOTION_AREA * min_area
    order = [i for i in range(1, count) if least <= stats[i, 4] <= max_area]
    boxes, colours, areas = [], [], []
    for index in sorted(order, key=lambda i: (-stats[i, 4], i))[:MAX_REGIONS]:
        x, y, w, h, area = (int(value) for value in stats[index])
        view = slice(max(0, y - 2), y + h + 2), slice(max(0, x - 2), x + w + 2)
        inside = (label[view] == index).astype(np.uint8)
        if area < 0.3 * w * h:
            continue  # a thin rim: something swayed a little
        rim = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        if edges[view][rim].mean() < background.edges[view][rim].mean():
            continue
        boxes.append(_box((x, y, w, h)))
        colours.append(weighted[view][inside > 0].mean(axis=0))
        areas.append(float(area))
    count = len(boxes)
    return as_detections(boxes, [MOTION_KIND] * count, colours, areas, [_MOTION_SCORE] * count)


def _box(box_xywh: tuple[int, int, int, int]) -> list[float]:
    x, y, w, h = box_xywh
    return [float(x), float(y), float(x + w), float(y + h)]
