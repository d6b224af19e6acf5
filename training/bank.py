"""Stage 2: store the frozen tower's cells of every take, so that they are computed once.

    python training/bank.py --work DIR --name clips

Reads NAME.npy and frames.pt (the warmed-up tower), writes NAME-cells.npy: float16, takes x steps x
cells x width.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch

import tower
from build import MERGE, PATCH, build_model
from together import launch

LOG = logging.getLogger("bank")
BATCH = 4
"""Takes at once."""


def run(rank: int, args: argparse.Namespace) -> None:
    """One process: every `ranks`-th batch of takes."""
    model = build_model()
    model.load_state_dict(torch.load(args.work / args.weights, weights_only=True)["model"])
    vision = model.model.visual.to(args.device).eval()
    pixels = np.load(args.work / f"{args.name}.npy", mmap_mode="r")
    store = np.load(args.work / f"{args.name}-cells.part.npy", mmap_mode="r+")
    grid = tuple(size // (PATCH * MERGE) for size in pixels.shape[2:4])
    start = time.monotonic()
    for first in range(rank * BATCH, len(pixels), args.ranks * BATCH):
        frames = torch.from_numpy(np.array(pixels[first : first + BATCH])).to(args.device)
        size, count = frames.shape[:2]
        moments = frames.view(size * count // 2, 2, *frames.shape[2:])
        with torch.inference_mode(), torch.autocast(args.device, dtype=torch.bfloat16):
            cells = tower.cells(vision, tower.patches(moments), (grid[0], grid[1]))
        store[first : first + size] = cells.view(size, count // 2, *cells.shape[1:]).half().cpu()
    if rank == 0:
        LOG.info("%s: %s in %.0f s", args.name, store.shape, time.monotonic() - start)


def main() -> None:
    """Make the empty bank, then fill it with all processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--weights", default="frames.pt")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--ranks", type=int)
    args = parser.parse_args()
    takes, frames, height, width, _ = np.load(args.work / f"{args.name}.npy", mmap_mode="r").shape
    cell = PATCH * MERGE
    dim = build_model().config.text_config.hidden_size
    shape = (takes, frames // 2, (height // cell) * (width // cell), dim)
    part = args.work / f"{args.name}-cells.part.npy"
    np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape).flush()
    launch(run, args)
    part.replace(args.work / f"{args.name}-cells.npy")


if __name__ == "__main__":
    main()
