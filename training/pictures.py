"""Draw pictures once, on all cores, so that training can look at each of them several times."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from build import FRAME, PATCH
from scenes import Mix, draw, random_scene
from zerotube.synth.world import (
    COLOURS,
    SHAPES,
    Scene,
    SceneObject,
    random_background,
    random_rgb,
    render,
)

CROP_PATCHES = 6
CROP = CROP_PATCHES * PATCH
"""Side of a crop as the tower sees it, in pixels."""
ROOM = 6
"""Pixels by which a crop is drawn larger, so that it can be shifted."""
GROUP = 250


@dataclass(frozen=True)
class Pictures:
    """Pictures of scenes.

    Attributes:
        pixels: uint8 (N, side, side, 3).
        scenes: what they show, N of them.
    """

    pixels: NDArray[np.uint8]
    scenes: tuple[Scene, ...]


def _crops(seed: int, group: int) -> tuple[NDArray[np.uint8], list[Scene]]:
    rng = np.random.default_rng((seed, group))
    side = CROP + ROOM
    scenes = []
    for _ in range(GROUP):
        colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
        diameter = float(rng.uniform(0.16, 0.36)) * FRAME
        reach = 0.5 * (diameter + ROOM) / side
        x, y = rng.uniform(reach, 1.0 - reach, size=2) if reach < 0.5 else (0.5, 0.5)
        item = SceneObject(
            colour=colour,
            shape=SHAPES[int(rng.integers(len(SHAPES)))],
            rgb=random_rgb(colour, rng),
            x=float(x),
            y=float(y),
            size=diameter / side,
            angle=float(rng.uniform(-0.26, 0.26)),
        )
        scenes.append(Scene((item,), random_background(rng)))
    return np.stack([render(s, 0.0, side, side) for s in scenes]), scenes


def _frames(seed: int, mix: Mix, group: int) -> tuple[NDArray[np.uint8], list[Scene]]:
    rng = np.random.default_rng((seed, group))
    scenes = [random_scene(rng, mix) for _ in range(GROUP)]
    return np.concatenate([draw(scene, [0.0], rng) for scene in scenes]), scenes


def _in_groups(
    make: Callable[[int], tuple[NDArray[np.uint8], list[Scene]]], groups: int
) -> Pictures:
    with multiprocessing.get_context("fork").Pool() as pool:
        made = pool.map(make, range(groups), chunksize=1)
    return Pictures(
        np.concatenate([pixels for pixels, _ in made]),
        tuple(scene for _, scenes in made for scene in scenes),
    )


def crops(count: int, seed: int) -> Pictures:
    """`count` pictures of one object each, uint8 (count, CROP + ROOM, CROP + ROOM, 3)."""
    return _in_groups(partial(_crops, seed), -(-count // GROUP))


def frames(count: int, seed: int, mix: Mix) -> Pictures:
    """`count` whole frames, uint8 (count, 112, 112, 3)."""
    return _in_groups(partial(_frames, seed, mix), -(-count // GROUP))
