"""Stage 1: warm up the vision tower with image-level labels.

    python training/warm_up.py --work DIR --stage crops --steps 800
    python training/warm_up.py --work DIR --stage frames --steps 1200

First on 64-pixel crops of one object, then on whole frames, always two neighbouring frames at a
time. A linear head reads from every cell what it shows; its logits are pooled over the picture
(log-sum-exp) and compared with *what* the picture holds and what changes in it - never where. The
head is thrown away; the tower is kept (STAGE.pt).
"""

from __future__ import annotations

import argparse
import logging
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import labels as what
import tower
from build import MERGE, PATCH, build_model
from together import Run, arguments, keep, launch

LOG = logging.getLogger("warm_up")
PEAKS = {"crops": 3.0e-3, "frames": 2.0e-3}
BATCH = {"crops": 192, "frames": 40}
"""Moments per batch, of all processes together."""
STORES = {"crops": ("crops",), "frames": ("clips", "clips", "clips", "clips", "clips", "wide")}
_CELL = PATCH * MERGE


class Heads(nn.Module):
    """What a cell shows, and where in the frame it is itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.shown = nn.Linear(width, what.LABELS)
        self.place = nn.Linear(width, 2)
        nn.init.constant_(self.shown.bias, -5.0)


class Moments:
    """Random moments from the stores, mirrored and reversed at random."""

    def __init__(self, args: argparse.Namespace, stage: str, rank: int, salt: int) -> None:
        self.rng = np.random.default_rng((args.seed, 7, salt, rank))
        self.size, self.names = BATCH[stage] // args.ranks, STORES[stage]
        self.stores = {
            name: (
                np.load(args.work / f"{name}.npy", mmap_mode="r"),
                np.load(args.work / f"{name}-labels.npy"),
            )
            for name in set(self.names)
            if (args.work / f"{name}.npy").exists()
        }
        self.names = tuple(name for name in self.names if name in self.stores)

    def draw(self) -> tuple[Tensor, NDArray[np.uint8], tuple[int, int]]:
        """uint8 (B, 2, H, W, 3), labels (B, LABELS), grid of cells."""
        rng = self.rng
        pixels, labels = self.stores[self.names[int(rng.integers(len(self.names)))]]
        which = rng.integers(len(pixels), size=self.size)
        moment = rng.integers(pixels.shape[1] // 2, size=self.size)
        frames = np.stack(
            [pixels[w, 2 * m : 2 * m + 2] for w, m in zip(which, moment, strict=True)]
        )
        truth = labels[which, moment]
        mirrored, backwards = rng.random((2, self.size)) < 0.5
        frames[mirrored] = frames[mirrored, :, :, ::-1]
        truth[mirrored] = truth[mirrored][:, what.MIRRORED]
        frames[backwards] = frames[backwards, ::-1]
        truth[backwards] = truth[backwards][:, what.REVERSED]
        height, width = frames.shape[2:4]
        return torch.from_numpy(frames), truth, (height // _CELL, width // _CELL)


def shown_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of what the picture holds, doubtful labels left out."""
    known = labels != what.UNSURE
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, (labels == what.YES).float(), reduction="none"
    )
    return (losses * known).sum() / len(labels)


def single_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of what a crop's only object is, and of its changes.

    One answer is right in each of these groups, which teaches shapes several times faster than a
    yes or no to each of them.
    """
    loss = shown_loss(logits, labels)
    for name in ("colour", "shape", "texture", "colour+shape"):
        group, truth = logits[:, what.GROUPS[name]], labels[:, what.GROUPS[name]]
        known = (truth == what.YES).sum(dim=1) == 1
        if bool(known.any()):
            answer = (truth[known] == what.YES).float().argmax(dim=1)
            loss = loss + 2.0 * nn.functional.cross_entropy(group[known], answer)
    return loss


def own_place_loss(guess: Tensor, grid: tuple[int, int]) -> Tensor:
    """How well each cell still tells where in the frame it is itself, whatever it shows.

    The tower's rotary positions are relative, so nothing else asks it to know the frame's rim;
    "on the left" cannot be answered without. No object is involved.
    """
    rows, columns = (
        (torch.arange(size, device=guess.device) + 0.5) / size * 2.0 - 1.0 for size in grid
    )
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)
    return (guess - places[None]).square().mean()


def run(rank: int, args: argparse.Namespace) -> None:
    """One process of the stage."""
    model = build_model(args.seed)
    begun = args.resume and (args.work / f"{args.stage}.state").exists()
    if args.stage == "frames" and not begun:
        model.load_state_dict(torch.load(args.work / "crops.pt", weights_only=True)["model"])
    heads = Heads(model.config.vision_config.hidden_size)
    if args.stage == "frames" and not begun:
        heads.load_state_dict(torch.load(args.work / "crops.pt", weights_only=True)["heads"])
    vision = model.model.visual.to(args.device)
    heads.to(args.device)
    state = Run(
        args, rank, args.stage, args.steps, {"vision": vision, "heads": heads}, PEAKS[args.stage]
    )
    moments = Moments(args, args.stage, rank, state.step)
    total, seen = 0.0, time.monotonic()
    while state.done < 1.0:
        frames, truth, grid = moments.draw()
        labels = torch.from_numpy(truth).to(args.device)
        with torch.autocast(args.device, dtype=torch.bfloat16):
            cells = tower.cells(vision, tower.patches(frames.to(args.device)), grid)
        normed = heads.norm(cells.float())
        logits = heads.shown(normed).logsumexp(dim=1)
        if args.stage == "crops":
            loss = single_loss(logits, labels)
        else:
            loss = shown_loss(logits, labels) + 2.0 * own_place_loss(heads.place(normed), grid)
        state.update(loss)
        total += loss.item()
        if rank == 0 and state.step % 100 == 0:
            pace = (time.monotonic() - seen) / 100
            LOG.info(
                "%s step %d (%.3f s) loss %.3f %s",
                args.stage,
                state.step,
                pace,
                total / 100,
                what.report(logits.detach().cpu().numpy(), truth),
            )
            total, seen = 0.0, time.monotonic()
    if rank == 0:
        state.save()
        content = {"model": model.cpu().state_dict(), "heads": heads.cpu().state_dict()}
        keep(content, args.work / f"{args.stage}.pt")
        LOG.info("done after %d steps", state.step)


if __name__ == "__main__":
    flags = arguments(__doc__)
    flags.add_argument("--stage", choices=sorted(PEAKS), required=True)
    flags.add_argument("--steps", type=int, required=True)
    launch(run, flags.parse_args())
