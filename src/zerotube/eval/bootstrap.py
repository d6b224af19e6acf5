"""Confidence intervals by percentile bootstrap over samples (Efron 1979), seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
"""Resamples per interval."""

_BLOCK = 500
"""Resamples in memory at a time: ten thousand of ten thousand samples would take 800 MB."""


@dataclass(frozen=True)
class Interval:
    """A mean and where it would fall in 95% of repetitions with other samples of the same kind.

    Attributes:
        mean: of the samples; NaN if there are none.
        low, high: 2.5% and 97.5% percentiles of the means of resamples.
    """

    mean: float
    low: float
    high: float


def interval(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """The mean of some samples with its 95% interval.

    Paired differences are intervals too: pass ``first - second`` of the same samples.

    Args:
        values: float64 ``(n,)``.
        seed: of the resamples.
    """
    values = np.asarray(values, dtype=np.float64)
    count = len(values)
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            values[rng.integers(0, count, (_BLOCK, count))].mean(axis=1)
            for _ in range(DRAWS // _BLOCK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))
