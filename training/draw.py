"""Draw takes once, in batches on the device that trains, and keep the pictures for many looks.

    python training/draw.py --work DIR --name clips --takes 7000
    python training/draw.py --work DIR --name wide --takes 800 --aspect 1.6667
    python training/draw.py --work DIR --name crops --takes 40000

A store is NAME.npy (uint8, takes x frames x height x width x 3), NAME.pkl (the takes) and
NAME-labels.npy (what every moment shows; see labels.py).
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import pickle
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from build import FRAME, MERGE, PATCH
from labels import of_moments
from zerotube.synth.crops import random_crop
from zerotube.synth.rendering import render
from zerotube.synth.scene import Take
from zerotube.synth.takes import Mix, random_take

LOG = logging.getLogger("draw")
SEEDS = {"crops": 11, "clips": 21, "wide": 22, "long": 23}
FRAMES = {"crops": 2, "clips": 20, "wide": 20, "long": 32}
CROP = 64
GROUP = 100
"""Takes made and drawn at once."""
# Many scenes of one object: "Is there ...?" is not learned without them.
MIX = Mix(counts=(0.28, 0.17, 0.2, 0.17, 0.1, 0.08))


def size_of(name: str, aspect: float) -> tuple[int, int]:
    """Height and width in pixels, whole cells; about as many pixels as a square frame."""
    if name == "crops":
        return CROP, CROP
    cell = PATCH * MERGE
    height = int(FRAME / aspect**0.5 / cell + 0.5) * cell
    return height, int(height * aspect / cell + 0.5) * cell


def takes_of(name: str, seed: int, aspect: float, group: int) -> list[Take]:
    """One group of takes, seeded by its number."""
    rng = np.random.default_rng((SEEDS[name], seed, group))
    if name == "crops":
        return [random_crop(rng) for _ in range(GROUP)]
    return [random_take(rng, MIX, FRAMES[name], aspect) for _ in range(GROUP)]


def draw_group(
    name: str, seed: int, aspect: float, pixels: Path, device: str, group: int
) -> tuple[list[Take], np.ndarray]:
    """Make and draw one group into its place in the store; returns takes and labels."""
    if device == "cpu":
        torch.set_num_threads(1)
    takes = takes_of(name, seed, aspect, group)
    height, width = size_of(name, aspect)
    store = np.load(pixels, mmap_mode="r+")
    step = GROUP if name == "crops" else 10
    for start in range(0, GROUP, step):
        frames = render(takes[start : start + step], height, width, device)
        store[group * GROUP + start : group * GROUP + start + step] = frames.cpu().numpy()
    return takes, np.stack([of_moments(take) for take in takes])


def main() -> None:
    """Draw a store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(SEEDS), required=True)
    parser.add_argument("--takes", type=int, required=True)
    parser.add_argument("--aspect", type=float, default=1.0, help="width over height")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.work.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    groups = -(-args.takes // GROUP)
    pixels = args.work / f"{args.name}.npy"
    shape = (groups * GROUP, FRAMES[args.name], *size_of(args.name, args.aspect), 3)
    np.lib.format.open_memmap(pixels, mode="w+", dtype=np.uint8, shape=shape).flush()
    make = partial(draw_group, args.name, args.seed, args.aspect, pixels, args.device)
    if args.device == "cpu":
        with multiprocessing.get_context("fork").Pool() as pool:
            made = pool.map(make, range(groups), chunksize=1)
    else:
        made = [make(group) for group in range(groups)]
    with (args.work / f"{args.name}.pkl").open("wb") as file:
        pickle.dump([take for takes, _ in made for take in takes], file)
    np.save(args.work / f"{args.name}-labels.npy", np.concatenate([labels for _, labels in made]))
    LOG.info("%s: %s in %.0f s", args.name, shape, time.monotonic() - start)


if __name__ == "__main__":
    main()
