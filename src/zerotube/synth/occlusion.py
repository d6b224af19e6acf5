"""A grey bar that crosses the frame, or a grey block that stands before an object for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.backdrops import Backdrop
from zerotube.synth.outlines import spread
from zerotube.synth.scene import Actor, Occluder, Take

_MOST_HIDDEN = 0.5
"""Largest share of any object that may be hidden in any frame."""

Measure = Callable[[Occluder, Actor, NDArray[np.float64]], NDArray[np.float64]]
"""Of occluder, object and its states: the share of it that is hidden in each frame."""


def find_occluder(
    rng: np.random.Generator,
    take: Take,
    target: int,
    span: tuple[int, int],
    *,
    measure: Measure,
) -> Occluder | None:
    """An occluder that hides part of the target for part of the time, during its action.

    In no frame is more than half of any object hidden; the target is noticeably hidden in at
    least three frames of the action, and in at most 60% of the clip's.

    Args:
        rng: source of the choices.
        take: all but the occluder.
        target: which of its objects is meant.
        span: first and last frame of its action.
        measure: how much of an object is hidden, `of_the_area` or `of_the_square`.

    Returns:
        The occluder, or None if none was found.
    """
    states = [actor.states(take.times) for actor in take.actors]
    paths = [state[:, :3] for state in states]
    for _ in range(10):
        meeting = target, int(rng.integers(span[0], span[1] + 1))
        found = random_occluder(
            rng, paths, take.times, take.backdrop, take.width, take.height, meeting
        )
        hidden = [
            measure(found, actor, state) for actor, state in zip(take.actors, states, strict=True)
        ]
        noticed = hidden[target] > 0.1
        if (
            max(float(share.max()) for share in hidden) <= _MOST_HIDDEN
            and float(hidden[target].max()) >= 0.2
            and noticed.mean() <= 0.6
            and noticed[span[0] : span[1] + 1].sum() >= 3
        ):
            return found
    return None


def of_the_area(
    occluder: Occluder, actor: Actor, states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of an object's area that is hidden in each frame, float64 (T,)."""
    reach = 0.5 * np.array([occluder.width, occluder.height])
    away = np.abs(spread(actor.shape, states) - occluder.centres[:, None])
    shares: NDArray[np.float64] = (away <= reach).all(axis=2).mean(axis=1)
    return shares


def of_the_square(
    occluder: Occluder, actor: Actor, states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of an object's square that is hidden in each frame, float64 (T,)."""
    del actor
    path = states[:, :3]
    half = 0.45 * path[:, 2:3]  # a little less than the circle: most shapes do not fill it
    size = 0.5 * np.array([occluder.width, occluder.height])
    low = np.maximum(path[:, :2] - half, occluder.centres - size)
    high = np.minimum(path[:, :2] + half, occluder.centres + size)
    shares: NDArray[np.float64] = (np.clip(high - low, 0.0, None) / (2.0 * half)).prod(axis=1)
    return shares


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

    It does not measure how much it hides.

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
