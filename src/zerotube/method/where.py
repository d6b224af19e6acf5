"""Where: score the tracks by what the maps hold inside them, (5) of docs/method.md."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-3
"""Least factor of a product, so that no single map that sees nothing in a track excludes it."""


def product(
    parts: Mapping[str, NDArray[np.float64]], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Geometric mean of several scores of every track, each as a share of its best.

    Shares, because attention and gradients have units of their own.

    Args:
        parts: float64 ``(P,)`` each, none negative.
        seen: bool ``(P, N)``, which sampled frames show which track.

    Returns:
        float64 ``(P,)``: 0 for a track that no sampled frame shows, else from ``FLOOR`` to 1. A
        part that is 0 for all tracks tells them apart by nothing, and counts the same for all.
    """
    logarithms = []
    for scores in parts.values():
        best = float(scores.max(initial=0.0))
        shares = scores / best if best > 0.0 else np.ones_like(scores)
        logarithms.append(np.log(np.maximum(shares, FLOOR)))
    together: NDArray[np.float64] = np.exp(np.mean(logarithms, axis=0)) * seen.any(axis=1)
    return together
