"""Who is in a sample of the set "rich" and what its query says, before anybody has a place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from zerotube.synth.actions import in_turn, nearly, random_action
from zerotube.synth.choices import other, pick
from zerotube.synth.facts import SIZES, Claim
from zerotube.synth.looks import COMBINATIONS, Look, random_texture
from zerotube.synth.scene import Act
from zerotube.synth.words import ACTIONS, PLACES, RELATIONS, TEXTURES

QUERY_KINDS: tuple[str, ...] = ("look", "texture", "size", "place", "relation", "noun")
"""What a query says of its object besides the action: colour and shape; texture and shape; size,
colour and shape; colour, shape and place; colour, shape and where another object is; colour."""

_PARTS: dict[str, tuple[str, ...]] = {
    "look": ("colour", "shape"),
    "texture": ("texture", "shape"),
    "size": ("size", "colour", "shape"),
    "place": ("place", "colour", "shape"),
    "relation": ("relation", "colour", "shape"),
    "noun": ("colour",),
}
"""Parts of a query; the first is the one that its kind is about."""

_DIAMETERS = {"small": (0.14, 0.185), "large": (0.265, 0.31)}
_SWELLING = ("grows", "shrinks")


@dataclass(frozen=True)
class Role:
    """One object without a place.

    Attributes:
        look: what it looks like.
        acts: what it does.
        size: diameter at u = 0, sides, or None if it does not matter.
    """

    look: Look
    acts: tuple[Act, ...]
    size: float | None = None


@dataclass(frozen=True)
class Question:
    """A query and the objects it is asked about.

    Attributes:
        kind: one of `QUERY_KINDS`.
        roles: the objects; the first is the one meant.
        claim: what the query says.
        noun: "object", or the target's shape.
    """

    kind: str
    roles: tuple[Role, ...]
    claim: Claim
    noun: str

    @property
    def attribute(self) -> str:
        """Who, for example "the red circle above the blue square"."""
        claim = self.claim
        texture = claim.texture if claim.texture != TEXTURES[0] else None
        words = [claim.size, texture, claim.colour, self.noun, claim.place]
        if claim.relation is not None:
            word, colour, shape = claim.relation
            words += [word, "the", colour, shape]
        return " ".join(["the", *(word for word in words if word)])


def make_question(rng: np.random.Generator, kind: str, action: str) -> Question:
    """A query and objects of which each but the first lacks one part of it.

    One of them lacks the part that the kind is about and shares everything else that is said.
    Whether places and relations hold is up to who gives the objects their places.

    Args:
        rng: source of the choices.
        kind: one of `QUERY_KINDS`.
        action: what the target does.
    """
    pair = pick(rng, COMBINATIONS)
    look = Look(*pair, random_texture(rng, 1.0 if kind == "texture" else 0.3))
    size = pick(rng, SIZES) if kind == "size" else None
    never = _SWELLING if kind == "size" else ()
    mine = [action]
    if rng.random() < (0.15 if kind in ("place", "relation") else 0.3):
        mine.append(random_action(rng, 0.5, {action, *never}))
    acts = in_turn(rng, mine)
    asked = next(act for act in acts if act.action == action)
    roles = [Role(look, acts, _diameter(rng, size))]
    parts = [*_PARTS[kind], "action"]
    lacking = [pick(rng, ("colour", "shape")) if kind == "look" else parts[0]]
    most = 4 if kind in ("look", "texture", "noun") else 3
    for _ in range(int(rng.integers(0, most))):
        lacking.append(pick(rng, parts))
    for part in lacking:
        roles.append(_distractor(rng, kind, part, look, size, asked, never))
    claim = Claim(
        size=size,
        texture=look.texture if kind == "texture" else None,
        colour=look.colour if kind != "texture" else None,
        shape=look.shape if kind != "noun" else None,
        action=action,
        place=pick(rng, PLACES) if kind == "place" else None,
    )
    if kind == "relation":
        anchor = _anchor(rng, roles, action)
        roles.append(anchor)
        relation = pick(rng, RELATIONS), anchor.look.colour, anchor.look.shape
        claim = replace(claim, relation=relation)
    return Question(kind, tuple(roles), claim, "object" if kind == "noun" else look.shape)


def _distractor(
    rng: np.random.Generator,
    kind: str,
    part: str,
    look: Look,
    size: str | None,
    asked: Act,
    never: Collection[str],
) -> Role:
    """An object that shares everything which is said but one part; often the rest as well."""
    colour, shape, texture = look.colour, look.shape, look.texture
    said = _PARTS[kind]
    if part == "colour" or ("colour" not in said and rng.random() < 0.3):
        colour = pick(rng, [c for c, s in COMBINATIONS if s == shape and c != colour])
    if part == "shape" or ("shape" not in said and rng.random() < 0.5):
        shape = pick(rng, [s for c, s in COMBINATIONS if c == colour and s != shape])
    if part == "texture":
        texture = other(rng, TEXTURES, texture)
    elif "texture" not in said and rng.random() < 0.3:
        texture = random_texture(rng, 0.5)
    if part == "size" and size is not None:
        size = other(rng, SIZES, size)
    if part == "action":
        count = 2 if rng.random() < 0.25 else 1
        mine: list[str] = []
        for _ in range(count):
            mine.append(random_action(rng, 0.5, {asked.action, *mine, *never}))
        acts = in_turn(rng, mine)
    elif rng.random() < 0.6:
        acts = (nearly(rng, asked),)
    else:
        acts = in_turn(rng, (asked.action,))
    return Role(Look(colour, shape, texture), acts, _diameter(rng, size))


def _anchor(rng: np.random.Generator, roles: list[Role], action: str) -> Role:
    """The other object of a relation: of a colour and shape that no object has; often still."""
    taken = {role.look.combination for role in roles}
    pair = pick(rng, [pair for pair in COMBINATIONS if pair not in taken])
    acts: tuple[Act, ...] = ()
    if rng.random() < 0.4:
        acts = in_turn(rng, (random_action(rng, 0.5, {action, "changes color"}),))
    return Role(Look(*pair, random_texture(rng, 0.3)), acts)


def _diameter(rng: np.random.Generator, size: str | None) -> float | None:
    return None if size is None else float(rng.uniform(*_DIAMETERS[size]))


def askable(kind: str) -> tuple[str, ...]:
    """The actions that queries of a kind name: who grows is neither small nor large."""
    return tuple(a for a in ACTIONS if kind != "size" or a not in _SWELLING)
