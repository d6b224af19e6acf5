"""Clips of made-up pixels, and toy checkpoints loaded as real ones are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.video.types import Clip, VideoInfo


def load_toy(folder: Path, dtype: str = "float64") -> VideoMLLM:
    """Load a toy through the code that loads real models."""
    return load(str(folder), device="cpu", dtype=dtype)


def make_clip(frames: np.ndarray, *, stride: int = 3, fps: int = 10) -> Clip:
    """A clip of given pictures, every ``stride``-th frame of an imaginary video."""
    count, height, width, _ = frames.shape
    indices = np.arange(count, dtype=np.int64) * stride
    total = int(indices[-1]) + 1
    info = VideoInfo(
        path="imaginary.mp4",
        fps=Fraction(fps),
        frame_count=total,
        width=width,
        height=height,
        duration_s=total / fps,
        rotation_deg=0,
        variable_frame_rate=False,
        warnings=(),
    )
    return Clip(info=info, frames=frames, frame_indices=indices, timestamps_s=indices / fps)


def noise_clip(count: int = 3, size: int = 56, seed: int = 0) -> Clip:
    """A clip of random pixels."""
    rng = np.random.default_rng(seed)
    return make_clip(rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8))
