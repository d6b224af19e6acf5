"""How likely it is that guessing does as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

LEVEL = 0.05
"""What is more likely than this under guessing is not better than chance."""

Verdict = Literal["better", "not better", "too few"]


def at_least(count: int, chances: Sequence[float]) -> float:
    """Probability of at least ``count`` hits in independent draws, each with its own chance.

    One-sided; with equal chances it is the binomial test's p-value (Poisson binomial distribution,
    by convolution).

    Args:
        count: hits.
        chances: of a hit, one per draw.
    """
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1.0 - chance, chance])
    return float(distribution[count:].sum())


def verdict(p: float, chances: Sequence[float], *, tests: int = 1) -> Verdict:
    """Whether a result is better than chance, or whether no result of so few draws could be.

    Args:
        p: of the result, corrected for the number of tests.
        chances: of a hit, one per draw.
        tests: among which the result is the best (Bonferroni).
    """
    if p < LEVEL:
        return "better"
    return "too few" if at_least(len(chances), chances) * tests >= LEVEL else "not better"
