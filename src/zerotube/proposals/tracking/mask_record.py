"""What is kept of an object while a video runs: one run-length encoded mask per frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import box_area
from zerotube.geometry.masks import encode_mask
from zerotube.proposals.fragments.overlap import mask_box
from zerotube.proposals.fragments.types import Fragment


@dataclass(eq=False)
class MaskRecord:
    """Masks of one object, added in any order of frames.

    Attributes:
        score: confidence of its best detection so far, given to the frames that follow.
        seen_at: the frame added last at which it was in sight.
        frames, boxes, scores, fill: one value per frame in sight; ``fill`` is the share of the box
            that the mask covers.
        masks_rle: by frame.
    """

    score: float
    seen_at: int
    frames: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    fill: list[float] = field(default_factory=list)
    masks_rle: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, frame: int, mask: NDArray[np.bool_]) -> None:
        """Take the mask, bool ``(height, width)``, of one frame; an empty one leaves no trace."""
        box = mask_box(mask)
        if box is None:
            return
        self.seen_at = frame
        self.frames.append(frame)
        self.boxes.append(box)
        self.scores.append(self.score)
        self.fill.append(float(np.count_nonzero(mask)) / float(box_area(box[None])[0]))
        self.masks_rle[frame] = encode_mask(mask)

    def fragment(self) -> Fragment:
        """The record as a fragment of a track; there has to be a frame in it."""
        order = np.argsort(self.frames, kind="stable")
        return Fragment(
            frames=np.array(self.frames, dtype=np.int64)[order],
            boxes_xyxy=np.stack(self.boxes)[order],
            observed=np.ones(len(order), dtype=np.bool_),
            scores=np.array(self.scores, dtype=np.float32)[order],
            fill=np.array(self.fill)[order],
            masks_rle=self.masks_rle,
        )
