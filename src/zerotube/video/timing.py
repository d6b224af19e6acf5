"""Frame rate and duration from presentation timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_RATE_AGREEMENT = 0.02
"""Share by which a header's rate may differ from the timestamps and still be believed."""

_EVEN_STEP = 0.1
"""Share of a frame by which a step may differ from 1 / rate and still fit that rate."""

_EVEN_SHARE = 0.9
"""Share of the steps that must fit."""


def seconds_from_ticks(ticks: NDArray[np.int64], time_base: Fraction) -> NDArray[np.float64]:
    """(N,) seconds since the first of N increasing timestamps given in units of ``time_base``."""
    # Whole numbers until the last division, so that each second is the nearest float there is.
    seconds: NDArray[np.float64] = (ticks - ticks[0]) * time_base.numerator / time_base.denominator
    return seconds


def frame_rate(declared: Sequence[Fraction | None], timestamps_s: NDArray[np.float64]) -> Fraction:
    """The rate a header declares if the timestamps agree with it, else the measured one.

    Headers are kept where possible because they are exact (30000/1001); some are wildly wrong
    (browser recordings declare 1000).

    Args:
        declared: the header's rates, best first; None where it has none.
        timestamps_s: (N,) increasing, N >= 1.

    Returns:
        Frames per second, > 0.
    """
    rates = [rate for rate in declared if rate is not None and rate > 0]
    spacings = np.diff(timestamps_s)
    if len(spacings) == 0:
        return rates[0] if rates else Fraction(1)
    mean_s = float(spacings.mean())
    for rate in rates:
        agrees = abs(float(rate) * mean_s - 1) <= _RATE_AGREEMENT
        # A gap left by damage lowers the mean of an otherwise even video.
        even = np.mean(np.abs(float(rate) * spacings - 1) <= _EVEN_STEP) >= _EVEN_SHARE
        if agrees or even:
            return rate
    return Fraction(1 / mean_s).limit_denominator(1001) or Fraction(1 / mean_s)


def is_variable(timestamps_s: NDArray[np.float64], tick_s: float) -> bool:
    """Whether frames stray from an even spacing by more than the container's rounding.

    Args:
        timestamps_s: (N,) increasing, the first is 0.
        tick_s: resolution of the container's clock in seconds.
    """
    count = len(timestamps_s)
    if count < 3:
        return False
    step_s = timestamps_s[-1] / (count - 1)
    stray_s = np.abs(timestamps_s - np.arange(count) * step_s).max()
    # A tick of rounding is even spacing; but where the tick is as long as a frame (AVI), a
    # single dropped frame must still count, and it strays by half a frame at least.
    return bool(stray_s > min(max(1.01 * tick_s, 0.05 * step_s), 0.25 * step_s))


def frame_ends_s(timestamps_s: NDArray[np.float64], duration_s: float) -> NDArray[np.float64]:
    """(N,) seconds at which each frame ends: when the next one appears, the last with the video.

    Args:
        timestamps_s: (N,) increasing, when each frame appears.
        duration_s: of the video, the time of its last frame included.
    """
    return np.append(timestamps_s[1:], duration_s)


def last_frame_duration_s(
    packet_duration_s: float, timestamps_s: NDArray[np.float64], fps: Fraction
) -> float:
    """Seconds the last frame stays: its packet's, else the usual spacing, else 1 / fps."""
    if packet_duration_s > 0:
        return packet_duration_s
    if len(timestamps_s) > 1:
        return float(np.median(np.diff(timestamps_s)))
    return float(1 / fps)
