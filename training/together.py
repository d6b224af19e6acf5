"""What all stages share: processes that average their gradients, optimisers, the learning rate, and
checkpoints from which a run that was cut short goes on.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

LOG = logging.getLogger("training")
KEEP_EVERY_S = 120.0
"""Seconds between checkpoints."""


def optimisers(parts: Sequence[nn.Module], peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else."""
    matrices, rest = [], []
    for part in parts:
        for name, parameter in part.named_parameters():
            inner = parameter.ndim == 2 and "embed" not in name and "head" not in name
            (matrices if inner else rest).append(parameter)
    rules: list[torch.optim.Optimizer] = []
    if rest:
        rules.append(torch.optim.AdamW(rest, lr=peak, weight_decay=0.0, betas=(0.9, 0.98)))
    if matrices:
        rules.append(
            torch.optim.Muon(matrices, lr=peak, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
        )
    return rules


def rate(done: float, step: int) -> float:
    """Learning rate as a share of its peak: 50 steps of warm-up, then a cosine down to 3%."""
    return min(1.0, (step + 1) / 50) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))


class Run:
    """One process of a stage: its optimisers, its clock and its checkpoints.

    A stage is a number of steps, and the learning rate follows the share of them that is done: a
    busy machine takes longer, and makes the same model. One process per core of a CPU is faster
    than two threads of one process; on a GPU there is one process.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        rank: int,
        name: str,
        steps: int,
        parts: dict[str, nn.Module],
        peak: float,
        scales: dict[str, float] | None = None,
    ) -> None:
        self.args, self.rank, self.name, self.budget = args, rank, name, steps
        self.parts, self.peak = parts, peak
        self.rules = [
            (rule, (scales or {}).get(label, 1.0))
            for label, part in parts.items()
            for rule in optimisers([part], peak)
        ]
        self.parameters = [p for part in parts.values() for p in part.parameters()]
        self.step = 0
        state_file = args.work / f"{name}.state"
        if args.resume and state_file.exists():
            state = torch.load(state_file, weights_only=True, map_location=args.device)
            for label, part in parts.items():
                part.load_state_dict(state["parts"][label])
            for (rule, _), kept in zip(self.rules, state["rules"], strict=True):
                rule.load_state_dict(kept)
            self.step = int(state["step"])
        self.kept = time.monotonic()

    @property
    def done(self) -> float:
        """Share of the steps that is done, 0..1."""
        return min(self.step / self.budget, 1.0)

    def update(self, loss: Tensor) -> None:
        """One step: gradients, their mean over the processes, the learning rate, the weights."""
        for rule, scale in self.rules:
            rule.zero_grad(set_to_none=True)
            for group in rule.param_groups:
                group["lr"] = self.peak * scale * rate(self.done, self.step)
        loss.backward()
        self._average()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for rule, _ in self.rules:
            rule.step()
        self.step += 1
        if self.rank == 0 and time.monotonic() - self.kept > KEEP_EVERY_S:
            self.save()

    def _average(self) -> None:
        """Average all gradients over the processes."""
        if self.args.ranks == 1:
            return
        grads = [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters
        ]
        joined = torch.cat(grads)
        dist.all_reduce(joined)
        joined /= self.args.ranks
        start = 0
        for p in self.parameters:
            p.grad = joined[start : start + p.numel()].view_as(p)
            start += p.numel()

    def save(self) -> None:
        """Write what resuming needs, whole or not at all."""
        content = {
            "parts": {label: part.state_dict() for label, part in self.parts.items()},
            "rules": [rule.state_dict() for rule, _ in self.rules],
            "step": self.step,
        }
        keep(content, self.args.work / f"{self.name}.state")
        self.kept = time.monotonic()


def keep(content: object, file: Path) -> None:
    """Write a file whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    torch.save(content, part)
    part.replace(file)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The flags every stage has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--ranks", type=int, help="processes; one per core of a CPU, 1 on a GPU")
    parser.add_argument("--seed", type=int, default=0, help="0 is the shipped model")
    parser.add_argument("--resume", action="store_true", help="go on where a run was cut short")
    return parser


def launch(run: Callable[[int, argparse.Namespace], None], args: argparse.Namespace) -> None:
    """Start the processes of one stage and wait for them."""
    if args.ranks is None:
        args.ranks = 1 if args.device != "cpu" else max(1, min(os.cpu_count() or 1, 8))
    args.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        args.rendezvous = str(Path(folder) / "rendezvous")
        if args.ranks == 1:
            _begin(0, run, args)
        else:
            torch.multiprocessing.start_processes(
                _begin, args=(run, args), nprocs=args.ranks, start_method="fork"
            )


def _begin(
    rank: int, run: Callable[[int, argparse.Namespace], None], args: argparse.Namespace
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.ranks > 1:
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=f"file://{args.rendezvous}", rank=rank, world_size=args.ranks
        )
    run(rank, args)
