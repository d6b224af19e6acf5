"""How well scores tell queries of what is there from queries of what is absent.

The area under the ROC curve is the probability that the score of a present query is above that of
an absent one, both drawn at random, where a tie counts half (Hanley and McNeil 1982).
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.bootstrap import Interval, around, resamples


def auroc(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """The area under the ROC curve; NaN if one side has no score.

    Args:
        present: scores of queries that should have the greater ones, float64 ``(n,)``.
        absent: scores of the others, float64 ``(m,)``.

    Raises:
        InputError: a score is NaN, which has no place in any order.
    """
    _check(present, absent)
    if not len(present) or not len(absent):
        return nan
    below, up_to = _places(present, absent)
    return float((below + up_to).mean() / (2 * len(absent)))


def auroc_interval(
    present: NDArray[np.float64], absent: NDArray[np.float64], *, seed: int = 0
) -> Interval:
    """The area under the ROC curve with its 95% interval.

    The two scores of a sample, which are of one clip, are drawn together.

    Args:
        present, absent: scores of the two queries of every sample, float64 ``(n,)`` each.
        seed: of the resamples.

    Returns:
        The area as ``mean``, and percentiles of the areas of resamples; these are NaN below two
        samples.

    Raises:
        InputError: different numbers of scores, or one that is NaN.
    """
    if len(present) != len(absent):
        raise InputError(
            f"scores of {len(present)} present and {len(absent)} absent queries",
            wanted="both of every sample",
            fix="leave out samples that have only one of them",
        )
    value, count = auroc(present, absent), len(present)
    if count < 2:
        return Interval(value, nan, nan)
    below, up_to = _places(present, absent)
    rising = np.argsort(absent, kind="stable")
    drawn: list[NDArray[np.float64]] = []
    for members in resamples(count, seed=seed):
        block = len(members)
        # How often every sample is in its resample.
        cells = members + count * np.arange(block)[:, None]
        times = np.bincount(cells.ravel(), minlength=block * count).reshape(block, count)
        # How many absent scores of the resample are among the least 0, 1, ... of all of them.
        least = np.zeros((block, count + 1), dtype=np.int64)
        np.cumsum(times[:, rising], axis=1, out=least[:, 1:])
        wins = (times * (least[:, below] + least[:, up_to])).sum(axis=1)
        drawn.append(wins / (2 * count**2))
    return around(value, np.concatenate(drawn))


def _places(
    present: NDArray[np.float64], absent: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many absent scores are below every present one, and how many are not above it."""
    ordered = np.sort(absent)
    return (
        np.searchsorted(ordered, present, side="left").astype(np.int64),
        np.searchsorted(ordered, present, side="right").astype(np.int64),
    )


def _check(*scores: NDArray[np.float64]) -> None:
    lost = sum(int(np.isnan(one).sum()) for one in scores)
    if lost:
        raise InputError(
            f"{lost} scores that are NaN",
            wanted="numbers, or infinity",
            fix="leave out the samples without a score, and say so",
        )
