"""Stage 3: teach the language model questions, from moments over short windows to whole clips.

    python training/train.py --work DIR --steps 5200

The tower stays frozen (its cells come from the bank); the language model learns. Checkpoints go
to clips.state; --resume goes on from it. Every few hundred steps the weights are kept as
clips-STEP.pt, so that the one which grounds best can be chosen (by_layer.py).
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import attention
from build import build_model
from lessons import Batch, Lesson, Samples, Store, ask
from packing import Grid, Packed, hidden_states, pack
from statements import Exchange
from together import Run, arguments, keep, launch

LOG = logging.getLogger("train")
PEAK = 1.5e-3
LESSONS = (
    Lesson(0.15, (1, 2), (0.7, 0.3), (0.7, 0.3)),
    Lesson(0.3, (1, 2, 4), (0.3, 0.3, 0.4), (0.4, 0.2)),
    Lesson(0.6, (2, 4, 7, 10), (0.15, 0.25, 0.25, 0.35), (0.25, 0.15)),
    Lesson(1.0, (1, 2, 5, 8, 10), (0.05, 0.1, 0.15, 0.2, 0.5), (0.12, 0.08)),
)
WATCH_EVERY = 400


def loss_of(logits: Tensor, packed: Packed) -> Tensor:
    """Weighted mean cross-entropy of the answer tokens."""
    mask = packed.targets >= 0
    losses = nn.functional.cross_entropy(logits, packed.targets[mask], reduction="none")
    weights = packed.weights[mask]
    return (losses * weights).sum() / weights.sum()


def count_hits(
    tally: dict[str, list[int]], logits: Tensor, packed: Packed, rows: list[list[Exchange]]
) -> None:
    """Add whether each question was answered right (all words) to the running statistics."""
    mask = packed.targets >= 0
    full = torch.zeros(packed.targets.shape, dtype=torch.long, device=logits.device)
    full[mask] = logits.argmax(dim=-1)
    right = ((full == packed.targets) | ~mask).cpu().numpy()
    asked = mask.cpu().numpy()
    starts = np.cumsum([0, *packed.lengths])
    for row, items in enumerate(rows):
        for item, start, end in zip(items, starts, starts[1:], strict=False):
            if item.kind == "caption":
                continue
            first = start + int(asked[row, start:end].argmax())
            entry = tally[item.kind]
            entry[0] += bool(right[row, first : first + len(item.answer.split(" "))].all())
            entry[1] += 1


def forward(model: nn.Module, batch: Batch, device: str) -> tuple[Tensor, Packed]:
    """Logits of all answer tokens of a batch, and its questions on the device."""
    packed = batch.packed.to(torch.device(device))
    with torch.autocast(device, dtype=torch.bfloat16):
        hidden = hidden_states(
            model, batch.cells.to(device).float(), batch.grid, packed, batch.apart, batch.ahead
        )
    return model.lm_head(hidden[packed.targets >= 0].float()), packed


@torch.inference_mode()
def watch(model: nn.Module, store: Store, args: argparse.Namespace) -> str:
    """Accuracy on whole clips that are held back from learning, by kind of question."""
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    steps = store.cells.shape[1]
    grid = Grid(steps, *store.grid)
    total = len(store.takes)
    for start in range(total - args.held_back, total, 10):
        rng = np.random.default_rng((9, start))
        indices = range(start, min(start + 10, total))
        rows = [ask(store.takes[i], 0, steps, rng, LESSONS[-1]) for i in indices]
        cells = torch.stack([store.window(i, 0, steps)[0] for i in indices])
        batch = Batch(cells, grid, pack(rows, moving=True), rows, False, max(grid))
        logits, packed = forward(model, batch, args.device)
        count_hits(tally, logits, packed, rows)
    return _shares(tally)


def _shares(tally: dict[str, list[int]]) -> str:
    return " | ".join(f"{k} {h / n:.2f} ({n})" for k, (h, n) in sorted(tally.items()))


def run(rank: int, args: argparse.Namespace) -> None:
    """One process of the stage."""
    model = build_model(args.seed)
    attention.use_in(model)
    start = torch.load(args.work / args.start, weights_only=True, map_location="cpu")["model"]
    # The tower alone: another seed on the same bank is another language model.
    tower = "model.visual."
    model.model.visual.load_state_dict(
        {key.removeprefix(tower): part for key, part in start.items() if key.startswith(tower)}
    )
    model.to(args.device)
    model.model.visual.requires_grad_(False)
    parts = {"language": model.model.language_model, "head": model.lm_head}
    state = Run(args, rank, "clips", args.steps, parts, args.peak)
    held = Store(args, "clips") if rank == 0 else None
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    total, noted = 0.0, time.monotonic()
    low = 0.0
    for number, lesson in enumerate(LESSONS):
        span, low = (low, lesson.until), lesson.until
        while state.done < lesson.until:
            # Loaders are short-lived, because the share of single objects follows the steps.
            within = (state.done - span[0]) / (span[1] - span[0])
            share = lesson.single[0] + (lesson.single[1] - lesson.single[0]) * within
            seed = (args.seed, 41, number, state.step)
            loader = DataLoader(
                Samples(args, lesson, seed, rank, share),
                batch_size=None,
                num_workers=1 if args.device == "cpu" else 6,
                prefetch_factor=4,
            )
            for turn, batch in enumerate(loader):
                logits, packed = forward(model, batch, args.device)
                loss = loss_of(logits, packed)
                state.update(loss)
                total += loss.item()
                if rank == 0 and turn % 4 == 0:
                    count_hits(tally, logits.detach(), packed, batch.rows)
                if rank == 0 and state.step % 100 == 0:
                    pace = (time.monotonic() - noted) / 100
                    LOG.info(
                        "step %d (%.2f s) loss %.4f %s",
                        state.step,
                        pace,
                        total / 100,
                        _shares(tally),
                    )
                    total, noted = 0.0, time.monotonic()
                    tally.clear()
                if held is not None and state.step % WATCH_EVERY == 0:
                    LOG.info("WATCH %d %s", state.step, watch(model, held, args))
                    keep(model.state_dict(), args.work / f"clips-{state.step}.pt")
                if state.done >= lesson.until or turn >= 600:
                    break
    if held is not None:
        state.save()
        LOG.info("WATCH %d %s", state.step, watch(model, held, args))
        keep(model.state_dict(), args.work / "clips.pt")
        LOG.info("done after %d steps", state.step)


if __name__ == "__main__":
    flags = arguments(__doc__)
    flags.add_argument("--steps", type=int, required=True)
    flags.add_argument("--start", default="frames.pt", help="where the tower comes from")
    flags.add_argument("--held-back", type=int, default=200, help="clips to watch, not to learn")
    flags.add_argument("--peak", type=float, default=PEAK, help="highest learning rate")
    launch(run, flags.parse_args())
