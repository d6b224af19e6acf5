"""How well a score tells what is there from what is not: area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.bootstrap import DRAWS, Interval

_BLOCK = 500
"""Resamples at a time."""


def auroc(present: NDArray[np.float64], absent: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """Share of pairs in which the present one scores higher; ties count half.

    The interval is a 95% percentile bootstrap. Samples of the two kinds are drawn apart, each as
    often as there are.

    Args:
        present: float64 ``(n,)``, scores of what is there.
        absent: float64 ``(m,)``, scores of what is not.
        seed: of the resamples.

    Raises:
        InputError: one of the two is empty, or a score is not a number.
    """
    present, absent = (np.asarray(part, dtype=np.float64) for part in (present, absent))
    if not len(present) or not len(absent):
        raise InputError(
            f"{len(present)} present and {len(absent)} absent queries",
            wanted="at least one of each",
            fix="take more samples",
        )
    if np.isnan(present).any() or np.isnan(absent).any():
        raise InputError(
            "scores that are not numbers", wanted="numbers", fix="leave failed samples out"
        )
    wins = 0.5 * (np.sign(present[:, None] - absent[None]) + 1.0)
    mean = float(wins.mean())
    if len(present) < 2 or len(absent) < 2:
        return Interval(mean, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(DRAWS // _BLOCK):
        rows, columns = (
            rng.multinomial(count, np.full(count, 1 / count), size=_BLOCK) / count
            for count in wins.shape
        )
        means.append(((rows @ wins) * columns).sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(mean, float(low), float(high))
