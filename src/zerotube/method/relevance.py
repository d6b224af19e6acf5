"""Attention in contrast to the content-free prompt's: what the question adds (method section 3)."""

from __future__ import annotations

from torch import Tensor

from zerotube.method.config import Contrast

EPSILON = 1e-4
"""Added to the content-free attention, so that a cell nobody looks at does not explode."""


def contrasted(maps: Tensor, generic: Tensor, contrast: Contrast) -> Tensor:
    """What the question adds to what is always looked at, cell by cell and token by token.

    - ``ratio``: A(Q) / (A(Q_cap) + 1e-4), relative attention (method section 3); 1 means "as much
      as always".
    - ``difference``: max(A(Q) - A(Q_cap), 0). A ratio is highest where next to nothing is looked
      at in either case; a difference is not.
    - ``excluding``: the difference to the attention under a prompt that asks for everything but the
      described object (DecAF, arXiv 2510.19592), which is then ``generic``.
    - ``none``: A(Q).

    Both prompts end with the same tokens, so candidates are matched from the end; this also pairs
    the final punctuation of the question with that of the content-free prompt.

    Args:
        maps: ``(n_role, T, h, w)`` attention under the question.
        generic: ``(n_role, T, h, w)`` attention under the content-free prompt, no visual prompt.
        contrast: one of these.

    Returns:
        Maps of the same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    if maps.shape != generic.shape:
        raise ValueError(f"maps of shapes {tuple(maps.shape)} and {tuple(generic.shape)}")
    if contrast == "ratio":
        return maps / (generic + EPSILON)
    return maps if contrast == "none" else (maps - generic).clamp(min=0.0)
