"""Many questions behind one visual prefix: token rows, positions, mask and the packed forward.

Each question sits in a slot of fixed length. A slot sees the prefix and itself, and its positions
continue the prefix's, so every slot is computed exactly as if it were asked alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LlavaOnevisionForConditionalGeneration

import attention
from attention import Slots
from questions import Exchange
from vocabulary import words

IDS = {word: number for number, word in enumerate(words())}
CELLS = 64
"""Visual tokens per frame."""
SLOT = 22
"""Tokens of a question with its answer."""
CAPTION_SLOT = {False: 30, True: 52}
"""Tokens of the caption slot for single frames and for clips."""
ROLE = [IDS[w] for w in ("<|im_end|>", "\n", "<|im_start|>", "assistant", "\n")]
HEAD = [IDS["<|im_start|>"], IDS["user"]]
END = IDS["<|im_end|>"]
WEIGHTS = {"caption": 0.12, "end": 0.1}


@dataclass(frozen=True)
class Packed:
    """Token rows of one batch after the visual prefix.

    Attributes:
        tokens: int64 (B, S), slots one after another.
        targets: int64 (B, S), the next token where it is an answer, else -1.
        weights: float32 (B, S), weight of each target.
        lengths: the slot lengths; they sum to S.
        blind: bool (B, S), tokens that do not see the cells (see `pack`).
    """

    tokens: Tensor
    targets: Tensor
    weights: Tensor
    lengths: tuple[int, ...]
    blind: Tensor


def encode(text: str) -> list[int]:
    """Ids of words separated by blanks."""
    return [IDS[word] for word in text.split(" ")]


def pack(batch: Sequence[Sequence[Exchange]], moving: bool, blindfold: bool = False) -> Packed:
    """Lay out a batch; every row holds a caption first and the same number of questions.

    With `blindfold`, the words of every second question do not see the picture's cells, only the
    role tokens and the answer do. So the model cannot answer from what a word of the question
    looked up alone, and learns to look with the role tokens too. The caption's prompt is
    blindfolded with its role tokens: nothing teaches them to look at objects when nothing was
    asked about one, which would spoil the content-free map that relative attention divides by.
    """
    lengths = (CAPTION_SLOT[moving], *([SLOT] * (len(batch[0]) - 1)))
    width = sum(lengths)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    targets = torch.full((len(batch), width), -1, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    blind = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, items in enumerate(batch):
        start = 0
        for number, (item, length) in enumerate(zip(items, lengths, strict=True)):
            asked = encode(item.question) + ROLE
            answer = [*encode(item.answer), END]
            ids = asked + answer
            if len(ids) > length:
                raise ValueError(f"{len(ids)} tokens do not fit a slot of {length}: {item}")
            tokens[row, start : start + len(ids)] = torch.tensor(ids)
            if blindfold and item.kind == "caption":
                blind[row, start : start + len(asked)] = True
            elif blindfold and number % 2 == 1:
                blind[row, start : start + len(asked) - len(ROLE)] = True
            first = start + len(asked) - 1
            targets[row, first : first + len(answer)] = torch.tensor(answer)
            weight = WEIGHTS["caption"] if item.kind == "caption" else 1.0
            weights[row, first : first + len(answer) - 1] = weight
            weights[row, first + len(answer) - 1] = WEIGHTS["end"]
            start += length
    return Packed(tokens, targets, weights, lengths, blind)


def positions_of(prefix: int, lengths: tuple[int, ...]) -> Tensor:
    """Position of every token, int64 (1, N): each slot continues the prefix."""
    slots = [prefix + torch.arange(length) for length in lengths]
    return torch.cat([torch.arange(prefix), *slots])[None]


def hidden_states(
    model: LlavaOnevisionForConditionalGeneration, cells: Tensor, packed: Packed
) -> Tensor:
    """Run the language model over prefix and slots.

    Args:
        model: the whole model.
        cells: float32 (B, frames * 64, dim), projected and pooled visual tokens.
        packed: the questions.

    Returns:
        float32 (B, S, dim): final hidden states of the slots.
    """
    size = cells.shape[0]
    embed = model.get_input_embeddings()
    head = embed(torch.tensor(HEAD))[None].expand(size, -1, -1)
    newline = model.model.image_newline[None, None].expand(size, 1, -1)
    break_ = embed(torch.tensor([IDS["\n"]]))[None].expand(size, -1, -1)
    sequence = torch.cat([head, cells.to(head.dtype), newline, break_, embed(packed.tokens)], dim=1)
    slots = Slots(
        prefix=sequence.shape[1] - packed.tokens.shape[1],
        lengths=packed.lengths,
        # The line breaks after the cells are hidden as well: they hold a summary of the picture.
        hidden=slice(len(HEAD), len(HEAD) + cells.shape[1] + 2),
        blind=packed.blind if bool(packed.blind.any()) else None,
    )
    with attention.packed(slots):
        output = model.model.language_model(
            inputs_embeds=sequence,
            position_ids=positions_of(slots.prefix, slots.lengths).expand(size, -1),
            use_cache=False,
        )
    return output.last_hidden_state[:, -packed.tokens.shape[1] :]
