"""What a foreign format needs to know of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.geometry.masks import encode_mask
from zerotube.proposals.types import Track
from zerotube.tube.types import GroundingResult
from zerotube.video.types import VideoInfo


@dataclass(frozen=True, eq=False)
class Answer:
    """A tube and the video it is in.

    Attributes:
        video: the source.
        query: the sentence.
        presence: probability that what the sentence describes is in the video, 0..1.
        track: the object over the span: an original frame number, a box, and where there are any a
            mask for every frame of it. ``observed`` is False where the box was interpolated,
            ``scores`` are the detector's, interpolated likewise.
    """

    video: VideoInfo
    query: str
    presence: float
    track: Track

    @property
    def video_name(self) -> str:
        """File name of the video without its ending."""
        return Path(self.video.path).stem

    @classmethod
    def of(cls, result: GroundingResult) -> Answer:
        """The answer of a grounding."""
        tube = result.tube
        whole = result.tracks.by_id(tube.track_id)
        frames = tube.frame_indices
        _, held = whole.boxes_at(frames)
        observed = held.copy()
        observed[held] = whole.observed[np.searchsorted(whole.frame_indices, frames[held])]
        masks: tuple[dict[str, Any] | None, ...] | None = None
        if whole.masks_rle is not None:
            found = (whole.mask_at(int(frame)) for frame in frames)
            masks = tuple(None if mask is None else encode_mask(mask) for mask in found)
        track = Track(
            track_id=tube.track_id,
            frame_indices=frames,
            boxes_xyxy=tube.boxes_xyxy,
            observed=observed,
            scores=np.interp(frames, whole.frame_indices, whole.scores).astype(np.float32),
            masks_rle=masks,
            label=tube.label,
        )
        return cls(result.video, result.query.text, result.evidence.presence, track)
