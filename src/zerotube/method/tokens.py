"""Grounding-token identification (method section 4): whose attention to believe."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from zerotube.method.config import TokenRule
from zerotube.method.types import TokenChoice


def choose_token(
    maps: Tensor, texts: tuple[str, ...], rule: TokenRule
) -> tuple[Tensor, TokenChoice]:
    """Reduce the candidates' maps to one.

    The visual activation of candidate k is the maximum of its map over (t, y, x). ``highest`` keeps
    the map of the most active candidate, ties going to the earlier one; ``mean`` averages all, the
    baseline of the paper's ablation.

    Args:
        maps: ``(n_role, T, h, w)``.
        texts: the candidates' texts.
        rule: "highest" or "mean".

    Returns:
        ``(T, h, w)`` and the record of the choice.
    """
    activations = maps.flatten(1).amax(dim=1)
    values = activations.double().cpu().numpy()
    if rule == "mean":
        return maps.mean(dim=0), TokenChoice(texts, values, None)
    chosen = int(np.argmax(values))
    return maps[chosen], TokenChoice(texts, values, chosen)
