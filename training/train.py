"""Stages 3 and 4: teach the language model questions about frames, then about clips.

    python training/train.py --work DIR --stage frames --seconds 1500
    python training/train.py --work DIR --stage clips --seconds 2000 --start frames.pt

The tower stays frozen (its features come from the banks); projector and language model learn.
Two processes with one thread each share the work (faster than two threads on small matrices);
they average their gradients after each step. Checkpoints go to
STAGE.pt every few minutes; --resume continues from STAGE.state.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import attention
from build import build_model
from packing import SLOT, Packed, hidden_states, pack
from questions import Exchange, caption, exchanges
from warm_up import optimisers, pooled_cells, rate
from zerotube.synth.world import Scene

LOG = logging.getLogger("train")


@dataclass(frozen=True)
class Plan:
    """How one stage draws its batches.

    Attributes:
        bank: name of the bank.
        frames: frames per sample taken from the bank, one of these per batch.
        tokens: visual tokens per batch, which sets the number of samples.
        questions: questions per sample besides the caption.
        open_share: share of open questions.
        until: the plan holds until this share of the stage's time.
        single: share of samples with one object, at its start and its end.
        odds: probability of each entry of `frames`; empty for equal ones.
        wrong_action: share of the noes about a full sentence in which only the action is wrong.
        motion_share: share of "what does ... do ?" besides those among the open questions.
        size_share: share of "what size is ... ?".
    """

    bank: str
    frames: tuple[int, ...]
    tokens: int
    questions: int
    open_share: float
    until: float
    single: tuple[float, float]
    odds: tuple[float, ...] = ()
    wrong_action: float = 0.4
    motion_share: float = 0.0
    size_share: float = 0.0


STAGES = {
    "frames": (
        Plan("frames", (1,), 4000, 10, 0.3, 0.4, (0.6, 0.35), size_share=0.2),
        Plan("frames", (1,), 4000, 10, 0.3, 1.0, (0.35, 0.1), size_share=0.25),
    ),
    "clips": (
        Plan(
            bank="clips",
            frames=(1, 2, 3),
            tokens=4400,
            questions=10,
            open_share=0.2,
            until=0.35,
            single=(0.8, 0.3),
            odds=(0.2, 0.5, 0.3),
            wrong_action=0.4,
            motion_share=0.35,
            size_share=0.1,
        ),
        Plan(
            bank="clips",
            frames=(1, 2, 4, 8),
            tokens=4400,
            questions=10,
            open_share=0.3,
            until=0.6,
            single=(0.3, 0.1),
            odds=(0.2, 0.2, 0.3, 0.3),
            motion_share=0.2,
            size_share=0.2,
        ),
        Plan(
            bank="clips",
            frames=(1, 3, 8, 14, 20),
            tokens=4400,
            questions=10,
            open_share=0.25,
            until=1.0,
            single=(0.1, 0.1),
            odds=(0.1, 0.15, 0.2, 0.2, 0.35),
            motion_share=0.15,
            size_share=0.2,
        ),
    ),
}
PEAK = {"frames": 2.0e-3, "clips": 1.5e-3}
SEED = {"frames": 31, "clips": 41}


OPPOSITE = {
    "moves left": "moves right",
    "moves right": "moves left",
    "moves up": "moves down",
    "moves down": "moves up",
    "grows": "shrinks",
    "shrinks": "grows",
}


def backwards(scene: Scene) -> Scene:
    """What a clip shows when its frames run in reverse: a second clip for free."""
    return replace(
        scene,
        objects=tuple(
            replace(
                item,
                motions=tuple(
                    replace(m, action=OPPOSITE[m.action], start=1.0 - m.end, end=1.0 - m.start)
                    for m in reversed(item.motions)
                ),
            )
            for item in scene.objects
        ),
    )


class Samples(IterableDataset[tuple[Tensor, Packed, list[list[Exchange]]]]):
    """Batches of stored features and fresh questions, made in a worker process."""

    def __init__(
        self,
        work: Path,
        plan: Plan,
        deadline: tuple[float, float],
        seed: tuple[int, ...],
        rank: int,
    ) -> None:
        self.work, self.plan, self.deadline, self.seed, self.rank = work, plan, deadline, seed, rank

    def __iter__(self) -> Iterator[tuple[Tensor, Packed, list[list[Exchange]]]]:
        torch.set_num_threads(1)
        plan = self.plan
        shared = np.random.default_rng(self.seed)  # every process draws the same clip length
        rng = np.random.default_rng((*self.seed, self.rank))
        store = np.load(self.work / f"{plan.bank}.npy", mmap_mode="r")
        with (self.work / f"{plan.bank}.pkl").open("rb") as file:
            scenes = pickle.load(file)  # written by bank.py in the same work folder
        groups: dict[bool, list[int]] = defaultdict(list)
        for index, scene in enumerate(scenes):
            groups[len(scene.objects) == 1].append(index)
        while True:
            begin, end = self.deadline
            progress = min(max((time.time() - begin) / max(end - begin, 1e-9), 0.0), 1.0)
            share = plan.single[0] + (plan.single[1] - plan.single[0]) * progress
            frames = int(shared.choice(plan.frames, p=plan.odds or None))
            size = max(2, plan.tokens // (64 * frames + SLOT * plan.questions + 50))
            moving = frames > 1
            cells, rows = [], []
            for _ in range(size):
                pool = groups[bool(rng.random() < share)]
                index = pool[int(rng.integers(len(pool)))]
                which = np.linspace(0, store.shape[1] - 1, frames).round().astype(int)
                if frames == 1:
                    which = rng.integers(store.shape[1], size=1)
                scene = scenes[index]
                if moving and rng.random() < 0.5:
                    scene, which = backwards(scene), which[::-1]
                cells.append(store[index, which])
                rows.append(
                    [
                        caption(scene, rng, moving),
                        *exchanges(
                            scene,
                            rng,
                            plan.questions,
                            moving,
                            plan.open_share,
                            plan.wrong_action,
                            plan.motion_share,
                            plan.size_share,
                        ),
                    ]
                )
            yield (
                torch.from_numpy(np.stack(cells)),
                pack(rows, moving, blindfold=True),
                rows,
            )


def loss_of(logits: Tensor, packed: Packed) -> Tensor:
    """Weighted mean cross-entropy of the answer tokens."""
    mask = packed.targets >= 0
    losses = nn.functional.cross_entropy(logits, packed.targets[mask], reduction="none")
    weights = packed.weights[mask]
    return (losses * weights).sum() / weights.sum()


def count_hits(
    tally: dict[str, list[int]], logits: Tensor, packed: Packed, rows: list[list[Exchange]]
) -> None:
    """Add the first answer token of every question to the running statistics."""
    mask = packed.targets >= 0
    full = torch.zeros(packed.targets.shape, dtype=torch.long)
    full[mask] = logits.argmax(dim=-1)
    starts = np.cumsum([0, *packed.lengths])
    for row, items in enumerate(rows):
        for item, start, end in zip(items, starts, starts[1:], strict=False):
            first = int(mask[row, start:end].nonzero()[0]) + int(start)
            last = first + len(item.answer.split(" "))
            hit = torch.equal(full[row, first:last], packed.targets[row, first:last])
            entry = tally[item.kind]
            entry[0] += hit
            entry[1] += 1


class Together:
    """The processes of one run: averages gradients and agrees on the progress."""

    def __init__(self, model: nn.Module, ranks: int) -> None:
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.ranks = ranks

    def average(self, seconds: float) -> float:
        """Average all gradients and the time spent; returns that time, equal everywhere."""
        grads = [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters
        ]
        joined = torch.cat([*grads, torch.tensor([seconds])])
        dist.all_reduce(joined)
        joined /= self.ranks
        start = 0
        for p in self.parameters:
            p.grad = joined[start : start + p.numel()].view_as(p)
            start += p.numel()
        return float(joined[-1])


def run(rank: int, args: argparse.Namespace) -> None:
    """One process of a stage."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{args.rendezvous}", rank=rank, world_size=args.ranks
    )
    torch.manual_seed(SEED[args.stage])
    model = build_model()
    attention.use_in(model)
    model.load_state_dict(torch.load(args.work / args.start, weights_only=True))
    model.model.vision_tower.requires_grad_(False)
    together = Together(model, args.ranks)
    peak = args.peak or PEAK[args.stage]
    rules = [
        *((rule, 1.0) for rule in optimisers([model.model.language_model, model.lm_head], peak)),
        *((rule, 0.3) for rule in optimisers([model.model.multi_modal_projector], peak)),
    ]
    newline = torch.optim.AdamW([model.model.image_newline], lr=peak)
    rules.append((newline, 1.0))
    spent = 0.0
    if args.resume:
        state = torch.load(args.work / f"{args.stage}.state", weights_only=True)
        model.load_state_dict(state["model"])
        for (rule, _), kept in zip(rules, state["rules"], strict=True):
            rule.load_state_dict(kept)
        spent = float(state["spent"])
    started = time.time() - spent
    step, low, seconds = 0, 0.0, spent
    report = Report(args.stage)
    for plan in STAGES[args.stage]:
        window = (started + low * args.seconds, started + plan.until * args.seconds)
        low = plan.until
        if seconds >= plan.until * args.seconds:
            continue
        seed = (SEED[args.stage], int(1000 * plan.until), int(spent))
        loader = DataLoader(
            Samples(args.work, plan, window, seed, rank),
            batch_size=None,
            num_workers=1,
            prefetch_factor=4,
        )
        for cells, packed, rows in loader:
            share = peak * rate(min(seconds / args.seconds, 1.0), step)
            for rule, scale in rules:
                for group in rule.param_groups:
                    group["lr"] = share * scale
            with torch.autocast("cpu", dtype=torch.bfloat16):
                size, frames = cells.shape[:2]
                visual = pooled_cells(model, cells.flatten(0, 1).float())
                hidden = hidden_states(model, visual.view(size, frames * 64, -1), packed)
            logits = model.lm_head(hidden[packed.targets >= 0].float())
            loss = loss_of(logits, packed)
            model.zero_grad(set_to_none=True)
            loss.backward()
            seconds = together.average(time.time() - started)
            nn.utils.clip_grad_norm_(together.parameters, 1.0)
            for rule, _ in rules:
                rule.step()
            step += 1
            if rank == 0:
                report.add(loss.item(), logits.detach(), packed, rows)
                if step % 100 == 0:
                    report.write(step, seconds)
                if time.time() - report.kept > 90:
                    report.kept = time.time()
                    save(model, [rule for rule, _ in rules], args.work, args.stage, seconds)
            if seconds >= plan.until * args.seconds:
                break
    if rank == 0:
        save(model, [rule for rule, _ in rules], args.work, args.stage, seconds)
        LOG.info("done after %.0f s, %d steps", seconds, step)


class Report:
    """Running loss and accuracy, written to the log every 100 steps."""

    def __init__(self, stage: str) -> None:
        self.stage, self.noted, self.kept = stage, time.time(), time.time()
        self.tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.losses: list[float] = []

    def add(self, loss: float, logits: Tensor, packed: Packed, rows: list[list[Exchange]]) -> None:
        """Take in one batch."""
        self.losses.append(loss)
        if len(self.losses) % 3 == 0:
            count_hits(self.tally, logits, packed, rows)

    def write(self, step: int, seconds: float) -> None:
        """Write one line and start again."""
        now = time.time()
        parts = " ".join(f"{k} {h / n:.2f}" for k, (h, n) in sorted(self.tally.items()))
        pace = (now - self.noted) / len(self.losses)
        mean = sum(self.losses) / len(self.losses)
        LOG.info(
            "%s %.0fs step %d (%.2f s) loss %.4f %s", self.stage, seconds, step, pace, mean, parts
        )
        self.tally.clear()
        self.losses.clear()
        self.noted = now


def main() -> None:
    """Start the processes of one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stage", choices=sorted(STAGES), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--start", default="warm_up.pt")
    parser.add_argument("--peak", type=float, help="highest learning rate, if not the usual one")
    parser.add_argument("--ranks", type=int, default=2, help="processes; one per core")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        args.rendezvous = str(Path(folder) / "rendezvous")
        torch.multiprocessing.start_processes(
            run, args=(args,), nprocs=args.ranks, start_method="fork"
        )


def save(
    model: nn.Module, rules: list[torch.optim.Optimizer], work: Path, stage: str, spent: float
) -> None:
    """Write the weights (STAGE.pt) and what --resume needs (STAGE.state)."""
    for name, content in (
        (f"{stage}.pt", model.state_dict()),
        (
            f"{stage}.state",
            {
                "model": model.state_dict(),
                "rules": [rule.state_dict() for rule in rules],
                "spent": spent,
            },
        ),
    ):
        torch.save(content, work / f"{name}.part")
        (work / f"{name}.part").replace(work / name)


if __name__ == "__main__":
    main()
