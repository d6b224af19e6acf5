"""Small random takes, drawn without its own sampler."""

from __future__ import annotations

import numpy as np

from zerotube.synth.backdrops import random_backdrop
from zerotube.synth.scene import Act, Actor, Take
from zerotube.synth.words import ACTIONS, COLOURS, HELD_OUT_COMBINATIONS, SHAPES, TEXTURES


def act(action: str, start: float = 0.2, end: float = 0.8) -> Act:
    """An act of usual extent."""
    amount, reach = {
        "grows": (1.7, 0.0),
        "shrinks": (0.55, 0.0),
        "spins": (3.0, 0.0),
        "bounces": (2.0, 0.15),
        "circles": (1.0, 0.12),
        "blinks": (3.0, 0.0),
    }.get(action, (0.35, 0.0))
    return Act(action, start, end, amount, reach)


def actor(colour: str = "red", shape: str = "square", *acts: Act, **more) -> Actor:
    """An object; by default in the middle, of no clear size."""
    values = {"texture": "plain", "x": 0.5, "y": 0.5, "size": 0.22, **more}
    return Actor(colour, shape, rgb=COLOURS[colour], acts=acts, **values)


def take(*actors: Actor, frames: int = 20, width: float = 1.0) -> Take:
    """A take of these objects with a camera that stands still."""
    backdrop = random_backdrop(np.random.default_rng(0), "uniform", clutter=False)
    times = np.linspace(0.0, 1.0, frames)
    return Take(actors, backdrop, times, width, 1.0, np.zeros((frames, 2)))


def _pick(rng, options):
    return options[int(rng.integers(len(options)))]


def _random_actor(rng, colours, shapes) -> Actor:
    while True:
        colour, shape = _pick(rng, colours), _pick(rng, shapes)
        if (colour, shape) not in HELD_OUT_COMBINATIONS:
            break
    acts: tuple[Act, ...] = ()
    count = int(rng.integers(3))
    if count == 1:
        start = rng.uniform(0.0, 0.4)
        acts = (act(_pick(rng, ACTIONS), start, start + rng.uniform(0.2, 0.6)),)
    elif count == 2:
        names = [str(n) for n in rng.choice(ACTIONS[:11], size=2, replace=False)]
        acts = (act(names[0], 0.05, 0.4), act(names[1], 0.5, 0.9))
    new = None
    if any(a.action == "changes color" for a in acts):
        new = _pick(rng, [c for c in COLOURS if c != colour])
    x, y = rng.uniform(0.15, 0.85, size=2)
    return actor(
        colour,
        shape,
        *acts,
        texture=_pick(rng, TEXTURES),
        x=float(x),
        y=float(y),
        size=float(rng.uniform(0.14, 0.32)),
        new_colour=new,
        new_rgb=None if new is None else COLOURS[new],
    )


def random_take(rng: np.random.Generator, frames: int = 20) -> Take:
    """One to four objects, mostly of few colours and shapes, which may overlap."""
    colours, shapes = list(COLOURS), list(SHAPES)
    if rng.random() < 0.6:
        colours = [str(c) for c in rng.choice(colours, size=2, replace=False)]
        shapes = [str(s) for s in rng.choice(shapes, size=3, replace=False)]
    count = int(rng.integers(1, 5))
    return take(*(_random_actor(rng, colours, shapes) for _ in range(count)), frames=frames)
