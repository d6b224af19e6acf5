"""What the language model is shown, in which order: windows of takes, fresh questions."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from build import MERGE, PATCH
from packing import SLOT, Grid, Packed, pack
from questions import caption, exchanges
from statements import Exchange, Shares
from zerotube.synth.facts import facts_of
from zerotube.synth.scene import Take

OTHERS = {"wide": 0.08, "long": 0.05}
"""Share of batches from stores besides "clips", as far as they were drawn."""


@dataclass(frozen=True)
class Lesson:
    """How a part of the training draws its batches.

    Attributes:
        until: it lasts until this share of the stage's time.
        steps: windows of so many steps of time (of two frames each); one of these per batch. As
            many as the store "clips" has stand for the whole clip, in longer stores too.
        odds: probability of each entry of `steps`.
        single: share of takes with one object, at its start and its end.
        shares: which questions.
        tokens: visual and question tokens per batch of all processes, which sets its samples.
        questions: questions per sample besides the caption.
        apart: share of batches whose cells do not see other steps of time in the language model, so
            that the last cells need not hold a summary of the whole clip.
        late: share of batches in which blindfolded questions are blind in the last layer.
    """

    until: float
    steps: tuple[int, ...]
    odds: tuple[float, ...]
    single: tuple[float, float]
    shares: Shares = field(default_factory=Shares)
    tokens: int = 13000
    questions: int = 14
    apart: float = 0.5
    late: float = 0.5


@dataclass(frozen=True)
class Batch:
    """What one step of training sees.

    Attributes:
        cells: float16 (B, grid.count, dim).
        grid: their layout.
        packed: the questions.
        rows: the same as text.
        apart: whether cells do not see other steps of time in the language model.
        ahead: where the text begins, see `packing.positions_of`.
    """

    cells: Tensor
    grid: Grid
    packed: Packed
    rows: list[list[Exchange]]
    apart: bool
    ahead: int


class Store:
    """Cells and takes of one bank; the last `args.held_back` of "clips" are not for learning."""

    def __init__(self, args: argparse.Namespace, name: str) -> None:
        self.cells = np.load(args.work / f"{name}-cells.npy", mmap_mode="r")
        with (args.work / f"{name}.pkl").open("rb") as file:
            self.takes: list[Take] = pickle.load(file)  # written by draw.py in the same folder
        height, width = np.load(args.work / f"{name}.npy", mmap_mode="r").shape[2:4]
        self.grid = height // (PATCH * MERGE), width // (PATCH * MERGE)
        last = len(self.takes) - (args.held_back if name == "clips" else 0)
        counts = np.array([len(take.actors) for take in self.takes[:last]])
        self.single, self.several = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)

    def window(self, index: int, first: int, steps: int) -> tuple[Tensor, Take]:
        """float16 (steps * cells, dim), and the take."""
        part = np.array(self.cells[index, first : first + steps])
        return torch.from_numpy(part).flatten(0, 1), self.takes[index]


class Samples(IterableDataset[Batch]):
    """Batches of one lesson, made in a worker process."""

    def __init__(
        self, args: argparse.Namespace, lesson: Lesson, seed: Sequence[int], rank: int, share: float
    ) -> None:
        self.args, self.lesson, self.seed, self.rank = args, lesson, tuple(seed), rank
        self.share = share

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        lesson = self.lesson
        # Workers of one process share this object: without their number all would draw the same.
        worker = get_worker_info()
        number = (worker.id,) if worker is not None and worker.id else ()
        shared = np.random.default_rng((*self.seed, *number))  # one clip length for all processes
        rng = np.random.default_rng((*self.seed, self.rank, *number))
        found = [name for name in OTHERS if (self.args.work / f"{name}-cells.npy").exists()]
        stores = {name: Store(self.args, name) for name in ("clips", *found)}
        odds = [1.0 - sum(OTHERS[name] for name in found), *(OTHERS[name] for name in found)]
        whole = stores["clips"].cells.shape[1]
        while True:
            store = stores[str(shared.choice(["clips", *found], p=odds))]
            steps = int(shared.choice(lesson.steps, p=lesson.odds))
            grid = Grid(steps if steps < whole else store.cells.shape[1], *store.grid)
            late, apart = (bool(shared.random() < x) for x in (lesson.late, lesson.apart))
            yield self._batch(store, grid, rng, late, apart)

    def _batch(
        self, store: Store, grid: Grid, rng: np.random.Generator, late: bool, apart: bool
    ) -> Batch:
        lesson = self.lesson
        tokens = lesson.tokens // self.args.ranks
        size = max(2, tokens // (grid.count + SLOT * lesson.questions + 70))
        cells, rows = [], []
        for _ in range(size):
            pool = store.single if rng.random() < self.share else store.several
            index = int(pool[int(rng.integers(len(pool)))])
            first = int(rng.integers(store.cells.shape[1] - grid.steps + 1))
            part, take = store.window(index, first, grid.steps)
            cells.append(part)
            rows.append(ask(take, first, grid.steps, rng, lesson))
        # Published positions put the text one past the longest axis; transformers' own forward
        # counts from rows and columns alone. Both occur in use, so both occur here.
        ahead = max(grid) if rng.random() < 0.75 else max(grid.rows, grid.columns)
        return Batch(
            cells=torch.stack(cells),
            grid=grid,
            packed=pack(rows, moving=grid.steps > 1, blindfold=True, late=late),
            rows=rows,
            apart=apart,
            ahead=ahead,
        )


def ask(
    take: Take, first: int, steps: int, rng: np.random.Generator, lesson: Lesson
) -> list[Exchange]:
    """A caption and questions about a window of a take."""
    facts = facts_of(take, 2 * first, 2 * (first + steps) - 1)
    return [caption(facts, rng), *exchanges(facts, rng, lesson.questions, lesson.shares)]
