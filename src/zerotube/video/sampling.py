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


def indices_at_rate(
    timestamps_s: NDArray[np.float64], first: int, last: int, fps: float
) -> NDArray[np.int64]:
    """Frames of a stretch at a lower rate, chosen by when they appear, both ends included.

    From the first frame on there is a wanted time every ``1 / fps`` seconds. The frame that appears
    nearest to it is taken (of two equally near ones the earlier), if one does within half of that:
    where the video's own frames lie less densely, each is taken once.

    >>> indices_at_rate(np.arange(10) / 30, 0, 9, 10.0).tolist()
    [0, 3, 6, 9]

    Args:
        timestamps_s: float64 ``(frame_count,)``, increasing, of every frame of the video.
        first, last: frames that the stretch begins and ends with.
        fps: frames per second; 0 for every frame.

    Returns:
        int64 ``(k,)``, strictly increasing.

    Raises:
        UsageError: a rate below 0, or that is not finite.
    """
    if not (np.isfinite(fps) and fps >= 0):
        raise UsageError(f"{fps} frames per second", wanted="0 or more", fix="0 is every frame")
    every = np.arange(first, last + 1, dtype=np.int64)
    times = timestamps_s[every] - timestamps_s[first]
    if not fps or len(every) < 2 or fps * np.diff(times).min() >= 1.0 - 1e-9:
        return every
    wanted = np.arange(int(np.floor(times[-1] * fps + 1e-9)) + 1) / fps
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    nearer_before = wanted - times[after - 1] <= times[after] - wanted + 1e-9
    chosen = np.where(nearer_before, after - 1, after)
    near = np.abs(times[chosen] - wanted) <= 0.5 / fps + 1e-9
    places: NDArray[np.int64] = np.union1d(chosen[near], [0, len(every) - 1])
    return places + first


def widened(
    timestamps_s: NDArray[np.float64], first: int, last: int, margin_s: float
) -> tuple[int, int]:
    """A stretch of frames with all that appear up to so long before and after, in the video.

    Args:
        timestamps_s: float64 ``(frame_count,)``, increasing, of every frame of the video.
        first, last: frames that the stretch begins and ends with.
        margin_s: seconds on either side, >= 0.

    Returns:
        First and last frame.
    """
    reach_s = margin_s + 1e-9
    begin = np.searchsorted(timestamps_s, timestamps_s[first] - reach_s, side="left")
    end = np.searchsorted(timestamps_s, timestamps_s[last] + reach_s, side="right")
    return int(begin), int(end) - 1
