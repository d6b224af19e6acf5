"""A sample as the stages see it: a video, its sampled frames, and the true tracks as candidates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.types import Track, TrackSet
from zerotube.synth.draw import SynthSample
from zerotube.video.base import Video
from zerotube.video.sampling import uniform_indices
from zerotube.video.types import Clip, Frame, VideoInfo


def true_tracks(truth: SynthSample) -> TrackSet:
    """Every object's true track; track id = object number + 1, no labels that give it away."""
    count, height, width, _ = truth.frames.shape
    every = np.arange(count)
    tracks = tuple(
        Track(number + 1, every, boxes, np.ones(count, bool), np.ones(count, np.float32))
        for number, boxes in enumerate(truth.boxes_xyxy)
    )
    return TrackSet(tracks, count, width, height, "truth")


class SampleVideo(Video):
    """The frames of a sample as an open video, never encoded.

    Args:
        truth: the sample.
    """

    def __init__(self, truth: SynthSample) -> None:
        count, height, width, _ = truth.frames.shape
        info = VideoInfo(
            path=truth.sample_id,
            fps=truth.fps,
            frame_count=count,
            width=width,
            height=height,
            duration_s=float(count / truth.fps),
            rotation_deg=0,
            variable_frame_rate=False,
            warnings=(),
        )
        super().__init__(info, np.arange(count) / float(truth.fps))
        self._frames = truth.frames

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        for index in wanted:
            yield Frame(int(index), float(self.timestamps_s[index]), self._frames[index])


def sampled_clip(truth: SynthSample, frames: int = 20) -> Clip:
    """``frames`` uniformly sampled frames of a sample, never encoded as a video."""
    return SampleVideo(truth).frames(uniform_indices(len(truth.frames), frames))
