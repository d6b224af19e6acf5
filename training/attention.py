"""Attention for training: plain matrix products in bfloat16.

On a CPU the fused kernel is meant for long sequences; at 36 to 1,500 tokens its backward pass in
bfloat16 takes 1.3 to 15 times as long as this. Questions packed behind one visual prefix
(`packing.py`) need no more than their own columns and the prefix's: `slotted` computes just those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby, pairwise

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

NAME = "zerotube-training"
LOW = -1e9
"""Added to scores of what a token must not see; finite, so that gradients stay finite."""
CHUNK = 128
"""Rows of causal attention at once."""


@dataclass(frozen=True)
class Slots:
    """How a packed sequence is laid out, and who sees what.

    Attributes:
        prefix: tokens that all slots see.
        lengths: tokens of each slot; a slot sees the prefix and itself, causally.
        cells: columns of the prefix that hold the picture.
        step: cells per step of time.
        apart: whether cells do not see other steps of time.
        blind: bool (layers, B, sum of lengths): tokens that do not see the picture in that layer,
            nor what follows it in the prefix; None where every token sees the whole prefix.
        last: the last layer, in which nothing reads the prefix's output: it is not computed.
    """

    prefix: int
    lengths: tuple[int, ...]
    cells: slice
    step: int
    apart: bool
    blind: Tensor | None
    last: int


_SLOTS: ContextVar[Slots | None] = ContextVar("slots", default=None)


@contextmanager
def packed(slots: Slots) -> Iterator[None]:
    """Treat every sequence inside the block as laid out like this."""
    token = _SLOTS.set(slots)
    try:
        yield
    finally:
        _SLOTS.reset(token)


def plain(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attention of (B, H, N, d) tensors without a mask."""
    if query.is_cuda:
        out: Tensor = nn.functional.scaled_dot_product_attention(
            query.to(value.dtype), key.to(value.dtype), value, scale=scale
        )
        return out
    with torch.autocast("cpu", enabled=False):
        query, key = (query * scale).to(value.dtype), key.to(value.dtype)
        return torch.softmax(query @ key.transpose(-1, -2), dim=-1) @ value


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention of the language model's (B, H, N, d) tensors, given back as (B, N, H, d)."""
    slots = _SLOTS.get()
    if attention_mask is not None or slots is None:
        raise ValueError("masks are given as Slots")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    with torch.autocast(query.device.type, enabled=False):
        query, key = (query * scale).to(value.dtype), key.to(value.dtype)
        layer: int = module.layer_idx  # type: ignore[assignment]
        out = slotted(query, key, value, slots, layer)
    return out.transpose(1, 2).contiguous(), None


def slotted(query: Tensor, key: Tensor, value: Tensor, slots: Slots, layer: int) -> Tensor:
    """Attention of a packed sequence, (B, H, N, d); `query` is scaled already."""
    first = slots.prefix
    if layer == slots.last:
        out = [torch.zeros_like(value[:, :, :first])]
    else:
        out = within(*(x[:, :, :first] for x in (query, key, value)), slots)
    values = value[:, :, :first]
    asking, seen_keys = query[:, :, first:], key[:, :, :first]
    if slots.blind is not None:
        # One more dimension says "blind" times "hidden": a mask that costs no pass of its own.
        blind = (LOW * slots.blind[layer].to(query.dtype))[:, None, :, None]
        asking = torch.cat([asking, blind.expand(*asking.shape[:3], 1)], dim=-1)
        hidden = torch.zeros(first, 1, dtype=key.dtype, device=key.device)
        hidden[slots.cells.start :] = 1.0
        seen_keys = torch.cat([seen_keys, hidden.expand(*seen_keys.shape[:3], 1)], dim=-1)
    to_prefix = asking @ seen_keys.transpose(-1, -2)
    start = 0
    for length, members in groupby(slots.lengths):
        count = len(list(members))
        rows = slice(start, start + count * length)
        own = slice(first + rows.start, first + rows.stop)
        shape = (count, length)
        asked, seen, content = (x[:, :, own].unflatten(2, shape) for x in (query, key, value))
        near = asked @ seen.transpose(-1, -2) + causal(length, query)
        weights = torch.softmax(
            torch.cat([to_prefix[:, :, rows].unflatten(2, shape), near], dim=-1), dim=-1
        )
        far = weights[..., :first].flatten(2, 3) @ values
        out.append(far + (weights[..., first:] @ content).flatten(2, 3))
        start = rows.stop
    return torch.cat(out, dim=2)


def within(query: Tensor, key: Tensor, value: Tensor, slots: Slots) -> list[Tensor]:
    """Attention inside the prefix, causal, in consecutive parts of (B, H, n, d)."""
    head, stop, step = slots.cells.start, slots.cells.stop, slots.step
    keys = key.transpose(-1, -2)
    if not slots.apart:
        # Rows of a chunk need no columns after it: half of the square is never computed.
        edges = [*range(0, slots.prefix, CHUNK), slots.prefix]
        return [_causal_rows(query, keys, value, slice(a, b)) for a, b in pairwise(edges)]
    moments = ((stop - head) // step, step)
    asked, seen, content = (x[:, :, head:stop].unflatten(2, moments) for x in (query, key, value))
    near = asked @ seen.transpose(-1, -2) + causal(step, query)
    far = query[:, :, head:stop] @ keys[..., :head]
    weights = torch.softmax(torch.cat([far.unflatten(2, moments), near], dim=-1), dim=-1)
    cells = weights[..., :head].flatten(2, 3) @ value[:, :, :head]
    cells = cells + (weights[..., head:] @ content).flatten(2, 3)
    return [
        _causal_rows(query, keys, value, slice(0, head)),
        cells,
        _causal_rows(query, keys, value, slice(stop, slots.prefix)),
    ]


def _causal_rows(query: Tensor, keys: Tensor, value: Tensor, rows: slice) -> Tensor:
    """Some rows of causal attention; `keys` is (B, H, d, N)."""
    mask = query.new_zeros(rows.stop - rows.start, rows.stop)
    mask[:, rows] = causal(rows.stop - rows.start, query)
    scores = query[:, :, rows] @ keys[..., : rows.stop] + mask
    return torch.softmax(scores, dim=-1) @ value[:, :, : rows.stop]


def causal(length: int, like: Tensor) -> Tensor:
    """Zero where a token may look, `LOW` where it may not, (length, length)."""
    later = torch.ones(length, length, dtype=torch.bool, device=like.device).triu(1)
    mask = torch.zeros(length, length, dtype=like.dtype, device=like.device)
    return mask.masked_fill(later, LOW)


def _no_mask(*_: object, **__: object) -> None:
    """`attend` knows which tokens see which; transformers need not build a mask."""


def use_in(model: PreTrainedModel) -> None:
    """Make the language model use `attend`."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.model.language_model.set_attn_implementation(NAME)
