"""Random takes, for training, and what the test sets share with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.actions import in_turn, nearly, random_action
from zerotube.synth.backdrops import BACKGROUNDS, wide_backdrop
from zerotube.synth.looks import (
    Look,
    random_looks,
    random_new_colour,
    random_rgb,
    random_roles,
    showing,
)
from zerotube.synth.occlusion import random_occluder
from zerotube.synth.scene import Act, Actor, Take

Condition = Literal["plain", "occlusion", "jitter", "clutter"]

CONDITIONS: tuple[Condition, ...] = ("plain", "occlusion", "jitter", "clutter")
"""What makes a clip harder to look at; each sample has one."""

SHIFT = 0.03
"""Largest shift of a hand-held camera along x and along y, sides."""

_SECONDS = 6.5
"""Mean length of a clip: how fast the camera swings."""

GAP = 1.06
"""Least distance of two objects at the times of `_GRID`, in units of touching."""

ROOM = 0.01
"""Least distance of an object from the frame's rim, sides."""

_GRID = np.linspace(0.0, 1.0, 65)
"""Times at which it is tested whether objects touch; finer than the shortest rest of an object."""

_TRIES = 24
"""Places that are tried at once for an object."""


@dataclass(frozen=True)
class Mix:
    """How training takes are drawn; all values but `counts` are probabilities or odds.

    Attributes:
        counts: odds of 1, 2, 3, 4, 5, 6 objects.
        shared: probability that the objects come from two colours and two shapes, so that they
            share attributes; with more than four objects, the others share one of the two.
        moving: probability that an object acts; 0 for takes in which everything is still.
        second: probability that an acting object performs a second action; half of that, given a
            second, is the probability of a third.
        basic: probability that an action is one of the first six; the others share the rest.
        same_action: probability that all acting objects of a take do the same one action, half of
            the time at nearly the same time. Not in takes with look-alikes.
        look_alikes: probability that two to four objects of a take of two or more share colour and
            shape; they have no action in common. All other objects differ in colour or shape.
        textured: share of objects with stripes or dots. Round objects that spin always have them.
        conditions: odds of `CONDITIONS`: plain, occlusion, jitter, clutter.
        backgrounds: odds of `zerotube.synth.backdrops.BACKGROUNDS`: uniform, gradient, stripes,
            checkerboard, blobs.
        shading: probability that objects are shaded, by up to 0.35.
        blur: probability of a lens blur, up to 0.006 sides.
        noise: probability of sensor noise, 0.5 to 4 grey levels.
    """

    counts: tuple[float, ...] = (0.08, 0.24, 0.28, 0.22, 0.11, 0.07)
    shared: float = 0.6
    moving: float = 0.75
    second: float = 0.25
    basic: float = 0.5
    same_action: float = 0.3
    look_alikes: float = 0.25
    textured: float = 0.3
    conditions: tuple[float, float, float, float] = (0.4, 0.15, 0.2, 0.25)
    backgrounds: tuple[float, float, float, float, float] = (0.28, 0.26, 0.15, 0.15, 0.16)
    shading: float = 0.4
    blur: float = 0.25
    noise: float = 0.5


def random_take(rng: np.random.Generator, mix: Mix, frames: int, aspect: float = 1.0) -> Take:
    """A random take; the same generator state gives the same take.

    No object ever has a held-out combination, touches another, or leaves the frame.

    Args:
        rng: source of all choices.
        mix: how they are drawn.
        frames: number of frames, spread over the clip from its first to its last, at least 1.
        aspect: width through height of the frame.
    """
    width, height = max(aspect, 1.0), max(1.0 / aspect, 1.0)
    condition = CONDITIONS[drawn(rng, mix.conditions)]
    pattern = BACKGROUNDS[drawn(rng, mix.backgrounds)]
    backdrop = wide_backdrop(rng, pattern, width, height, clutter=condition == "clutter")
    times = np.linspace(0.0, 1.0, frames)
    jitter = condition == "jitter"
    margin = ROOM + (SHIFT if jitter else 0.0)
    actors = random_cast(rng, mix, 1 + drawn(rng, mix.counts), width, height, margin)
    shifts = random_shifts(rng, times) if jitter else np.zeros((frames, 2))
    occluder = None
    if condition == "occlusion":
        paths = [actor.states(times)[:, :3] for actor in actors]
        occluder = random_occluder(rng, paths, times, backdrop, width, height)
    shading, blur, noise = optics(rng, mix)
    return Take(
        actors=actors,
        backdrop=backdrop,
        times=times,
        width=width,
        height=height,
        shifts=shifts,
        occluder=occluder,
        shading=shading,
        blur=blur,
        noise=noise,
        seed=int(rng.integers(2**31)),
    )


def random_shifts(rng: np.random.Generator, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slow swings of a hand-held camera, none beyond `SHIFT`; float64 (T, 2), sides."""
    rates = rng.uniform(0.15, 0.8, size=(1, 4, 2))
    phases = rng.uniform(0.0, 2.0 * np.pi, size=(1, 4, 2))
    swings = np.sin(2.0 * np.pi * rates * times[:, None, None] * _SECONDS + phases)
    shifts: NDArray[np.float64] = (swings / (0.3 + rates)).sum(axis=1)
    shifts *= rng.uniform(0.5, 1.0, size=2) * SHIFT / np.abs(shifts).max(axis=0)
    return shifts


def random_cast(
    rng: np.random.Generator, mix: Mix, count: int, width: float, height: float, margin: float
) -> tuple[Actor, ...]:
    """Objects that stay apart and inside the frame; fewer than `count` if that many never fit.

    Args:
        rng: source of all choices.
        mix: how they are drawn.
        count: how many objects.
        width, height: of the frame, sides.
        margin: least distance from the rim, sides.
    """
    while True:
        for _ in range(8):
            bodies = _bodies(rng, mix, count)
            actors = arrange(rng, bodies, width, height, margin)
            if actors is not None:
                return tuple(actors[int(i)] for i in rng.permutation(count))
        count = max(count - 1, 1)


def make_body(
    rng: np.random.Generator, look: Look, acts: tuple[Act, ...], *, crowded: bool
) -> Actor:
    """An object without a place: its centre is the origin at u = 0.

    Args:
        rng: source of size, angle and shades.
        look: what it looks like.
        acts: what it does.
        crowded: smaller, for five or six objects.
    """
    actions = [act.action for act in acts]
    look = showing(rng, look, actions)
    new = random_new_colour(rng, look) if "changes color" in actions else None
    return Actor(
        colour=look.colour,
        shape=look.shape,
        texture=look.texture,
        rgb=random_rgb(rng, look.colour),
        x=0.0,
        y=0.0,
        size=_size(rng, actions, crowded),
        angle=float(rng.uniform(-0.26, 0.26)),
        acts=acts,
        new_colour=new,
        new_rgb=None if new is None else random_rgb(rng, new),
    )


def arrange(
    rng: np.random.Generator, bodies: Sequence[Actor], width: float, height: float, margin: float
) -> list[Actor] | None:
    """Give every object a place so that all stay apart and inside.

    Args:
        rng: source of the places.
        bodies: objects at the origin.
        width, height: of the frame, sides.
        margin: least distance from the rim at any time, sides.

    Returns:
        The objects in their order, or None if there was no room.
    """
    paths = [body.states(_GRID)[:, :3] for body in bodies]
    frame = np.array([width, height])
    lows, highs = [], []
    for path in paths:
        reach = 0.5 * path[:, 2].max() + margin
        lows.append(reach - path[:, :2].min(axis=0))
        highs.append(frame - reach - path[:, :2].max(axis=0))
    ranges = np.array(highs) - np.array(lows)
    if (ranges < 0.0).any():
        return None
    # Who has the least choice goes first.
    order = np.argsort(ranges.prod(axis=1))
    for _ in range(2):
        places = _places(rng, [paths[i] for i in order], [lows[i] for i in order], ranges[order])
        if places is not None:
            spots = dict(zip(order.tolist(), places, strict=True))
            return [replace(b, x=spots[i][0], y=spots[i][1]) for i, b in enumerate(bodies)]
    return None


def _places(
    rng: np.random.Generator,
    paths: Sequence[NDArray[np.float64]],
    lows: Sequence[NDArray[np.float64]],
    ranges: NDArray[np.float64],
) -> list[tuple[float, float]] | None:
    """The first of some random places at which an object touches none of those before it."""
    places: list[tuple[float, float]] = []
    taken = np.empty((0, len(_GRID), 3))
    for path, low, span in zip(paths, lows, ranges, strict=True):
        spots = low + rng.random((_TRIES, 2)) * span
        found = 0
        if len(taken):
            x = spots[:, None, None, 0] + (path[:, 0] - taken[:, :, 0])
            y = spots[:, None, None, 1] + (path[:, 1] - taken[:, :, 1])
            limit = (0.5 * GAP) * (path[:, 2] + taken[:, :, 2])
            free = (x * x + y * y >= limit * limit).all(axis=(1, 2))
            if not free.any():
                return None
            found = int(free.argmax())
        spot = float(spots[found, 0]), float(spots[found, 1])
        places.append(spot)
        taken = np.concatenate([taken, (path + np.array([*spot, 0.0]))[None]])
    return places


def optics(rng: np.random.Generator, mix: Mix) -> tuple[float, float, float]:
    """Shading, blur and noise of a take."""
    shading = float(rng.uniform(0.05, 0.35)) if rng.random() < mix.shading else 0.0
    blur = float(rng.uniform(0.001, 0.006)) if rng.random() < mix.blur else 0.0
    noise = float(rng.uniform(0.5, 4.0)) if rng.random() < mix.noise else 0.0
    return shading, blur, noise


def _bodies(rng: np.random.Generator, mix: Mix, count: int) -> list[Actor]:
    crowded = count > 4
    alike = 0
    if count > 1 and rng.random() < mix.look_alikes:
        alike = int(rng.integers(2, min(count, 4) + 1))
    looks = random_looks(
        rng, count, alike=alike, shared=rng.random() < mix.shared, textured=mix.textured
    )
    if not alike and rng.random() < mix.same_action:
        plans = _in_step(rng, mix, count, crowded)
    else:
        roles = random_roles(rng, looks, moving=mix.moving, second=mix.second, basic=mix.basic)
        plans = [in_turn(rng, role, crowded=crowded) if role else () for role in roles]
    return [
        make_body(rng, look, acts, crowded=crowded) for look, acts in zip(looks, plans, strict=True)
    ]


def _in_step(
    rng: np.random.Generator, mix: Mix, count: int, crowded: bool
) -> list[tuple[Act, ...]]:
    """One action for all that act, half of the time at nearly the same time."""
    action = random_action(rng, mix.basic)
    first = in_turn(rng, (action,), crowded=crowded)
    plans: list[tuple[Act, ...]] = []
    together = rng.random() < 0.5
    for _ in range(count):
        if rng.random() >= mix.moving:
            plans.append(())
        elif together:
            plans.append((nearly(rng, first[0], crowded=crowded),))
        else:
            plans.append(in_turn(rng, (action,), crowded=crowded))
    return plans


def _size(rng: np.random.Generator, actions: Sequence[str], crowded: bool) -> float:
    """A starting size that keeps the object between 13% and 34% of the side."""
    changes = [action for action in actions if action in ("grows", "shrinks")]
    if not changes:
        return float(rng.uniform(0.13, 0.2) if crowded else rng.uniform(0.15, 0.3))
    if changes[0] == "grows":
        return float(rng.uniform(0.13, 0.145) if crowded else rng.uniform(0.14, 0.17))
    return float(rng.uniform(0.24, 0.28) if crowded else rng.uniform(0.27, 0.34))


def drawn(rng: np.random.Generator, odds: Sequence[float]) -> int:
    """A number drawn with these odds."""
    point = rng.random() * sum(odds)
    for number, share in enumerate(odds):
        point -= share
        if point < 0.0:
            return number
    return max(number for number, share in enumerate(odds) if share > 0.0)
