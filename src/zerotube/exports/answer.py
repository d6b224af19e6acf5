"""What a foreign format needs to know of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        track: the object over the span: an original frame number and a box for every frame of it.
            ``observed`` is False where the box was interpolated, ``scores`` are the detector's,
            interpolated likewise; its masks are looked up by ``mask_at``.
        candidate: the whole track that was chosen.
    """

    video: VideoInfo
    query: str
    presence: float
    track: Track
    candidate: Track

    @property
    def video_name(self) -> str:
        """File name of the video without its ending."""
        return Path(self.video.path).stem

    def mask_at(self, frame: int) -> NDArray[np.bool_] | None:
        """See `zerotube.proposals.types.Track.mask_at`."""
        return self.candidate.mask_at(frame)

    @classmethod
    def of(cls, result: GroundingResult) -> Answer:
        """The answer of a grounding."""
        tube = result.tube
        whole = result.tracks.by_id(tube.track_id)
        frames = tube.frame_indices
        _, held = whole.boxes_at(frames)
        observed = held.copy()
        observed[held] = whole.observed[np.searchsorted(whole.frame_indices, frames[held])]
        track = Track(
            track_id=tube.track_id,
            frame_indices=frames,
            boxes_xyxy=tube.boxes_xyxy,
            observed=observed,
            scores=np.interp(frames, whole.frame_indices, whole.scores).astype(np.float32),
            label=tube.label,
        )
        return cls(result.video, result.query.text, result.presence.probability, track, whole)
