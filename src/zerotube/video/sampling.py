"""Which frames to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError

PAPER_FRAME_COUNT = 20
"""Frames per video in the paper (section 8 of its settings)."""


def uniform_indices(frame_count: int, count: int = PAPER_FRAME_COUNT) -> NDArray[np.int64]:
    """Frame numbers spread evenly over the whole video, first and last frame included.

    The k-th of N numbers is ``round(k * (frame_count - 1) / (N - 1))``, halves rounded up; a
    single number is the middle frame. Endpoints rather than interval midpoints, so that a span
    read from the samples can reach both ends of the video.

    Args:
        frame_count: frames in the video, >= 1.
        count: frames wanted, >= 1; a video with fewer gives all of its frames.

    Returns:
        (min(count, frame_count),) int64, strictly increasing.

    Raises:
        UsageError: ``frame_count`` or ``count`` is below 1.
    """
    if frame_count < 1:
        raise UsageError(
            f"frame_count {frame_count}", wanted="1 or more", fix="use VideoInfo.frame_count"
        )
    if count < 1:
        raise UsageError(f"count {count}", wanted="1 or more", fix="ask for at least one frame")
    number = min(count, frame_count)
    if number == 1:
        return np.array([(frame_count - 1) // 2], dtype=np.int64)
    # Whole-number arithmetic: np.round halves to even and float spacing would make the choice
    # depend on the platform for long videos.
    numerator = 2 * np.arange(number, dtype=np.int64) * (frame_count - 1) + (number - 1)
    return numerator // (2 * (number - 1))
