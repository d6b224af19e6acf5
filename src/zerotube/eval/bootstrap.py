"""Confidence intervals by percentile bootstrap over samples (Efron 1979), seeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError

DRAWS = 10_000
"""Resamples per interval."""

_BLOCK = 2_000_000
"""Drawn values in memory at a time: all of ten thousand samples at once would take 800 MB."""


@dataclass(frozen=True)
class Interval:
    """A mean and where it would fall in 95% of repetitions with other samples of the same kind.

    Attributes:
        mean: of the samples; NaN if there are none.
        low, high: 2.5% and 97.5% percentiles of the means of resamples; NaN below two samples: one
            says nothing about others.
    """

    mean: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is an interval around the mean."""
        return not (isnan(self.low) or isnan(self.high))

    def bounds(self, form: str, *, scale: float = 1.0) -> str:
        """ "[low, high]" for people, each multiplied by ``scale``; "" where they are not known."""
        return f"[{scale * self.low:{form}}, {scale * self.high:{form}}]" if self.known else ""


def interval(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """The mean of some samples with its 95% interval.

    Paired differences are intervals too: pass ``first - second`` of the same samples.

    Args:
        values: float64 ``(n,)``.
        seed: of the resamples.
    """
    return intervals({"": values}, seed=seed)[""]


def intervals(columns: Mapping[str, NDArray[np.float64]], *, seed: int = 0) -> dict[str, Interval]:
    """Intervals of several measures of the same samples, each as ``interval`` gives it.

    The resamples are drawn once for all of them, which is most of the work.

    Args:
        columns: float64 ``(n,)`` each, by measure.
        seed: of the resamples.

    Raises:
        InputError: measures of different numbers of samples.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    counts = {len(values) for values in arrays.values()}
    if len(counts) > 1:
        raise InputError(
            f"measures of {sorted(counts)} samples",
            wanted="the same samples for every measure",
            fix="compute every measure for every sample",
        )
    count = counts.pop() if counts else 0
    if count < 2:
        return {
            name: Interval(float(values[0]) if count else nan, nan, nan)
            for name, values in arrays.items()
        }
    rng = np.random.default_rng(seed)
    means = {name: np.empty(DRAWS) for name in arrays}
    step = max(1, _BLOCK // count)
    for begin in range(0, DRAWS, step):
        drawn = rng.integers(0, count, (min(step, DRAWS - begin), count))
        for name, values in arrays.items():
            means[name][begin : begin + step] = values[drawn].mean(axis=1)
    found = {}
    for name, values in arrays.items():
        low, high = np.percentile(means[name], [2.5, 97.5])
        found[name] = Interval(float(values.mean()), float(low), float(high))
    return found
