"""Grounding-token identification (method section 4): whose attention to believe."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.method.config import TokenRule
from zerotube.method.types import TokenChoice


def choose_token(
    maps: Tensor,
    texts: tuple[str, ...],
    rule: TokenRule,
    *,
    turn: int = 0,
    like: TokenChoice | None = None,
) -> tuple[Tensor, TokenChoice]:
    """Reduce the candidates' maps to one: their sum, weighted by ``token_weights``.

    Args:
        maps: ``(n_role, T, h, w)``.
        texts: the candidates' texts.
        rule: see ``token_weights``.
        turn: which candidate opens the model's own turn, for the rule "fixed".
        like: a choice made on other maps of the same candidates, to be made here as well: two maps
            can only be averaged where they are of the same token (method section 7).

    Returns:
        ``(T, h, w)`` and the record of the choice.

    Raises:
        ValueError: ``like`` is a choice among other candidates.
    """
    if like is not None and like.texts != texts:
        raise ValueError(f"a choice among {like.texts} for the candidates {texts}")
    activations = maps.flatten(1).amax(dim=1).double().cpu().numpy()
    weights = token_weights(activations, rule, turn) if like is None else like.weights
    choice = TokenChoice(texts, activations, weights)
    if choice.chosen is not None:
        return maps[choice.chosen], choice
    if rule == "mean":
        return maps.mean(dim=0), choice
    shares = torch.from_numpy(weights).to(maps)
    return torch.tensordot(shares, maps, dims=1), choice


def token_weights(
    activations: NDArray[np.float64], rule: TokenRule, turn: int = 0
) -> NDArray[np.float64]:
    """How much each candidate's map counts.

    The visual activation of a candidate is the maximum of its map over (t, y, x).

    - ``highest``: 1 for the most active candidate (the paper's GTI).
    - ``mean``: the same for all, the baseline of the paper's ablation.
    - ``weighted``: in proportion to the activation minus the least activation of all, so that the
      least active candidate counts nothing; the same for all where all are equally active.
    - ``top-2``: half for each of the two most active; all where there is but one.
    - ``fixed``: 1 for the candidate that opens the model's own turn, whatever the activations: the
      released code reads the fifth token from the end, ``▁A`` of `` ASSISTANT:``, and of Qwen the
      third, ``<|im_start|>`` (method section 11).

    Equally active candidates rank in the order of the prompt. The last two combine several tokens,
    which the paper names as future work. Maps are not normalised before: a more active one also
    has the higher values, so already the mean leans to it, and ``weighted`` lies between ``mean``
    and ``highest``.

    Args:
        activations: float64 ``(n_role,)``, n_role at least 1.
        rule: one of these.
        turn: which candidate opens the model's own turn.

    Returns:
        float64 ``(n_role,)``, none negative, sum 1.
    """
    count = len(activations)
    if rule == "mean":
        return np.full(count, 1 / count)
    if rule == "weighted":
        excess = activations - activations.min()
        if excess.max() <= 0.0:
            return np.full(count, 1 / count)
        excess = excess / excess.max()  # so that no sum of tiny or huge ones leaves the range
        return np.asarray(excess / excess.sum(), dtype=np.float64)
    if rule == "fixed":
        taken = np.array([turn])
    else:
        taken = np.argsort(-activations, kind="stable")[: 1 if rule == "highest" else 2]
    weights = np.zeros(count)
    weights[taken] = 1 / len(taken)
    return weights
