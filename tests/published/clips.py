"""The clip of `golden.json` without its file: dog.mp4, 1280x720, 30000/1001 frames per second."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from toy import make_clip
from zerotube.video.types import Clip

# 20 of its 289 frames, and its length, as read from the file itself.
INDICES = np.array([0, 15, 30, 45, 61, 76, 91, 106, 121, 136,
                    152, 167, 182, 197, 212, 227, 243, 258, 273, 288])  # fmt: skip
FRAME_COUNT, DURATION_S = 289, 9.642966666666666
FPS = Fraction(30000, 1001)


def dog(width: int, height: int, count: int = len(INDICES)) -> Clip:
    """Frames of noise at the times of dog.mp4.

    Args:
        width, height: of the frames in pixels.
        count: how many of the 20, from the first.
    """
    rng = np.random.default_rng(0)
    clip = make_clip(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))
    info = replace(clip.info, fps=FPS, frame_count=FRAME_COUNT, duration_s=DURATION_S)
    indices = INDICES[:count]
    return replace(
        clip, info=info, frame_indices=indices, timestamps_s=(indices / FPS).astype(np.float64)
    )
