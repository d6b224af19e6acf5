"""Random choices that the generators share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option")


def pick(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def other(rng: np.random.Generator, options: Sequence[Option], *but: Option) -> Option:
    """One of the options that are not in ``but``."""
    return pick(rng, [option for option in options if option not in but])


def dealt(options: Sequence[Option], key: tuple[int, ...], number: int) -> Option:
    """The option of a sample when each round of as many samples as options deals all of them.

    Args:
        options: what is dealt.
        key: seeds of the dealer.
        number: of the sample, from 0.
    """
    turn, place = divmod(number, len(options))
    order = np.random.default_rng((*key, turn)).permutation(len(options))
    return options[int(order[place])]
