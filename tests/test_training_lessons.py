"""Batches of the training: windows of takes from several stores, the same for the same seed."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from zerotube.synth.takes import Mix, random_take

TRAINING = Path(__file__).parent.parent / "training"
TAKES = 12
HELD_BACK = 4


@pytest.fixture
def code(monkeypatch):
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")
    monkeypatch.syspath_prepend(str(TRAINING))
    return SimpleNamespace(**{name: importlib.import_module(name) for name in ("lessons", "train")})


@pytest.fixture
def args(tmp_path):
    """A work folder whose cells tell their take and step of time: 1000 * take + step."""
    rng = np.random.default_rng(0)
    for name, frames in (("clips", 20), ("long", 32)):
        takes = [random_take(rng, Mix(), frames) for _ in range(TAKES)]
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(takes))
        shape = (TAKES, frames, 128, 128, 3)
        np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.uint8, shape).flush()
        codes = 100.0 * np.arange(TAKES)[:, None] + np.arange(frames // 2)
        cells = np.broadcast_to(codes[:, :, None, None], (*codes.shape, 64, 4))
        np.save(tmp_path / f"{name}-cells.npy", cells.astype(np.float16))
    return argparse.Namespace(work=tmp_path, held_back=HELD_BACK, ranks=1)


def batches(code, args, count, rank=0, **changes):
    lesson = dataclasses.replace(code.train.LESSONS[-1], tokens=3000, questions=3, **changes)
    samples = iter(code.lessons.Samples(args, lesson, (0, 1), rank, share=0.0))
    return [next(samples) for _ in range(count)]


def test_windows_are_whole_steps_in_order_and_none_is_held_back(code, args, monkeypatch):
    monkeypatch.setattr(code.lessons, "OTHERS", {})
    lengths = set()
    for batch in batches(code, args, 40):
        lengths.add(batch.grid.steps)
        codes = batch.cells[..., 0].view(len(batch.cells), batch.grid.steps, 64)
        assert (codes == codes[:, :, :1]).all()
        step = codes[:, :, 0] % 100
        assert (step.diff(dim=1) == 1).all()
        assert (codes[:, :, 0] // 100).max() < TAKES - HELD_BACK
    assert lengths == {1, 2, 5, 8, 10}


def test_a_longer_store_is_seen_whole(code, args):
    batch_sizes = {}
    for batch in batches(code, args, 150):
        batch_sizes.setdefault(batch.grid.steps, set()).add(len(batch.cells))
    assert set(batch_sizes) == {1, 2, 5, 8, 10, 16}
    # A batch holds about the same number of tokens however long its windows are.
    assert max(batch_sizes[16]) < min(batch_sizes[5])


def test_processes_share_the_shape_of_a_batch_and_not_its_takes(code, args):
    first, again, other = (batches(code, args, 10, rank) for rank in (0, 0, 1))
    assert all(torch.equal(a.cells, b.cells) for a, b in zip(first, again, strict=True))
    assert [a.rows for a in first] == [b.rows for b in again]
    assert [(a.grid, a.apart) for a in first] == [(b.grid, b.apart) for b in other]
    assert [a.rows for a in first] != [b.rows for b in other]
    assert {batch.apart for batch in first} == {False, True}


def test_workers_of_one_process_draw_different_batches(code, args):
    def loaded(workers, count):
        lesson = dataclasses.replace(code.train.LESSONS[-1], tokens=3000, questions=3)
        samples = code.lessons.Samples(args, lesson, (0, 1), 0, share=0.0)
        loader = iter(DataLoader(samples, batch_size=None, num_workers=workers))
        return [next(loader).rows for _ in range(count)]

    first, second = loaded(workers=2, count=2)
    assert first != second
    assert loaded(workers=1, count=1) == [first]  # one worker draws what none would
    assert batches(code, args, 1)[0].rows == first
