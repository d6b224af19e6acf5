"""A grey bar that passes before the target, or a grey block that stands before it for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.layout import trajectory
from zerotube.synth.world import SceneObject, coverage

_ATTEMPTS = 60
_PROBE = 96
"""Side, in pixels, of the frames in which it is measured how much is hidden."""

_MOST = 0.5
"""Largest share of any object's area that may be hidden in any frame."""

_NOTICED = 0.1
"""A target is called hidden in a frame if more than this share of it is."""


@dataclass(frozen=True, eq=False)
class Occluder:
    """An upright rectangle that lies over everything.

    Attributes:
        rgb: a grey, 0..255.
        centres: float64 (frames, 2), x and y, fractions of the side; may lie outside the frame.
        width, height: fractions of the side.
    """

    rgb: tuple[float, float, float]
    centres: NDArray[np.float64]
    width: float
    height: float

    def shares(
        self, frame: int, side: int, rows: slice, cols: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How much of each row and of each column of a patch the rectangle covers.

        Returns:
            float32 (rows,) and float32 (cols,), 0..1; their product is the share of each pixel.
        """
        x, y = self.centres[frame]
        across = _covered(x - 0.5 * self.width, x + 0.5 * self.width, side, cols)
        return _covered(y - 0.5 * self.height, y + 0.5 * self.height, side, rows), across


def find_occluder(
    rng: np.random.Generator,
    objects: Sequence[SceneObject],
    target: int,
    span: tuple[int, int],
    frames: int,
    ground: float,
) -> Occluder | None:
    """A bar or block that hides part of the target for part of the time, during its action.

    In no frame is more than half of any object hidden; the target is hidden in at least three
    frames of the action and in at most 60% of the clip's.

    Args:
        rng: source of the choices.
        objects: everything in the frame.
        target: which of them is meant.
        span: first and last frame of its action.
        frames: length of the clip.
        ground: mean grey level of the background, which the occluder differs from.

    Returns:
        The occluder, or None if none was found.
    """
    paths = [trajectory(item, frames) for item in objects]
    probes = [_Probe.of(item, path) for item, path in zip(objects, paths, strict=True)]
    smallest = min(float(path[:, 2].min()) for path in paths)
    make = _bar if rng.random() < 0.5 else _block
    value = rng.uniform(25.0, 230.0)
    while abs(value - ground) < 50.0:
        value = rng.uniform(25.0, 230.0)
    rgb = float(value), float(value), float(value)
    for _ in range(_ATTEMPTS):
        found = make(rng, paths[target], span, frames, smallest, rgb)
        if _fits(found, probes, target, span):
            return found
    return None


@dataclass(frozen=True, eq=False)
class _Probe:
    """What an object covers in every frame: rows, columns and share of each pixel."""

    parts: tuple[tuple[slice, slice, NDArray[np.float32]], ...]

    @classmethod
    def of(cls, item: SceneObject, path: NDArray[np.float64]) -> _Probe:
        parts = []
        for x, y, size in path * _PROBE:
            part = coverage(item.shape, item.angle, (x, y), 0.5 * size, _PROBE, _PROBE)
            if part is None:
                raise ValueError("an object outside the frame")
            parts.append(part)
        return cls(tuple(parts))

    def hidden(self, occluder: Occluder) -> NDArray[np.float64]:
        """Share of the object's area that is hidden in each frame, float64 (frames,)."""
        out = np.empty(len(self.parts))
        for frame, (rows, cols, alpha) in enumerate(self.parts):
            down, across = occluder.shares(frame, _PROBE, rows, cols)
            out[frame] = (down @ alpha @ across) / alpha.sum()
        return out


def _fits(occluder: Occluder, probes: Sequence[_Probe], target: int, span: tuple[int, int]) -> bool:
    hidden = probes[target].hidden(occluder)
    noticed = hidden > _NOTICED
    if not 0.2 <= hidden.max() <= _MOST or noticed.mean() > 0.6:
        return False
    if noticed[span[0] : span[1] + 1].sum() < 3:
        return False
    others = (probe for number, probe in enumerate(probes) if number != target)
    return all(probe.hidden(occluder).max() <= _MOST for probe in others)


def _bar(
    rng: np.random.Generator,
    path: NDArray[np.float64],
    span: tuple[int, int],
    frames: int,
    smallest: float,
    rgb: tuple[float, float, float],
) -> Occluder:
    """A bar as long as the frame that crosses it and meets the target during its action."""
    thickness = float(rng.uniform(0.32, 0.42)) * smallest
    axis = int(rng.integers(2))
    meeting = int(rng.integers(span[0], span[1] + 1))
    speed = rng.choice([-1.0, 1.0]) / (rng.uniform(0.5, 1.1) * frames)
    centres = np.full((frames, 2), 0.5)
    centres[:, axis] = path[meeting, axis] + speed * (np.arange(frames) - meeting)
    size = [1.2, 1.2]
    size[axis] = thickness
    return Occluder(rgb, centres, size[0], size[1])


def _block(
    rng: np.random.Generator,
    path: NDArray[np.float64],
    span: tuple[int, int],
    frames: int,
    smallest: float,
    rgb: tuple[float, float, float],
) -> Occluder:
    """A block that comes in from a side, stands before that side of the target, and goes back."""
    del smallest
    meeting = int(rng.integers(span[0], span[1] + 1))
    x, y, target_size = (float(value) for value in path[meeting])
    axis, sign = int(rng.integers(2)), float(rng.choice([-1.0, 1.0]))
    size = rng.uniform(0.7, 1.2, size=2) * target_size
    stand = np.array([x, y]) + rng.uniform(-0.15, 0.15, size=2) * target_size
    # The block's edge lies this far inside the target, the rest of the block on its side of it.
    depth = rng.uniform(0.2, 0.45) * target_size
    stand[axis] = (x, y)[axis] + sign * (0.5 * target_size - depth + 0.5 * size[axis])
    away = stand.copy()
    away[axis] = 0.5 + sign * (0.52 + 0.5 * size[axis])
    standing, moving = rng.uniform(0.15, 0.4) * frames, rng.uniform(0.06, 0.12) * frames
    middle = meeting + rng.uniform(-0.4, 0.4) * standing
    late = (np.abs(np.arange(frames) - middle) - 0.5 * standing) / moving
    gone = np.clip(late, 0.0, 1.0)[:, None]
    return Occluder(rgb, stand + gone * (away - stand), float(size[0]), float(size[1]))


def _covered(low: float, high: float, side: int, where: slice) -> NDArray[np.float32]:
    left = np.arange(where.start, where.stop)
    overlap = np.minimum(left + 1, high * side) - np.maximum(left, low * side)
    shares: NDArray[np.float32] = np.clip(overlap, 0.0, 1.0).astype(np.float32)
    return shares
