"""Confidence intervals by percentile bootstrap over samples (Efron 1979), seeded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        mean: of the samples, or another statistic of them; NaN if there are none.
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
    means: dict[str, list[NDArray[np.float64]]] = {name: [] for name in arrays}
    for drawn in resamples(count, seed=seed):
        for name, values in arrays.items():
            means[name].append(values[drawn].mean(axis=1))
    return {
        name: around(float(values.mean()), np.concatenate(means[name]))
        for name, values in arrays.items()
    }


def resamples(count: int, *, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Which samples every resample is made of, `DRAWS` resamples in blocks that fit in memory.

    Args:
        count: how many samples there are, at least 1.
        seed: of the resamples.

    Yields:
        int64 ``(resamples, count)``, numbers from 0 to ``count - 1``.
    """
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // count)
    for begin in range(0, DRAWS, step):
        yield rng.integers(0, count, (min(step, DRAWS - begin), count))


def around(value: float, drawn: NDArray[np.float64]) -> Interval:
    """The interval of a statistic.

    Args:
        value: of the samples themselves.
        drawn: of every resample, float64 ``(n,)``.
    """
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high))
