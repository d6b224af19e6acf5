"""Made-up clips that the structural checks look at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.mllm.base import VideoMLLM
from zerotube.video.types import Clip, VideoInfo

FRAMES = 4
"""Frames of a made-up clip: two time steps where a family merges pairs."""

GREY = 127


def frame_count(model: VideoMLLM) -> int:
    """``FRAMES``, or as many as the family takes."""
    return min(FRAMES, model.family.frame_limit or FRAMES)


def clip_of(frames: NDArray[np.uint8]) -> Clip:
    """A clip of given pictures, uint8 ``(T, H, W, 3)``: every third frame of a video at 10 fps."""
    count, height, width, _ = frames.shape
    indices = np.arange(count, dtype=np.int64) * 3
    total = int(indices[-1]) + 1
    info = VideoInfo(
        path="made up",
        fps=Fraction(10),
        frame_count=total,
        width=width,
        height=height,
        duration_s=total / 10,
        rotation_deg=0,
        variable_frame_rate=False,
        warnings=(),
    )
    return Clip(info=info, frames=frames, frame_indices=indices, timestamps_s=indices / 10)


def noise_clip(model: VideoMLLM, height: int, width: int) -> Clip:
    """Random pixels, the same at every call."""
    rng = np.random.default_rng(0)
    size = (frame_count(model), height, width, 3)
    return clip_of(rng.integers(0, 256, size, dtype=np.uint8))


def grey_clip(model: VideoMLLM, height: int, width: int) -> Clip:
    """An even grey."""
    return clip_of(np.full((frame_count(model), height, width, 3), GREY, np.uint8))
