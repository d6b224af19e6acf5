"""What surrounds the objects of a random take: backdrop, camera, occluder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.backdrops import Backdrop, Pattern, random_backdrop
from zerotube.synth.occlusion import Occluder
from zerotube.synth.stage import SHIFT

_SECONDS = 6.5
"""Mean length of a clip: how fast the camera swings."""


def wide_backdrop(
    rng: np.random.Generator, pattern: Pattern, width: float, height: float, *, clutter: bool
) -> Backdrop:
    """`random_backdrop` with its clutter spread over a frame of `width` by `height` sides."""
    backdrop = random_backdrop(rng, pattern, clutter=clutter)
    if not backdrop.bits or (width == 1.0 and height == 1.0):
        return backdrop
    bits = tuple(replace(bit, x=bit.x * width, y=bit.y * height) for bit in backdrop.bits)
    return replace(backdrop, bits=bits)


def random_shifts(rng: np.random.Generator, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slow swings of a hand-held camera, none beyond `SHIFT`; float64 (T, 2), sides."""
    rates = rng.uniform(0.15, 0.8, size=(1, 4, 2))
    phases = rng.uniform(0.0, 2.0 * np.pi, size=(1, 4, 2))
    swings = np.sin(2.0 * np.pi * rates * times[:, None, None] * _SECONDS + phases)
    shifts: NDArray[np.float64] = (swings / (0.3 + rates)).sum(axis=1)
    shifts *= rng.uniform(0.5, 1.0, size=2) * SHIFT / np.abs(shifts).max(axis=0)
    return shifts


def random_occluder(
    rng: np.random.Generator,
    paths: Sequence[NDArray[np.float64]],
    times: NDArray[np.float64],
    backdrop: Backdrop,
    width: float,
    height: float,
    meeting: tuple[int, int] | None = None,
) -> Occluder:
    """A grey bar that crosses the frame, or a block that stands before an object for a while.

    Unlike `zerotube.synth.occlusion.find_occluder` it does not measure how much it hides.

    Args:
        rng: source of the choices.
        paths: centre x, centre y and size of every object, float64 (T, 3) each, sides.
        times: float64 (T,), 0..1.
        backdrop: whose greys it differs from.
        width, height: of the frame, sides.
        meeting: which object it meets and in which frame; default random.
    """
    ground = float(np.mean([backdrop.first, backdrop.second]))
    value = float(rng.uniform(25.0, 230.0))
    while abs(value - ground) < 50.0:
        value = float(rng.uniform(25.0, 230.0))
    rgb = value, value, value
    frame = np.array([width, height])
    if meeting is None:
        meeting = int(rng.integers(len(paths))), int(rng.integers(len(times)))
    (x, y, target), then = paths[meeting[0]][meeting[1]].tolist(), times[meeting[1]]
    axis = int(rng.integers(2))
    if rng.random() < 0.5:
        smallest = min(float(p[:, 2].min()) for p in paths)
        size = 1.2 * frame
        size[axis] = float(rng.uniform(0.32, 0.42)) * smallest
        speed = (1.0 if rng.random() < 0.5 else -1.0) * frame[axis] / rng.uniform(0.5, 1.1)
        centres = np.tile(0.5 * frame, (len(times), 1))
        centres[:, axis] = (x, y)[axis] + speed * (times - then)
        return Occluder(rgb, centres, float(size[0]), float(size[1]))
    sign = 1.0 if rng.random() < 0.5 else -1.0
    size = rng.uniform(0.7, 1.2, size=2) * target
    stand = np.array([x, y]) + rng.uniform(-0.15, 0.15, size=2) * target
    depth = float(rng.uniform(0.2, 0.45)) * target
    stand[axis] = (x, y)[axis] + sign * (0.5 * target - depth + 0.5 * size[axis])
    away = stand.copy()
    away[axis] = 0.5 * frame[axis] + sign * (0.5 * frame[axis] + 0.02 + 0.5 * size[axis])
    standing, moving = rng.uniform(0.15, 0.4), rng.uniform(0.06, 0.12)
    middle = then + rng.uniform(-0.4, 0.4) * standing
    gone = np.clip((np.abs(times - middle) - 0.5 * standing) / moving, 0.0, 1.0)[:, None]
    return Occluder(rgb, stand + gone * (away - stand), float(size[0]), float(size[1]))
