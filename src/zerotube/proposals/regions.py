"""Connected regions of one frame, and how they are found on a plain scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.background import Background
from zerotube.proposals.palette import weigh

MOTION_KIND = -1
"""Kind of a region found by movement; other kinds are palette indices."""

PLAIN_KIND = -2
"""Kind of a whole foreground component of a plain scene, whatever its colours."""

_EDGE_FRACTION = 0.35
"""A rim pixel belongs to an object where it differs from the background by this fraction of what
the object's middle differs: near the half-covered pixel, a little outside of it so that thin
corners stay."""

_SPECK = 0.08
"""A patch smaller than this fraction of the connected foreground it is part of is a discoloured
rim or a highlight, not an object."""

MAX_REGIONS = 60
"""Most regions kept per frame and search, the largest: bounds the tracker's work on noise."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of one frame at the working resolution.

    Attributes:
        boxes_xyxy: float64 ``(n, 4)``, working pixels, on pixel edges.
        kinds: int64 ``(n,)``: palette index, `MOTION_KIND` or `PLAIN_KIND`.
        colours: float32 ``(n, 3)``, mean weighted Lab.
        areas: float64 ``(n,)``, pixels that belong to the region.
        scores: float32 ``(n,)`` in [0, 1], how much the region stands out.
        moving: float32 ``(n,)``, share of the region that differs from the median background.
    """

    boxes_xyxy: NDArray[np.float64]
    kinds: NDArray[np.int64]
    colours: NDArray[np.float32]
    areas: NDArray[np.float64]
    scores: NDArray[np.float32]
    moving: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def join(cls, parts: list[Regions]) -> Regions:
        """All regions of several searches, in their order."""
        return cls(
            np.concatenate([np.empty((0, 4)), *(part.boxes_xyxy for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.kinds for part in parts)]),
            np.concatenate([np.empty((0, 3), np.float32), *(part.colours for part in parts)]),
            np.concatenate([np.empty(0), *(part.areas for part in parts)]),
            np.concatenate([np.empty(0, np.float32), *(part.scores for part in parts)]),
            np.concatenate([np.empty(0, np.float32), *(part.moving for part in parts)]),
        )


def settle_labels(label: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give the pixels of a rim the label of the solid area next to them.

    On the rim between red and grey some pixels look purple; read as "purple" they would form a
    hollow region with the very box of the red one. Only pixels whose 3x3 neighbours agree keep
    their label, the others take that of the nearest such pixel.

    Args:
        label: uint8 ``(h, w)``, 0..253.
        where: bool ``(h, w)``, pixels that have a label.

    Returns:
        int32 ``(h, w)``, -1 outside ``where``.
    """
    import cv2

    shifted = np.where(where, label + 1, 0).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    solid = where & (cv2.erode(shifted, kernel) == cv2.dilate(shifted, kernel))
    if solid.any():
        _, nearest = cv2.distanceTransformWithLabels(
            (~solid).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        of_nearest = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
        of_nearest[nearest[solid]] = label[solid]
        return np.where(where, of_nearest[nearest], -1)
    return np.where(where, label, -1).astype(np.int32)


def plain_regions(
    lab: NDArray[np.float32],
    label: NDArray[np.uint8] | None,
    background: Background,
    *,
    min_area: float,
) -> Regions:
    """Objects on a plain background: one region per connected patch of one palette colour.

    Args:
        lab: float32 ``(h, w, 3)`` frame.
        label: uint8 ``(h, w)``, palette index of each pixel; None if the foreground has no clear
            colours.
        background: a plain model.
        min_area: smallest region, working pixels.

    Returns:
        The patches, and besides each connected foreground of whatever colours as `PLAIN_KIND`.
    """
    distance = background.distance(lab)
    foreground = distance > background.threshold
    weighted = weigh(lab)
    _, component, stats = components(foreground)
    group_area = stats[:, 4][component]
    found = []
    if label is not None:
        settled = settle_labels(label, foreground)
        for kind in np.unique(settled[foreground]).tolist():
            mask = settled == kind
            found.append(_outlined(mask, distance, weighted, group_area, kind, min_area))
    found.append(_outlined(foreground, distance, weighted, group_area, PLAIN_KIND, min_area))
    return Regions.join(found)


def _outlined(
    mask: NDArray[np.bool_],
    distance: NDArray[np.float32],
    weighted: NDArray[np.float32],
    group_area: NDArray[np.int32],
    kind: int,
    min_area: float,
) -> Regions:
    """Components of a mask, each trimmed to the pixels that stand out like its middle does.

    ``group_area`` is the area of the connected foreground around each pixel, int32 ``(h, w)``.
    """
    count, label, stats = components(mask)
    order = [i for i in range(1, count) if stats[i, 4] >= min_area]
    boxes, colours, areas, scores = [], [], [], []
    for index in sorted(order, key=lambda i: (-stats[i, 4], i))[:MAX_REGIONS]:
        x, y, w, h = (int(value) for value in stats[index, :4])
        view = slice(y, y + h), slice(x, x + w)
        inside = label[view] == index
        if stats[index, 4] < _SPECK * group_area[view][inside][0]:
            continue
        far = distance[view]
        contrast = float(np.percentile(far[inside], 75))
        kept = inside & (far > _EDGE_FRACTION * contrast)
        rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
        boxes.append([x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1])
        middle = inside & (far > 0.8 * contrast)
        colours.append(np.median(weighted[view][middle], axis=0))
        areas.append(float(kept.sum()))
        scores.append(min(1.0, 0.6 + contrast / 100.0))
    return make_regions(boxes, [kind] * len(boxes), colours, areas, scores)


def components(
    mask: NDArray[np.bool_],
) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """8-connected components: their number (0 is the outside), label map, (x, y, w, h, area)."""
    import cv2

    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(count), np.asarray(label, dtype=np.int32), np.asarray(stats, dtype=np.int32)


def make_regions(
    boxes: list[list[float]] | list[list[int]],
    kinds: list[int],
    colours: list[NDArray[np.float32]],
    areas: list[float],
    scores: list[float],
    moving: list[float] | None = None,
) -> Regions:
    """Regions from lists, each of one value per region (``moving``: 1 if not given)."""
    return Regions(
        np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
        np.asarray(kinds, dtype=np.int64),
        np.asarray(colours, dtype=np.float32).reshape(-1, 3),
        np.asarray(areas, dtype=np.float64),
        np.asarray(scores, dtype=np.float32),
        np.ones(len(kinds), np.float32) if moving is None else np.asarray(moving, np.float32),
    )
