"""Stage 2: draw scenes once and store what the frozen vision tower makes of them.

    python training/bank.py --work DIR --name frames --scenes 16000 --frames 1
    python training/bank.py --work DIR --name clips --scenes 2600 --frames 16

Writes NAME.npy, float16 (scenes, frames, 256, hidden), and NAME.pkl, the list of scenes.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

import attention
from build import FRAME, PATCH, build_model
from scenes import Mix, draw, random_scene
from warm_up import to_pixels, tower
from zerotube.synth.world import Scene

LOG = logging.getLogger("bank")
PATCHES = (FRAME // PATCH) ** 2
MIXES = {
    "frames": Mix((0.35, 0.15, 0.25, 0.25), shared=0.6),
    "clips": Mix((0.22, 0.28, 0.3, 0.2), shared=0.65, moving=0.75, second=0.2),
}
SEEDS = {"frames": 101, "clips": 202}


class Drawn(IterableDataset[tuple[list[Scene], Tensor]]):
    """Groups of scenes with their frames, drawn in a worker process."""

    def __init__(self, name: str, scenes: int, frames: int, group: int) -> None:
        self.name, self.scenes, self.frames, self.group = name, scenes, frames, group

    def __iter__(self) -> Iterator[tuple[list[Scene], Tensor]]:
        times = np.linspace(0.0, 1.0, self.frames) if self.frames > 1 else np.zeros(1)
        for first in range(0, self.scenes, self.group):
            scenes, pictures = [], []
            for index in range(first, min(first + self.group, self.scenes)):
                rng = np.random.default_rng((SEEDS[self.name], index))
                scenes.append(random_scene(rng, MIXES[self.name]))
                pictures.append(draw(scenes[-1], list(times), rng))
            yield scenes, torch.from_numpy(np.concatenate(pictures))


def main() -> None:
    """Fill one bank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(MIXES), required=True)
    parser.add_argument("--scenes", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    model = build_model()
    model.load_state_dict(torch.load(args.work / "warm_up.pt", weights_only=True))
    attention.use_in(model.eval())
    hidden = model.config.vision_config.hidden_size
    store = np.lib.format.open_memmap(
        args.work / f"{args.name}.npy",
        mode="w+",
        dtype=np.float16,
        shape=(args.scenes, args.frames, PATCHES, hidden),
    )
    group = max(1, 48 // args.frames)
    loader = DataLoader(
        Drawn(args.name, args.scenes, args.frames, group),
        batch_size=None,
        num_workers=1,
        prefetch_factor=8,
    )
    everything: list[Scene] = []
    start = time.monotonic()
    where = torch.arange(PATCHES)[None]
    for number, (scenes, pictures) in enumerate(loader):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            features = tower(model, to_pixels(pictures.numpy()), where)
        done = len(everything)
        store[done : done + len(scenes)] = (
            features.view(len(scenes), args.frames, PATCHES, hidden).half().numpy()
        )
        everything.extend(scenes)
        if number % 100 == 0:
            rate = len(everything) * args.frames / (time.monotonic() - start)
            LOG.info("%s %d of %d, %.0f frames/s", args.name, len(everything), args.scenes, rate)
    store.flush()
    with (args.work / f"{args.name}.pkl").open("wb") as file:
        pickle.dump(everything, file)
    LOG.info("%s done in %.0f s", args.name, time.monotonic() - start)


if __name__ == "__main__":
    main()
