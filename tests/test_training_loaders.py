"""What the processes that prepare batches for a training draw."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest

TRAINING = Path(__file__).parent.parent / "training"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bank of a few takes whose cells are zeros."""
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")
    monkeypatch.syspath_prepend(str(TRAINING))
    from draw import FRAMES, MIX
    from zerotube.synth.takes import random_take

    rng = np.random.default_rng(0)
    takes = [random_take(rng, MIX, FRAMES["clips"], 1.0) for _ in range(24)]
    with (tmp_path / "clips.pkl").open("wb") as file:
        pickle.dump(takes, file)
    np.save(tmp_path / "clips.npy", np.zeros((24, 1, 128, 128, 3), np.uint8))
    np.save(tmp_path / "clips-cells.npy", np.zeros((24, 10, 64, 8), np.float16))
    return tmp_path


def test_workers_of_one_process_draw_different_batches(store: Path) -> None:
    from torch.utils.data import DataLoader

    import lessons

    lesson = lessons.Lesson(1.0, (2,), (1.0,), (0.5, 0.5), tokens=3000)
    args = argparse.Namespace(work=store, ranks=1, held_back=0, seed=0)

    def asked(workers: int, count: int) -> list[list[str]]:
        samples = lessons.Samples(args, lesson, (0, 1), 0, 0.5)
        loader = iter(DataLoader(samples, batch_size=None, num_workers=workers))
        batches = [next(loader) for _ in range(count)]
        return [[item.question for row in batch.rows for item in row] for batch in batches]

    first, second = asked(2, 2)
    assert first != second
    assert asked(1, 1)[0] == first  # one worker draws what it always drew
