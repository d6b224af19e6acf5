"""Where the objects of a test set are: places, sizes and shades that leave room for everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.plans import Role
from zerotube.synth.world import Motion, SceneObject, random_motion, random_rgb

_ATTEMPTS = 40
"""Tries per object before an arrangement is given up."""

_GAP = 1.04
"""Least distance of two objects, in units of touching: no object ever covers another."""


def arrange(
    rng: np.random.Generator, roles: Sequence[Role], frames: int, margin: float
) -> tuple[SceneObject, ...] | None:
    """Give every object a place, a size and a shade.

    Args:
        rng: source of them.
        roles: what the objects look like and do.
        frames: length of the clip.
        margin: least distance from the rim at any time, fraction of the side.

    Returns:
        The objects in the order of the roles, in a square frame, or None if there was no room.
    """
    chosen: list[SceneObject] = []
    paths: list[NDArray[np.float64]] = []
    for role in roles:
        for _ in range(_ATTEMPTS):
            item = _candidate(rng, role, frames, margin)
            if item is None:
                continue
            path = trajectory(item, frames)
            if all(_apart(path, taken) for taken in paths):
                chosen.append(item)
                paths.append(path)
                break
        else:
            return None
    return tuple(chosen)


def trajectory(item: SceneObject, frames: int) -> NDArray[np.float64]:
    """Centre x, centre y and size in every frame, float64 (frames, 3); `SceneObject.pose`."""
    return np.array([item.pose(frame / (frames - 1)) for frame in range(frames)])


def _candidate(
    rng: np.random.Generator, role: Role, frames: int, margin: float
) -> SceneObject | None:
    """One try at an object that stays inside the frame; None if its path is too long for it."""
    last = frames - 1
    motions = tuple(
        random_motion(event.action, event.start_frame / last, event.end_frame / last, rng)
        for event in role.events
    )
    item = SceneObject(
        colour=role.colour,
        shape=role.shape,
        rgb=random_rgb(role.colour, rng),
        x=0.0,
        y=0.0,
        size=_size(rng, motions),
        angle=float(rng.uniform(-0.26, 0.26)),
        motions=motions,
    )
    path = np.array([item.pose(u) for u in (0.0, *(motion.end for motion in motions))])
    reach = 0.5 * path[:, 2:].max() + margin
    low = reach - path[:, :2].min(axis=0)
    high = 1.0 - reach - path[:, :2].max(axis=0)
    if (low > high).any():
        return None
    x, y = (float(value) for value in rng.uniform(low, high))
    return SceneObject(item.colour, item.shape, item.rgb, x, y, item.size, item.angle, motions)


def _size(rng: np.random.Generator, motions: Sequence[Motion]) -> float:
    """A starting size that keeps the object between 13% and 34% of the frame's side."""
    changes = [m.action for m in motions if m.action in ("grows", "shrinks")]
    if not changes:
        return float(rng.uniform(0.16, 0.27))
    return float(rng.uniform(0.14, 0.17) if changes[0] == "grows" else rng.uniform(0.27, 0.32))


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    distance = np.hypot(*(first[:, :2] - second[:, :2]).T)
    return bool((distance >= 0.5 * _GAP * (first[:, 2] + second[:, 2])).all())
