"""How likely guessing does as well, held against the textbook."""

from __future__ import annotations

from itertools import product
from math import comb, prod

import pytest

from zerotube.check.chance import at_least, verdict


@pytest.mark.parametrize(("count", "draws"), [(0, 5), (3, 5), (30, 40), (40, 40)])
def test_equal_chances_are_the_binomial_distribution(count: int, draws: int) -> None:
    expected = sum(comb(draws, k) for k in range(count, draws + 1)) / 2**draws
    assert at_least(count, [0.5] * draws) == pytest.approx(expected)


def test_unequal_chances_are_every_outcome_weighed() -> None:
    chances = [0.5, 0.25, 1 / 3, 0.9]
    for count in range(5):
        expected = sum(
            prod(c if hit else 1 - c for c, hit in zip(chances, outcome, strict=True))
            for outcome in product((0, 1), repeat=4)
            if sum(outcome) >= count
        )
        assert at_least(count, chances) == pytest.approx(expected)


def test_too_few_draws_are_not_held_against_a_model() -> None:
    assert verdict(at_least(4, [0.5] * 4), [0.5] * 4) == "too few"
    assert verdict(at_least(5, [0.5] * 5), [0.5] * 5) == "better"
    assert verdict(at_least(4, [0.5] * 5), [0.5] * 5) == "not better"
    # The best of three has to be three times as unlikely.
    assert verdict(3 * at_least(5, [0.5] * 5), [0.5] * 5, tests=3) == "too few"
