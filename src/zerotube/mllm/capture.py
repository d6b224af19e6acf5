"""Attention rows of a few tokens, read beside the fast attention path.

The method needs softmax(q k^T) only for the handful of role tokens, never the N x N matrix. A
function registered with transformers' ``AttentionInterface`` runs the ordinary SDPA path and, when
asked, computes those rows as well, reducing over heads and layers as it goes: memory is
rows x tokens instead of layers x heads x tokens x tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from zerotube.errors import ModelError

IMPLEMENTATION = "zerotube_rows"

Heads = Literal["all", "max-attention"] | tuple[tuple[int, int], ...]
"""Which heads are averaged: all alike, all by their maximum, or pairs (layer, head)."""


class StopForward(Exception):
    """Raised inside a forward when no later layer is needed; never leaves this package."""


@dataclass(eq=False)
class Recorder:
    """Which rows to read in which layers, and where to stop.

    A forward may hold B sequences of one length, whose rows stand at the same positions.

    Attributes:
        rows: int64 ``(R,)`` positions inside the current forward's query tokens, or None to read
            nothing (only ``stop_layer`` acts).
        columns: int64 ``(C,)`` key positions that are kept after the softmax.
        layers: layers that are averaged.
        stop_layer: layer whose attention ends the forward, after its keys and values are cached and
            its rows are read; None runs the whole model.
        heads: how the heads of these layers are averaged. ``all``: alike. ``max-attention``: each
            head of each layer counts as much as the largest entry of the rows and columns that are
            read of it (DecAF, arXiv 2510.19592). Pairs (layer, head): these alike, no others.
    """

    rows: Tensor | None = None
    columns: Tensor | None = None
    layers: Sequence[int] = ()
    stop_layer: int | None = None
    heads: Heads = "all"
    total: Tensor | None = None
    weight: Tensor | float = 0.0
    seen: list[int] = field(default_factory=list)

    def visit(
        self, layer: int, query: Tensor, key: Tensor, mask: Tensor | None, scaling: float
    ) -> None:
        """Read the rows of one layer.

        Args:
            layer: index of the layer.
            query: ``(B, H, S, d)``.
            key: ``(B, H_kv, K, d)`` with K >= S, the cached keys first.
            mask: None (causal) or ``(1 or B, 1, S, K)``, boolean or additive.
            scaling: factor of the logits.
        """
        if self.rows is not None and layer in self.layers:
            rows = _rows(query, key, mask, scaling, self.rows)
            if self.columns is not None:
                rows = rows.index_select(-1, self.columns)
            self.keep(layer, rows)
            self.seen.append(layer)
        if layer == self.stop_layer:
            raise StopForward

    def keep(self, layer: int, rows: Tensor) -> None:
        """Add what counts of one layer's rows ``(B, H, R, C)`` to what is averaged."""
        weight: Tensor | float = 1.0
        if self.heads == "all":
            summed = rows.mean(dim=1)
        elif self.heads == "max-attention":
            weights = rows.amax(dim=(2, 3), keepdim=True)
            summed, weight = (weights * rows).sum(dim=1), weights.sum(dim=1)
        else:
            of_layer = [head for at, head in self.heads if at == layer]
            chosen = torch.tensor(of_layer, device=rows.device)
            summed, weight = rows.index_select(1, chosen).sum(dim=1), float(len(of_layer))
        self.total = summed if self.total is None else self.total + summed
        self.weight = self.weight + weight

    def mean(self) -> Tensor:
        """Rows averaged over heads and layers, float32 ``(B, R, C)``.

        Raises:
            ModelError: if not every asked layer was seen.
        """
        if self.total is None or sorted(self.seen) != list(self.layers):
            raise ModelError(
                f"attention of layers {sorted(self.seen)}",
                wanted=f"each of layers {list(self.layers)} once",
                fix="this model does not route its attention through AttentionInterface",
            )
        return self.total / self.weight


class HeadRecorder(Recorder):
    """Keeps every head for itself: the mean of its rows, float32 ``(B, H, C)`` per layer."""

    def keep(self, layer: int, rows: Tensor) -> None:
        """Stack the layer's heads, averaged over the rows, on those of the layers before."""
        each = rows.mean(dim=2)[:, None]
        self.total = each if self.total is None else torch.cat([self.total, each], dim=1)
        self.weight = 1.0


def _rows(query: Tensor, key: Tensor, mask: Tensor | None, scaling: float, rows: Tensor) -> Tensor:
    """Softmax rows of the asked positions, float32 (or wider) ``(B, H, R, K)``."""
    count, heads, key_heads = query.shape[0], query.shape[1], key.shape[1]
    picked = query.index_select(2, rows)
    # Grouped queries: fold the group into the rows instead of repeating the keys.
    grouped = picked.reshape(count, key_heads, heads // key_heads * rows.shape[0], picked.shape[-1])
    logits = (grouped @ key.transpose(-1, -2)) * scaling
    logits = logits.reshape(count, heads, rows.shape[0], key.shape[2])
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if mask is None:
        past = key.shape[2] - query.shape[2]
        allowed = torch.arange(key.shape[2], device=key.device) <= (rows[:, None] + past)
        logits = logits.masked_fill(~allowed, float("-inf"))
    else:
        row_mask = mask[:, :, :, : key.shape[2]].index_select(2, rows)
        if row_mask.dtype == torch.bool:
            logits = logits.masked_fill(~row_mask, float("-inf"))
        else:
            logits = logits + row_mask
    return logits.softmax(dim=-1)


_ACTIVE: ContextVar[Recorder | None] = ContextVar("zerotube_recorder", default=None)


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    recorder = _ACTIVE.get()
    if recorder is not None:
        scale = scaling if scaling is not None else query.shape[-1] ** -0.5
        layer: int = module.layer_idx  # type: ignore[assignment]
        recorder.visit(layer, query, key, attention_mask, scale)
    output: tuple[Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )
    return output


@contextmanager
def recording(text_config: Any, recorder: Recorder) -> Iterator[Recorder]:
    """Route one language model's attention through ``recorder`` inside the block.

    The model's attention setting is put back afterwards, also after an error. A forward that was
    stopped on purpose ends the block quietly.

    Args:
        text_config: configuration object shared by the language model's attention modules.
        recorder: what to read.
    """
    # A new name in the two registries; models only meet it while the block below is open.
    AttentionInterface.register(IMPLEMENTATION, _attention)
    AttentionMaskInterface.register(IMPLEMENTATION, sdpa_mask)
    before = text_config._attn_implementation
    text_config._attn_implementation = IMPLEMENTATION
    token = _ACTIVE.set(recorder)
    try:
        yield recorder
    except StopForward:
        pass
    finally:
        _ACTIVE.reset(token)
        text_config._attn_implementation = before


def layers_from_end(layer_count: int) -> range:
    """``[-26:-6]`` of the layers, which the reference reads whatever the depth.

    Of 28 layers they are 2..21, of 36 10..29; fewer than 27 have no first one to leave out, and of
    six or fewer nothing is left.
    """
    return range(layer_count)[-26:-6]


def layer_range(layer_count: int, start: float, end: float) -> range:
    """Layers between two fractions of depth, at least one.

    The reference averages ``[-26:-6]`` of 32 layers, so 6/32 and 26/32 give 6..25 there.
    """
    first = min(round(start * layer_count), layer_count - 1)
    last = max(round(end * layer_count), first + 1)
    return range(first, min(last, layer_count))
