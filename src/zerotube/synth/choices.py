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
