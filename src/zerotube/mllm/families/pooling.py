"""Another number of cells per frame, in families that pool the patches of a vision transformer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from zerotube.errors import UsageError


def check_side(side: int, patches: int) -> None:
    """Refuse to make more cells than there are patches.

    Raises:
        UsageError: a grid side above the patches along a frame.
    """
    if side > patches:
        raise UsageError(
            f"a grid of {side} x {side} cells (--grid-side {side})",
            wanted=f"at most {patches} x {patches}, this model's patches of a frame",
            fix=f"pass --grid-side {patches} or less, or 0 for the model's own grid",
        )


def with_placeholders(inputs: dict[str, Any], token_id: int, count: int) -> dict[str, Any]:
    """The processor's output with another number of visual placeholders.

    Args:
        inputs: with ``input_ids`` ``(1, n)``, in which the placeholders follow one another; what
            else has that shape (masks, token types) is brought along.
        token_id: of the placeholder.
        count: how many there shall be.
    """
    ids: Tensor = inputs["input_ids"]
    found = (ids[0] == token_id).nonzero()[:, 0]
    first, end = int(found[0]), int(found[-1]) + 1
    order = torch.cat(
        [torch.arange(first), torch.full((count,), first), torch.arange(end, ids.shape[1])]
    )
    return {
        name: value[:, order] if isinstance(value, Tensor) and value.shape == ids.shape else value
        for name, value in inputs.items()
    }


def as_pictures(features: Tensor, frames: int) -> Tensor:
    """Features of square frames in reading order as ``(frames, d, side, side)``."""
    flat = features.reshape(frames, -1, features.shape[-1]).transpose(1, 2)
    side = math.isqrt(flat.shape[2])
    return flat.reshape(frames, -1, side, side)


def as_features(pictures: Tensor) -> Tensor:
    """The inverse of ``as_pictures``: ``(1, frames * side * side, d)``."""
    return pictures.flatten(2).transpose(1, 2).flatten(0, 1)[None]


@contextmanager
def left_out(module: nn.Module) -> Iterator[None]:
    """Inside the block the module hands its input on as it is."""
    hook = module.register_forward_hook(lambda module, arguments, output: arguments[0])
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def output_of(module: nn.Module) -> Iterator[list[Any]]:
    """Inside the block every output of the module is added to the list."""
    outputs: list[Any] = []
    hook = module.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()
