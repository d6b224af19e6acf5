"""Attention for training on a CPU: plain matrix products in bfloat16.

The fused kernel is meant for long sequences; at 36 to 1,500 tokens its backward pass in bfloat16
takes 1.3 to 15 times as long as this. Questions packed behind one visual prefix (`packing.py`)
need no more than their own columns and the prefix's: `slotted` computes just those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

NAME = "zerotube-training"


@dataclass(frozen=True)
class Slots:
    """How a packed sequence is laid out.

    Attributes:
        prefix: tokens that all slots see.
        lengths: tokens of each slot; a slot sees the prefix and itself, causally.
        hidden: columns of the prefix that blind tokens do not see.
        blind: bool (B, sum of lengths), or None where every token sees the whole prefix.
    """

    prefix: int
    lengths: tuple[int, ...]
    hidden: slice
    blind: Tensor | None


_SLOTS: ContextVar[Slots | None] = ContextVar("slots", default=None)


@contextmanager
def packed(slots: Slots) -> Iterator[None]:
    """Treat every sequence inside the block as laid out like this."""
    token = _SLOTS.set(slots)
    try:
        yield
    finally:
        _SLOTS.reset(token)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention of (B, H, N, d) tensors, given back as (B, N, H, d)."""
    if attention_mask is not None:
        raise ValueError("masks are given as Slots")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    slots = _SLOTS.get()
    with torch.autocast("cpu", enabled=False):
        query, key, value = query * scale, key.to(query.dtype), value.to(query.dtype)
        if slots is None:
            out = torch.softmax(query @ key.transpose(-1, -2), dim=-1) @ value
        else:
            out = slotted(query, key, value, slots)
    return out.transpose(1, 2).contiguous(), None


def slotted(query: Tensor, key: Tensor, value: Tensor, slots: Slots) -> Tensor:
    """Attention of a packed sequence, (B, H, N, d); `query` is scaled already."""
    first = slots.prefix
    keys, values = key[:, :, :first].transpose(-1, -2), value[:, :, :first]
    scores = query[:, :, :first] @ keys + _causal(first, query.dtype)
    out = [torch.softmax(scores, dim=-1) @ values]
    to_prefix = query[:, :, first:] @ keys
    if slots.blind is not None:
        unseen = torch.zeros(1, 1, 1, first, dtype=torch.bool)
        unseen[..., slots.hidden] = True
        low = torch.finfo(query.dtype).min
        to_prefix = to_prefix.masked_fill(slots.blind[:, None, :, None] & unseen, low)
    start = 0
    for length, members in groupby(slots.lengths):
        count = len(list(members))
        rows = slice(start, start + count * length)
        own = slice(first + rows.start, first + rows.stop)
        shape = (count, length)
        asked, seen, content = (x[:, :, own].unflatten(2, shape) for x in (query, key, value))
        near = asked @ seen.transpose(-1, -2) + _causal(length, query.dtype)
        weights = torch.softmax(
            torch.cat([to_prefix[:, :, rows].unflatten(2, shape), near], dim=-1), dim=-1
        )
        far = weights[..., :first].flatten(2, 3) @ values
        out.append(far + (weights[..., first:] @ content).flatten(2, 3))
        start = rows.stop
    return torch.cat(out, dim=2)


@lru_cache(maxsize=32)
def _causal(length: int, dtype: torch.dtype) -> Tensor:
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    return torch.zeros(length, length, dtype=dtype).masked_fill(later, torch.finfo(dtype).min)


def _no_mask(*_: object, **__: object) -> None:
    """`attend` knows which tokens see which; transformers need not build a mask."""


def use_in(model: PreTrainedModel) -> None:
    """Make all parts of a model use `attend`."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.set_attn_implementation(NAME)
