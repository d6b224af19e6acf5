"""Numbers that the analyses share: shares, groups, rank correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.bootstrap import Interval, interval, intervals

CORRELATION_DRAWS = 2_000
"""Resamples of a correlation; each of them is ranked anew."""

_BLOCK = 200

UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))
"""Of no sample, or of samples in which a quantity has no meaning."""


def mean_of(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """Mean with its 95% interval; ``UNKNOWN`` of nothing."""
    return interval(np.asarray(values, dtype=np.float64))


def means_of(columns: Mapping[str, Sequence[float] | NDArray[np.float64]]) -> dict[str, Interval]:
    """Means with their 95% intervals, each as ``mean_of`` gives it.

    The resamples are drawn once for all columns of one length, which is most of the work.
    """
    by_length: dict[int, dict[str, NDArray[np.float64]]] = {}
    for name, values in columns.items():
        array = np.asarray(values, dtype=np.float64)
        by_length.setdefault(len(array), {})[name] = array
    found: dict[str, Interval] = {}
    for group in by_length.values():
        found |= intervals(group)
    return {name: found[name] for name in columns}


def median_of(values: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return float(np.median(values)) if len(values) else float("nan")


def spearman(first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """Rank correlation (Spearman 1904, ties sharing their mean rank) with a 95% bootstrap interval.

    Resamples in which one side has a single value have no correlation and are left out.

    Args:
        first, second: float64 ``(n,)``.
        seed: of the resamples.

    Returns:
        ``mean`` is the correlation itself. ``UNKNOWN`` where one side has a single value.
    """
    found = _rank_correlations(first[None], second[None])
    if np.isnan(found[0]):
        return UNKNOWN
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(CORRELATION_DRAWS // _BLOCK):
        at = rng.integers(0, len(first), (_BLOCK, len(first)))
        draws.append(_rank_correlations(first[at], second[at]))
    drawn = np.concatenate(draws)
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return Interval(float(found[0]), float(low), float(high))


def _rank_correlations(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of every row, float64 ``(rows,)``; NaN where one side has a single value."""
    from scipy.stats import rankdata  # scipy is declared by supervision and trackers

    one, other = (rankdata(side, axis=1) for side in (first, second))
    one = one - one.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    scale = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    defined = scale > 0
    return np.where(defined, (one * other).sum(axis=1) / np.where(defined, scale, 1.0), np.nan)


def equal_groups(values: NDArray[np.float64], count: int) -> list[NDArray[np.int64]]:
    """Positions of the samples in groups of equal size (but for one), lowest values first.

    Samples of equal value keep their order.

    Args:
        values: float64 ``(n,)``, n >= count.
        count: groups.
    """
    return list(np.array_split(np.argsort(values, kind="stable"), count))
