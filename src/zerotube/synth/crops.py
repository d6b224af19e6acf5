"""One object in a short moment, as in a small window of a clip, and what happens in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.actions import FADES, random_action
from zerotube.synth.backdrops import BACKGROUNDS, wide_backdrop
from zerotube.synth.looks import (
    COMBINATIONS,
    Look,
    random_new_colour,
    random_rgb,
    random_texture,
    showing,
)
from zerotube.synth.scene import Act, Actor, Take
from zerotube.synth.takes import CONDITIONS, Mix, drawn, optics
from zerotube.synth.words import ACTIONS, BASIC_ACTIONS

_STILL = 0.25
"""Share of the moments in which nothing happens."""

_SHAKEN = 0.15
"""Share of the moments in which the camera moves."""

_PEEK = 0.15
"""Share of the object's radius that may be outside the frame."""

_SHAKE = 0.03
"""How far the camera then moves along x and along y, sides; most of all moves of it are slow."""

_LEAST, _FARTHEST = 0.03, 0.3
"""How far a bouncing or circling object gets between the two frames, sides."""

_MIX = Mix(counts=(1.0,))


def random_crop(rng: np.random.Generator) -> Take:
    """A take of two frames and one object of 0.3 to 0.75 sides, in the middle of an act.

    The frame is a window of half the side of a clip's frame, the two frames are as far apart as
    if 20 of the clip were sampled; so lengths are twice those of `random_take`. A quarter of the
    objects rest.

    Args:
        rng: source of all choices.
    """
    action = (
        None if rng.random() < _STILL else random_action(rng, len(BASIC_ACTIONS) / len(ACTIONS))
    )
    pair = COMBINATIONS[int(rng.integers(len(COMBINATIONS)))]
    look = Look(*pair, random_texture(rng, _MIX.textured))
    look = showing(rng, look, () if action is None else (action,))
    new = random_new_colour(rng, look) if action == "changes color" else None
    act, times = (None, np.array([0.4, 0.6])) if action is None else _moment(rng, action)
    spins = action == "spins"
    body = Actor(
        colour=look.colour,
        shape=look.shape,
        texture=look.texture,
        rgb=random_rgb(rng, look.colour),
        x=0.0,
        y=0.0,
        size=1.0,
        angle=float(rng.uniform(-np.pi, np.pi) if spins else rng.uniform(-0.26, 0.26)),
        acts=() if act is None else (act,),
        new_colour=new,
        new_rgb=None if new is None else random_rgb(rng, new),
    )
    return _take(rng, _placed(rng, body, times), times)


def _placed(rng: np.random.Generator, body: Actor, times: NDArray[np.float64]) -> Actor:
    """The object at a size of 0.3 to 0.75 and a place where most of it is in the frame."""
    wanted = float(rng.uniform(0.3, 0.75))
    body = replace(body, size=wanted / float(body.states(times)[:, 2].mean()))
    path = body.states(times)
    reach = (1.0 - _PEEK) * 0.5 * path[:, 2].max()
    low = reach - path[:, :2].min(axis=0)
    high = np.maximum(1.0 - reach - path[:, :2].max(axis=0), low)
    x, y = (float(value) for value in rng.uniform(low, high))
    return replace(body, x=x, y=y)


def _take(rng: np.random.Generator, actor: Actor, times: NDArray[np.float64]) -> Take:
    condition = CONDITIONS[drawn(rng, _MIX.conditions)]
    pattern = BACKGROUNDS[drawn(rng, _MIX.backgrounds)]
    backdrop = wide_backdrop(rng, pattern, 1.0, 1.0, clutter=condition == "clutter")
    # A window of half a frame sees every pattern and bit at twice its size.
    bits = tuple(
        replace(bit, size=2.0 * bit.size, x=2.0 * bit.x - 0.5, y=2.0 * bit.y - 0.5)
        for bit in backdrop.bits
    )
    backdrop = replace(backdrop, bits=bits, period=2.0 * backdrop.period)
    shifts = np.zeros((2, 2))
    if rng.random() < _SHAKEN:
        shifts[1] = rng.uniform(-_SHAKE, _SHAKE, size=2)
    shading, blur, noise = optics(rng, _MIX)
    return Take(
        actors=(actor,),
        backdrop=backdrop,
        times=times,
        width=1.0,
        height=1.0,
        shifts=shifts,
        shading=shading,
        blur=2.0 * blur,
        noise=noise,
        seed=int(rng.integers(2**31)),
    )


def _moment(rng: np.random.Generator, action: str) -> tuple[Act, NDArray[np.float64]]:
    """An act of the whole time, and two times in it as far apart as sampled frames are."""
    if action in ("bounces", "circles"):
        return _round_trip(rng, action)
    if action == "blinks":
        # One period from light to dark, or two seen from the dark of the first to the second.
        cycles = int(rng.integers(1, 3))
        early, late = (0.3, 0.7) if cycles == 1 else (0.4, 0.6)
        return Act(action, 0.0, 1.0, float(cycles)), np.array([early, late])
    if action in ("grows", "shrinks"):
        return _swelling(rng, action)
    step = float(rng.uniform(0.25, 0.5) if action in FADES else rng.uniform(0.12, 0.4))
    early = float(rng.uniform(0.0, 1.0 - step))
    amount = 0.0
    if action == "spins":
        amount = float(rng.uniform(0.35, 0.9)) / step * (1.0 if rng.random() < 0.5 else -1.0)
    elif action.startswith("moves"):
        amount = float(rng.uniform(0.03, 0.25)) / step
    return Act(action, 0.0, 1.0, amount), np.array([early, early + step])


def _swelling(rng: np.random.Generator, action: str) -> tuple[Act, NDArray[np.float64]]:
    """Growth by 3% to 20% between the two times, or the same the other way round."""
    step = float(rng.uniform(1.03, 1.2))
    whole = float(rng.uniform(1.6, 2.0))
    early = float(rng.uniform(0.0, 0.5))
    amount, ratio = (whole, step) if action == "grows" else (1.0 / whole, 1.0 / step)
    slope = amount - 1.0
    late = early + (ratio - 1.0) * (1.0 + slope * early) / slope
    return Act(action, 0.0, 1.0, amount), np.array([early, late])


def _round_trip(rng: np.random.Generator, action: str) -> tuple[Act, NDArray[np.float64]]:
    """A part of a bounce or of a circle in which the object gets somewhere else."""
    while True:
        if action == "bounces":
            step, reach = float(rng.uniform(0.17, 0.42)), float(rng.uniform(0.24, 0.44))
            act = Act(action, 0.0, 1.0, 2.0, reach)
        else:
            step, reach = float(rng.uniform(0.1, 0.25)), float(rng.uniform(0.18, 0.3))
            turns = 2.0 if rng.random() < 0.5 else -2.0
            act = Act(action, 0.0, 1.0, turns, reach, float(rng.uniform(0.0, 2.0 * np.pi)))
        early = float(rng.uniform(0.0, 1.0 - 0.5 * step))
        times = np.array([early, early + 0.5 * step])
        path = Actor("", "", "", (0.0, 0.0, 0.0), 0.0, 0.0, 1.0, acts=(act,)).states(times)
        if _LEAST <= float(np.hypot(*(path[1, :2] - path[0, :2]))) <= _FARTHEST:
            return act, times
