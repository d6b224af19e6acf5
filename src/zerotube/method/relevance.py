"""Relative attention (method section 3): what the question adds to what is always looked at."""

from __future__ import annotations

from torch import Tensor

EPSILON = 1e-4
"""Added to the content-free attention, so that a cell nobody looks at does not explode."""


def relative(maps: Tensor, generic: Tensor) -> Tensor:
    """A(Q) / (A(Q_cap) + 1e-4), cell by cell and token by token.

    Both prompts end with the same tokens, so candidates are matched from the end; this also pairs
    the final punctuation of the question with that of the content-free prompt.

    Args:
        maps: ``(n_role, T, h, w)`` attention under the question.
        generic: ``(n_role, T, h, w)`` attention under the content-free prompt, no visual prompt.

    Returns:
        Maps of the same shape; 1 means "as much as always".

    Raises:
        ValueError: if the shapes differ.
    """
    if maps.shape != generic.shape:
        raise ValueError(f"maps of shapes {tuple(maps.shape)} and {tuple(generic.shape)}")
    return maps / (generic + EPSILON)
