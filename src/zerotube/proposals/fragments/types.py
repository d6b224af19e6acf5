"""A stretch of an object's life, before it is a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOTION_KIND = -1
"""Kind of what was found by movement; other kinds of the motion proposer are palette indices."""

PLAIN_KIND = -2
"""Kind of a whole foreground component of a plain scene, whatever its colours."""

_PER_FRAME = ("frames", "boxes_xyxy", "observed", "scores", "fill")


@dataclass(frozen=True, eq=False)
class Fragment:
    """One object, or a stretch of its life, on the processed frames.

    Attributes:
        frames: int64 ``(n,)``, source frames, strictly increasing.
        boxes_xyxy: float64 ``(n, 4)``, pixels of the source video.
        observed: bool ``(n,)``.
        scores: float32 ``(n,)``.
        fill: float64 ``(n,)``, share of the box that the object covers.
        kind: what only like things share: a palette index, `MOTION_KIND` or `PLAIN_KIND`; 0 where
            a detector was asked for one noun.
        colour: float32 ``(3,)``, weighted Lab, median over the frames; None: not looked at.
        moving: float, mean share of the object that differs from the median background.
        masks_rle: by source frame, the COCO run-length encoding; empty if only boxes are known.
    """

    frames: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]
    observed: NDArray[np.bool_]
    scores: NDArray[np.float32]
    fill: NDArray[np.float64]
    kind: int = 0
    colour: NDArray[np.float32] | None = None
    moving: float = 1.0
    masks_rle: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: NDArray[Any]) -> Fragment:
        """The same fragment on some of its frames (rows: indices or a bool mask)."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _PER_FRAME}
        kept = set(columns["frames"].tolist())
        masks = {frame: mask for frame, mask in self.masks_rle.items() if frame in kept}
        return replace(self, **columns, masks_rle=masks)

    def joined(self, *others: Fragment) -> Fragment:
        """This fragment with the frames of others, which have none of its own, in order."""
        parts = (self, *others)
        order = np.argsort(np.concatenate([part.frames for part in parts]), kind="stable")
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in _PER_FRAME
        }
        masks = {frame: mask for part in parts for frame, mask in part.masks_rle.items()}
        return replace(self, **columns, masks_rle=masks)
