"""Questions, answers and captions about a window of a take: all that the model is taught with.

Only what is surely true or surely false is asked, and no question or answer names a colour and a
shape that training never shows together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from phrases import pick, say
from zerotube.synth.facts import SIZES, Claim, Facts, ObjectFacts, Relation
from zerotube.synth.words import (
    ACTIONS,
    COLOURS,
    HELD_OUT_COMBINATIONS,
    PLACES,
    RELATIONS,
    SHAPES,
    STILL,
)

ALL_ACTIONS = (*ACTIONS, STILL)
HELD_OUT = frozenset(HELD_OUT_COMBINATIONS)
COLOUR_WORDS = tuple(COLOURS)
SAID_TEXTURES = ("striped", "dotted")
Form = tuple[str, ...]


@dataclass(frozen=True)
class Exchange:
    """One question and its answer, words separated by blanks; `kind` is for statistics."""

    question: str
    answer: str
    kind: str


@dataclass(frozen=True)
class Shares:
    """How often each kind of question is asked; the rest is existence.

    A kind that cannot be asked of a window is replaced by another draw.

    Attributes:
        oddity: things that are never there, and anything at all.
        colour: "what color is ... ?".
        shape: "what shape is ... ?".
        size: "what size is ... ?".
        pattern: "what pattern is on ... ?".
        where: "where is ... ?".
        does: "what does ... do ?"; of moving windows, as are the next two.
        who: "what moves left ?".
        order: "what does ... do first ?".
        wrong_action: share of the noes about a sentence in which only the action is wrong.
        shared: share of the open questions in which, if possible, another object has the colour or
            the shape of the one meant.
    """

    oddity: float = 0.02
    colour: float = 0.05
    shape: float = 0.05
    size: float = 0.06
    pattern: float = 0.04
    where: float = 0.08
    does: float = 0.15
    who: float = 0.05
    order: float = 0.06
    wrong_action: float = 0.5
    shared: float = 0.7


NEAR_ACTIONS: dict[str, tuple[str, ...]] = {
    "moves left": ("moves right", "moves up", "moves down"),
    "moves right": ("moves left", "moves up", "moves down"),
    "moves up": ("moves down", "moves left", "moves right"),
    "moves down": ("moves up", "moves left", "moves right"),
    "grows": ("shrinks",),
    "shrinks": ("grows",),
    "appears": ("disappears",),
    "disappears": ("appears",),
    "circles": ("bounces", "spins"),
    "bounces": ("circles", "moves left", "moves right"),
}
"""What an action is most easily taken for. Without these noes every motion passes for any other."""

STILL_FORMS: dict[Form, float] = {
    ("colour",): 0.09,
    ("shape",): 0.1,
    ("colour", "shape"): 0.43,
    ("texture", "shape"): 0.06,
    ("texture", "colour", "shape"): 0.06,
    ("size", "colour", "shape"): 0.06,
    ("colour", "shape", "place"): 0.1,
    ("colour", "shape", "relation"): 0.1,
}
"""What questions of existence are about when nothing moves, and how often."""
MOVING_FORMS: dict[Form, float] = {
    ("colour",): 0.02,
    ("shape",): 0.03,
    ("colour", "shape"): 0.13,
    ("action",): 0.06,
    ("colour", "action"): 0.05,
    ("shape", "action"): 0.16,
    ("colour", "shape", "action"): 0.32,
    ("texture", "shape"): 0.02,
    ("texture", "colour", "shape"): 0.03,
    ("texture", "colour", "shape", "action"): 0.03,
    ("size", "colour", "shape"): 0.03,
    ("colour", "shape", "place"): 0.06,
    ("colour", "shape", "relation"): 0.06,
}


def _table(forms: dict[Form, float]) -> tuple[tuple[Form, ...], tuple[float, ...]]:
    return tuple(forms), tuple(accumulate(forms.values()))


_FORMS = {False: _table(STILL_FORMS), True: _table(MOVING_FORMS)}


def _draw_form(rng: np.random.Generator, moving: bool) -> Form:
    forms, sums = _FORMS[moving]
    draw = rng.random() * sums[-1]
    return next(form for form, upto in zip(forms, sums, strict=True) if draw <= upto)


def unseen(claim: Claim) -> bool:
    """Whether the claim names a held-out combination."""
    return (claim.colour, claim.shape) in HELD_OUT or (
        claim.relation is not None and claim.relation[1:] in HELD_OUT
    )


def anyone(rng: np.random.Generator, items: Sequence[ObjectFacts]) -> ObjectFacts:
    return items[int(rng.random() * len(items))]


def seen_of(facts: Facts) -> list[ObjectFacts]:
    return [item for item in facts.objects if item.seen]


def _value(item: ObjectFacts, part: str, rng: np.random.Generator) -> str | Relation | None:
    """Something that surely holds for an object, or None."""
    if part == "colour":
        return item.first_colour
    if part == "shape":
        return item.shape
    if part == "action":
        return pick(rng, item.actions) if item.actions else None
    if part == "texture":
        return item.texture if item.texture != "plain" else None
    if part == "size":
        return item.size
    if part == "place":
        return pick(rng, item.places) if item.places else None
    found = item.relations
    return found[int(rng.random() * len(found))] if found else None


def describe(item: ObjectFacts, form: Form, rng: np.random.Generator) -> Claim | None:
    """A true claim about an object, or None if some part of the form is not known."""
    values = {part: _value(item, part, rng) for part in form}
    if None in values.values():
        return None
    return Claim(**values)  # type: ignore[arg-type]


def _other_value(
    facts: Facts, claim: Claim, part: str, rng: np.random.Generator, near: float
) -> str | Relation | None:
    """Another value for one part; with probability `near` one that an object has."""
    if part == "relation":
        return _other_relation(facts, claim, rng)
    if claim.action in NEAR_ACTIONS and part == "action" and rng.random() < 0.5:
        return pick(rng, NEAR_ACTIONS[claim.action])
    if rng.random() < near:
        found = _value(anyone(rng, facts.objects), part, rng)
        if found is not None:
            return found
    options = {
        "colour": COLOUR_WORDS,
        "shape": SHAPES,
        "action": ALL_ACTIONS,
        "texture": SAID_TEXTURES,
        "size": SIZES,
        "place": PLACES,
    }
    return pick(rng, options[part])


def _other_relation(facts: Facts, claim: Claim, rng: np.random.Generator) -> Relation | None:
    if claim.relation is None:
        return None
    word, colour, shape = claim.relation
    if rng.random() < 0.6:
        return (pick(rng, RELATIONS), colour, shape)
    other = anyone(rng, facts.objects)
    if other.first_colour is None:
        return None
    return (word, other.first_colour, other.shape)


def _falsehood(
    facts: Facts, claim: Claim, form: Form, rng: np.random.Generator, shares: Shares
) -> Claim | None:
    """The claim with one or two parts changed so that nothing in the window fits it."""
    parts: Sequence[str] = form
    if "action" in form and len(form) > 1:
        wrong = rng.random() < shares.wrong_action
        parts = [part for part in form if (part == "action") == wrong]
    elif form[-1] in ("place", "relation") and rng.random() < 0.75:
        parts = form[-1:]
    elif form[0] in ("size", "texture") and rng.random() < 0.5:
        parts = form[:1]
    for attempt in range(16):
        # At first what is there in another combination, later anything that makes it false.
        near = 0.75 if attempt < 6 else 0.0
        if attempt == 10 and "action" not in form:
            parts = form
        part = pick(rng, parts)
        found = _other_value(facts, claim, part, rng, near)
        if found is None:
            continue
        mixed = replace(claim, **{part: found})  # type: ignore[arg-type]
        if len(parts) > 1 and rng.random() < 0.15:
            part = pick(rng, parts)
            found = _other_value(facts, mixed, part, rng, near)
            mixed = replace(mixed, **{part: found}) if found else mixed  # type: ignore[arg-type]
        if not unseen(mixed) and mixed.truth(facts) is False:
            return mixed
    return None


def existence(
    facts: Facts,
    rng: np.random.Generator,
    shares: Shares,
    truth: bool | None = None,
) -> Exchange | None:
    """ "Is there ... in this video ?", yes and no equally often, the noes hard where possible.

    A "no" starts from something true and changes a part of it, mostly to one that another object
    has; so the form of a question does not give its answer away.
    """
    if truth is None:
        truth = bool(rng.random() < 0.5)
    seen = seen_of(facts)
    if not seen:
        return None
    for _ in range(8):
        form = _draw_form(rng, facts.moving)
        claim = describe(anyone(rng, seen), form, rng)
        if claim is None or unseen(claim):
            continue
        if not truth:
            claim = _falsehood(facts, claim, form, rng, shares)
        elif claim.truth(facts) is not True:
            continue
        if claim is not None:
            answer = "yes" if truth else "no"
            return Exchange(f"is there {say(claim, rng)} in this video ?", answer, "+".join(form))
    return None
