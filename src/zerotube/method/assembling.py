"""Temporal-augmented assembling (method section 7): a static phrase reads the same backwards."""

from __future__ import annotations

import torch
from torch import Tensor


def unreverse(spatial_map: Tensor) -> Tensor:
    """Put a map that was read on reversed frames back into the video's order.

    Args:
        spatial_map: ``(T, h, w)``, step 0 being the last of the video.
    """
    return spatial_map.flip(0)


def assemble(forward_map: Tensor, unreversed_map: Tensor) -> Tensor:
    """Mean of the two spatial maps, ``(T, h, w)``."""
    return (forward_map + unreversed_map) / 2


def consistency(forward_map: Tensor, unreversed_map: Tensor) -> float:
    """Cosine similarity of the two spatial maps; the paper shows accuracy falls with it."""
    return float(
        torch.nn.functional.cosine_similarity(
            forward_map.double().flatten(), unreversed_map.double().flatten(), dim=0
        )
    )
