"""Many questions behind one visual prefix: token rows, positions, mask and the packed forward.

Each question sits in a slot of fixed length. A slot sees the prefix and itself, and its positions
continue the prefix's, so every slot is computed exactly as if it were asked alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import Qwen2VLForConditionalGeneration

import attention
from attention import Slots
from statements import Exchange
from vocabulary import words

IDS = {word: number for number, word in enumerate(words())}
SLOT = 24
"""Tokens of a question with its answer."""
CAPTION_SLOT = {False: 36, True: 52}
"""Tokens of the caption slot for single moments and for clips."""
ROLE = [IDS[w] for w in ("<|im_end|>", "\n", "<|im_start|>", "assistant", "\n")]
HEAD = [IDS["<|im_start|>"], IDS["user"], IDS["<|vision_start|>"]]
TAIL = [IDS["<|vision_end|>"], IDS["\n"]]
END = IDS["<|im_end|>"]
WEIGHTS = {"caption": 0.12, "end": 0.1}
LAYERS = 3


class Grid(NamedTuple):
    """Steps of time, rows and columns of cells."""

    steps: int
    rows: int
    columns: int

    @property
    def count(self) -> int:
        """Visual tokens in all."""
        return self.steps * self.rows * self.columns


@dataclass(frozen=True)
class Packed:
    """Token rows of one batch after the visual prefix.

    Attributes:
        tokens: int64 (B, S), slots one after another.
        targets: int64 (B, S), the next token where it is an answer, else -1.
        weights: float32 (B, S), weight of each target.
        lengths: the slot lengths; they sum to S.
        blind: bool (layers, B, S), tokens that do not see the cells (see `pack`).
    """

    tokens: Tensor
    targets: Tensor
    weights: Tensor
    lengths: tuple[int, ...]
    blind: Tensor

    def to(self, device: torch.device) -> Packed:
        """The same on a device."""
        moved = (x.to(device) for x in (self.tokens, self.targets, self.weights))
        return Packed(*moved, self.lengths, self.blind.to(device))


def encode(text: str) -> list[int]:
    """Ids of words separated by blanks."""
    return [IDS[word] for word in text.split(" ")]


def pack(
    batch: Sequence[Sequence[Exchange]], moving: bool, blindfold: bool = False, late: bool = False
) -> Packed:
    """Lay out a batch; every row holds a caption first and the same number of questions.

    With `blindfold`, the words of every second question do not see the picture's cells, nor what
    follows and summarises them; only the role tokens and the answer do. So the model cannot answer
    from what a word of the question looked up alone, and learns to look with the role tokens too.
    The caption's prompt is blindfolded with its role tokens: nothing teaches them to look at
    objects when nothing was asked about one, which would spoil the content-free map that relative
    attention divides by.

    With `late` besides, the whole slot of those questions is blind in the last layer: the role
    tokens have to find in the layers that are read what the answer needs.
    """
    lengths = (CAPTION_SLOT[moving], *([SLOT] * (len(batch[0]) - 1)))
    width = sum(lengths)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    targets = torch.full((len(batch), width), -1, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    blind = torch.zeros(LAYERS, len(batch), width, dtype=torch.bool)
    for row, items in enumerate(batch):
        start = 0
        for number, (item, length) in enumerate(zip(items, lengths, strict=True)):
            asked = encode(item.question) + ROLE
            answer = [*encode(item.answer), END]
            ids = (asked + answer)[:length]
            if len(ids) < len(asked + answer) and item.kind != "caption":
                raise ValueError(f"{len(asked + answer)} tokens do not fit {length}: {item}")
            tokens[row, start : start + len(ids)] = torch.tensor(ids)
            if blindfold and item.kind == "caption":
                blind[:, row, start : start + len(asked)] = True
            elif blindfold and number % 2 == 1:
                blind[:, row, start : start + len(asked) - len(ROLE)] = True
                if late:
                    blind[-1, row, start : start + length] = True
            first = start + len(asked) - 1
            answer = ids[len(asked) :]
            targets[row, first : first + len(answer)] = torch.tensor(answer)
            weight = WEIGHTS["caption"] if item.kind == "caption" else 1.0
            weights[row, first : first + len(answer) - 1] = weight
            weights[row, first + len(answer) - 1] = WEIGHTS["end"]
            start += length
    return Packed(tokens, targets, weights, lengths, blind)


def positions_of(grid: Grid, lengths: tuple[int, ...], ahead: int | None = None) -> Tensor:
    """Rotary positions of every token, int64 (3, 1, N): each slot continues the prefix.

    Args:
        grid: of the cells.
        lengths: of the slots.
        ahead: how far the text after the video is from its first cell; None for one past its
            largest position on any axis, as the package has it.
    """
    head, tail = len(HEAD), len(TAIL)
    ahead = max(grid) if ahead is None else ahead
    axes = torch.meshgrid(*(torch.arange(size) for size in grid), indexing="ij")
    cells = torch.stack([axis.flatten() for axis in axes]) + head
    after = head + ahead + torch.arange(tail)
    slots = [head + ahead + tail + torch.arange(length) for length in lengths]
    text = torch.cat([after, *slots])
    return torch.cat([torch.arange(head).expand(3, -1), cells, text.expand(3, -1)], dim=1)[:, None]


def hidden_states(
    model: Qwen2VLForConditionalGeneration,
    cells: Tensor,
    grid: Grid,
    packed: Packed,
    apart: bool = False,
    ahead: int | None = None,
) -> Tensor:
    """Run the language model over prefix and slots.

    Args:
        model: the whole model.
        cells: float (B, grid.count, dim), visual tokens.
        grid: their layout.
        packed: the questions.
        apart: whether cells do not see other steps of time in the language model.
        ahead: see `positions_of`.

    Returns:
        float (B, S, dim): final hidden states of the slots.
    """
    size, device = len(cells), cells.device
    embed = model.get_input_embeddings()
    head = embed(torch.tensor(HEAD, device=device))[None].expand(size, -1, -1)
    tail = embed(torch.tensor(TAIL, device=device))[None].expand(size, -1, -1)
    sequence = torch.cat([head, cells.to(head.dtype), tail, embed(packed.tokens)], dim=1)
    slots = Slots(
        prefix=sequence.shape[1] - packed.tokens.shape[1],
        lengths=packed.lengths,
        cells=slice(len(HEAD), len(HEAD) + grid.count),
        step=grid.rows * grid.columns,
        apart=apart,
        blind=packed.blind if bool(packed.blind.any()) else None,
        last=LAYERS - 1,
    )
    positions = positions_of(grid, packed.lengths, ahead).to(device)
    with attention.packed(slots):
        output = model.model.language_model(
            inputs_embeds=sequence,
            position_ids=positions.expand(3, size, -1),
            use_cache=False,
        )
    return output.last_hidden_state[:, -packed.tokens.shape[1] :]
