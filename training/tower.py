"""The vision tower over batches of pictures of one size, for training.

Transformers' own forward takes pictures of any sizes as one long row and visits them one by one;
here all have the same grid, so that a batch is one matrix product. `tests/test_bundled.py` checks
that both give the same cells.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision
from transformers.vision_utils import get_vision_position_ids

import attention
from build import MERGE, PAIR, PATCH


def patches(frames: Tensor) -> Tensor:
    """Cut pairs of frames into patches, in the processor's order.

    Args:
        frames: uint8 (B, 2, H, W, 3); height and width are multiples of a cell's side.

    Returns:
        float32 (B, H/8 * W/8, 384), normalised to -1..1.
    """
    size, _, height, width, _ = frames.shape
    rows, columns = height // (PATCH * MERGE), width // (PATCH * MERGE)
    cut = frames.reshape(size, PAIR, rows, MERGE, PATCH, columns, MERGE, PATCH, 3)
    cut = cut.permute(0, 2, 5, 3, 6, 8, 1, 4, 7)
    return cut.reshape(size, rows * columns * MERGE * MERGE, -1).float().div_(127.5).sub_(1.0)


@lru_cache(maxsize=8)
def _places(rows: int, columns: int) -> Tensor:
    grid = torch.tensor([[1, rows * MERGE, columns * MERGE]])
    return get_vision_position_ids(grid, MERGE)


def cells(vision: nn.Module, pixels: Tensor, grid: tuple[int, int]) -> Tensor:
    """The visual tokens of a batch.

    Args:
        vision: `model.model.visual`.
        pixels: what `patches` returned, (B, N, 384).
        grid: rows and columns of cells.

    Returns:
        (B, rows * columns, width of the language model).
    """
    kernel = vision.patch_embed.proj.weight
    hidden = pixels @ kernel.flatten(1).T
    cos, sin = vision.rotary_pos_emb(hidden, _places(*grid).to(hidden.device))
    for block in vision.blocks:
        hidden = hidden + _attend(block.attn, block.norm1(hidden), cos, sin)
        hidden = hidden + block.mlp(block.norm2(hidden))
    merged: Tensor = vision.merger(hidden)
    return merged.view(len(pixels), grid[0] * grid[1], -1)


def _attend(layer: nn.Module, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    size, count, _ = hidden.shape
    joined = layer.qkv(hidden).view(size, count, 3, layer.num_heads, -1)
    query, key, value = joined.unbind(2)
    query, key = apply_rotary_pos_emb_vision(query, key, cos, sin)
    seen = attention.plain(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), layer.scaling
    )
    out: Tensor = layer.proj(seen.transpose(1, 2).reshape(size, count, -1))
    return out
