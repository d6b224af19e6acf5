"""What the objects of a random take look like, and which actions each of them performs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from zerotube.synth.actions import random_action
from zerotube.synth.scene import RGB
from zerotube.synth.words import COLOURS, HELD_OUT_COMBINATIONS, SHAPES, TEXTURES

COMBINATIONS: tuple[tuple[str, str], ...] = tuple(
    (colour, shape)
    for colour in COLOURS
    for shape in SHAPES
    if (colour, shape) not in HELD_OUT_COMBINATIONS
)
"""Every colour and shape that training may show together."""

Option = TypeVar("Option")

_ALLOWED = frozenset(COMBINATIONS)
_ROUND = ("circle", "ring")
"""Shapes whose turning cannot be seen unless something is drawn on them."""


@dataclass(frozen=True)
class Look:
    """What an object looks like.

    Attributes:
        colour: key of `COLOURS`.
        shape: one of `SHAPES`.
        texture: one of `TEXTURES`.
    """

    colour: str
    shape: str
    texture: str

    @property
    def combination(self) -> tuple[str, str]:
        """Colour and shape."""
        return self.colour, self.shape


def random_looks(
    rng: np.random.Generator, count: int, *, alike: int, shared: bool, textured: float
) -> list[Look]:
    """Looks of which the first `alike` share colour and shape and the others do not.

    Args:
        rng: source of the choices.
        count: how many.
        alike: how many share colour and shape, mostly texture too; 0 or 1 for none.
        shared: whether they come from two colours and two shapes, as far as there are enough.
        textured: probability that an object is striped or dotted.
    """
    pool = list(COMBINATIONS)
    if shared:
        colours = set(_sample(rng, list(COLOURS), 2))
        shapes = set(_sample(rng, list(SHAPES), 2))
        few = [pair for pair in pool if pair[0] in colours and pair[1] in shapes]
        near = [pair for pair in pool if (pair[0] in colours) != (pair[1] in shapes)]
        needed = count - max(alike - 1, 0)
        pairs = _sample(rng, few, min(needed, len(few)))
        pairs += _sample(rng, near, needed - len(pairs))
    else:
        pairs = _sample(rng, pool, count - max(alike - 1, 0))
    pairs = [pairs[0]] * max(alike - 1, 0) + pairs
    looks: list[Look] = []
    for place, pair in enumerate(pairs):
        texture = random_texture(rng, textured)
        if 0 < place < alike and rng.random() < 0.75:
            texture = looks[0].texture
        looks.append(Look(*pair, texture))
    return looks


def random_texture(rng: np.random.Generator, textured: float) -> str:
    """ "plain", or with probability `textured` one of the others."""
    if rng.random() >= textured:
        return TEXTURES[0]
    return TEXTURES[1 + int(rng.integers(len(TEXTURES) - 1))]


def random_roles(
    rng: np.random.Generator,
    looks: Sequence[Look],
    *,
    moving: float,
    second: float,
    basic: float,
) -> list[tuple[str, ...]]:
    """The actions of every object; objects of one colour and shape have none in common.

    Args:
        rng: source of the choices.
        looks: of the objects.
        moving: probability that an object acts; of look-alikes at most one does not.
        second: probability of a second action, and twice that of a third.
        basic: probability that an action is one of the first six.
    """
    taken: dict[tuple[str, str], set[str]] = {}
    still: set[tuple[str, str]] = set()
    roles: list[tuple[str, ...]] = []
    for look in looks:
        pair = look.combination
        if rng.random() >= moving and pair not in still:
            still.add(pair)
            roles.append(())
            continue
        count = 1
        if rng.random() < second:
            count = 3 if rng.random() < 0.5 * second else 2
        mine: list[str] = []
        for _ in range(count):
            mine.append(random_action(rng, basic, {*mine, *taken.get(pair, ())}))
        taken.setdefault(pair, set()).update(mine)
        roles.append(tuple(mine))
    return roles


def showing(rng: np.random.Generator, look: Look, actions: Sequence[str]) -> Look:
    """The look, with something drawn on it if it is round and spins."""
    if "spins" not in actions or look.shape not in _ROUND or look.texture != TEXTURES[0]:
        return look
    return Look(look.colour, look.shape, random_texture(rng, 1.0))


def random_new_colour(rng: np.random.Generator, look: Look) -> str:
    """Another colour, which does not make a held-out combination of the object."""
    options = [c for c in COLOURS if c != look.colour and (c, look.shape) in _ALLOWED]
    return options[int(rng.integers(len(options)))]


def random_rgb(rng: np.random.Generator, colour: str) -> RGB:
    """A small variation of a named colour, 0..255."""
    tone = float(rng.uniform(0.92, 1.06))
    shifts = rng.uniform(-10.0, 10.0, size=3).tolist()
    red, green, blue = (
        min(max(value * tone + shift, 0.0), 255.0)
        for value, shift in zip(COLOURS[colour], shifts, strict=True)
    )
    return red, green, blue


def _sample(rng: np.random.Generator, options: Sequence[Option], count: int) -> list[Option]:
    """Some of the options, none twice."""
    return [options[int(i)] for i in rng.permutation(len(options))[:count]]
