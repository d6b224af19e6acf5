"""A sample as the stages see it: sampled frames and the true tracks as candidates."""

from __future__ import annotations

import numpy as np

from zerotube.proposals.types import Track, TrackSet
from zerotube.synth.sample import SynthSample
from zerotube.video.sampling import uniform_indices
from zerotube.video.types import Clip, VideoInfo


def true_tracks(truth: SynthSample) -> TrackSet:
    """Every object's true track; track id = object number + 1, no labels that give it away."""
    count, height, width, _ = truth.frames.shape
    every = np.arange(count)
    tracks = tuple(
        Track(number + 1, every, boxes, np.ones(count, bool), np.ones(count, np.float32))
        for number, boxes in enumerate(truth.boxes_xyxy)
    )
    return TrackSet(tracks, count, width, height, "truth")


def sampled_clip(truth: SynthSample, frames: int = 20) -> Clip:
    """``frames`` uniformly sampled frames of a sample, never encoded as a video."""
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
    indices = uniform_indices(count, frames)
    return Clip(info, truth.frames[indices], indices, indices / float(truth.fps))
