"""Attention of the training gives what a full mask would, without computing all of it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

TRAINING = Path(__file__).parent.parent / "training"
HEAD, STEPS, STEP, TAIL = 3, 3, 4, 2
PREFIX = HEAD + STEPS * STEP + TAIL
LENGTHS = (5, 4, 4)
TOTAL = PREFIX + sum(LENGTHS)


@pytest.fixture
def attention(monkeypatch):
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")
    monkeypatch.syspath_prepend(str(TRAINING))
    return importlib.import_module("attention")


def slots_of(attention, apart, blind=None):
    return attention.Slots(
        prefix=PREFIX,
        lengths=LENGTHS,
        cells=slice(HEAD, HEAD + STEPS * STEP),
        step=STEP,
        apart=apart,
        blind=blind,
        last=2,
    )


def allowed(apart, blind):
    """Who sees whom, bool (2, TOTAL, TOTAL), token by token as the docstrings say."""
    part = torch.full((TOTAL,), -1)  # of which slot
    start = PREFIX
    for number, length in enumerate(LENGTHS):
        part[start : start + length] = number
        start += length
    moment = torch.full((TOTAL,), -1)
    moment[HEAD : HEAD + STEPS * STEP] = torch.arange(STEPS).repeat_interleave(STEP)
    table = torch.zeros(2, TOTAL, TOTAL, dtype=torch.bool)
    for row in range(TOTAL):
        for column in range(row + 1):
            if column >= PREFIX:
                table[:, row, column] = part[row] == part[column]
            elif row >= PREFIX:
                table[:, row, column] = ~blind[:, row - PREFIX] if column >= HEAD else True
            else:
                cells = moment[row] >= 0 and moment[column] >= 0
                table[:, row, column] = not (apart and cells and moment[row] != moment[column])
    return table


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("chunk", [2, 5, 128])
def test_slots_equal_a_full_mask(attention, monkeypatch, apart, chunk):
    monkeypatch.setattr(attention, "CHUNK", chunk)
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, TOTAL, 8)
    blind = torch.rand(3, 2, TOTAL - PREFIX) < 0.5
    found = attention.slotted(query, key, value, slots_of(attention, apart, blind), 1)
    seen = allowed(apart, blind[1])[:, None]
    weights = torch.softmax((query @ key.mT).masked_fill(~seen, -torch.inf), dim=-1)
    torch.testing.assert_close(found, weights @ value)


def test_the_last_layer_leaves_out_what_nobody_reads(attention):
    query, key, value = torch.randn(3, 1, 4, TOTAL, 8)
    slots = slots_of(attention, apart=False)
    full, last = (attention.slotted(query, key, value, slots, layer) for layer in (1, 2))
    assert not last[:, :, :PREFIX].any()
    torch.testing.assert_close(last[:, :, PREFIX:], full[:, :, PREFIX:])
