"""Questions, answers and captions about a window of a take: all that the model is taught with.

Only what is surely true or surely false is asked, and no question or answer names a colour and a
shape that training never shows together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from phrases import WORDINGS, pick, say, with_article, wording
from vocabulary import ABSENT, GENERIC
from zerotube.synth.rich.facts import SIZES, Claim, Facts, ObjectFacts, Relation
from zerotube.synth.rich.words import (
    ACTIONS,
    COLOURS,
    HELD_OUT_COMBINATIONS,
    PLACES,
    RELATIONS,
    SHAPES,
    STILL,
)

CAPTION = "describe this video in details ."
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
    size: float = 0.1
    pattern: float = 0.06
    where: float = 0.06
    does: float = 0.15
    who: float = 0.05
    order: float = 0.04
    wrong_action: float = 0.4
    shared: float = 0.7


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
    ("colour",): 0.03,
    ("shape",): 0.04,
    ("colour", "shape"): 0.17,
    ("action",): 0.06,
    ("colour", "action"): 0.06,
    ("shape", "action"): 0.13,
    ("colour", "shape", "action"): 0.31,
    ("texture", "shape"): 0.02,
    ("texture", "colour", "shape"): 0.03,
    ("texture", "colour", "shape", "action"): 0.03,
    ("size", "colour", "shape"): 0.03,
    ("colour", "shape", "place"): 0.05,
    ("colour", "shape", "relation"): 0.04,
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


def _any(rng: np.random.Generator, items: Sequence[ObjectFacts]) -> ObjectFacts:
    return items[int(rng.random() * len(items))]


def _seen(facts: Facts) -> list[ObjectFacts]:
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


def _describe(item: ObjectFacts, form: Form, rng: np.random.Generator) -> Claim | None:
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
    if rng.random() < near:
        found = _value(_any(rng, facts.objects), part, rng)
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
    other = _any(rng, facts.objects)
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
    seen = _seen(facts)
    if not seen:
        return None
    for _ in range(8):
        form = _draw_form(rng, facts.moving)
        claim = _describe(_any(rng, seen), form, rng)
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


def _subject(facts: Facts, rng: np.random.Generator, shares: Shares) -> ObjectFacts | None:
    """An object to ask about, mostly one that shares its colour or its shape with another."""
    seen = _seen(facts)
    if not seen:
        return None
    if rng.random() < shares.shared:
        sharing = [
            item
            for item in seen
            if any(
                other is not item
                and (item.shape == other.shape or item.first_colour in other.possible)
                for other in facts.objects
            )
        ]
        seen = sharing or seen
    return _any(rng, seen)


def _unique(facts: Facts, item: ObjectFacts, claim: Claim | None) -> bool:
    """Whether a claim surely means this object and no other."""
    if claim is None or unseen(claim):
        return False
    words = claim.words
    return words <= item.sure and not any(
        words <= other.possible for other in facts.objects if other is not item
    )


NAME_FORMS: tuple[Form, ...] = (
    ("colour", "shape"),
    ("colour", "shape"),
    ("colour", "shape"),
    ("colour", "shape"),
    ("colour",),
    ("shape",),
    ("texture", "shape"),
    ("texture", "colour", "shape"),
)
COLOUR_FORMS: tuple[Form, ...] = (
    ("shape",),
    ("shape",),
    ("texture", "shape"),
    ("size", "shape"),
    ("shape", "place"),
    ("shape", "relation"),
    ("shape", "action"),
)
SHAPE_FORMS: tuple[Form, ...] = tuple(
    tuple("colour" if part == "shape" else part for part in form) for form in COLOUR_FORMS
)


def _named(
    facts: Facts,
    item: ObjectFacts,
    rng: np.random.Generator,
    forms: Sequence[Form],
    without: str = "",
) -> Claim | None:
    """A claim that means this object alone, or None."""
    for _ in range(3):
        form = forms[int(rng.random() * len(forms))]
        if without in form or ("action" in form and not facts.moving):
            continue
        claim = _describe(item, form, rng)
        if _unique(facts, item, claim):
            return claim
    return None


def _ask_colour(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    if item is None or item.colour is None or (item.colour, item.shape) in HELD_OUT:
        return None
    claim = _named(facts, item, rng, COLOUR_FORMS)
    if claim is None:
        return None
    spelling = "color" if rng.random() < 0.8 else "colour"
    return Exchange(f"what {spelling} is {say(claim, rng, 1.0)} ?", item.colour, "what colour")


def _ask_shape(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    if item is None or (item.first_colour, item.shape) in HELD_OUT:
        return None
    claim = _named(facts, item, rng, SHAPE_FORMS)
    if claim is None:
        return None
    return Exchange(f"what shape is {say(claim, rng, 1.0)} ?", item.shape, "what shape")


def _ask_size(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    if item is None or item.size is None:
        return None
    claim = _named(facts, item, rng, NAME_FORMS)
    if claim is None:
        return None
    return Exchange(f"what size is {say(claim, rng, 1.0)} ?", item.size, "what size")


def _ask_pattern(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    # Plain objects are the most; asking less about them keeps the answers even.
    if item is None or (item.texture == "plain" and rng.random() < 0.5):
        return None
    claim = _named(facts, item, rng, NAME_FORMS, without="texture")
    if claim is None:
        return None
    question = f"what pattern is on {say(claim, rng, 1.0)} ?"
    return Exchange(question, item.texture, "what pattern")


def _ask_where(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    if item is None or not item.places:
        return None
    claim = _named(facts, item, rng, NAME_FORMS)
    if claim is None:
        return None
    answer = " ".join(reversed(item.places))
    return Exchange(f"where is {say(claim, rng, 1.0)} ?", answer, "where")


def _ask_does(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    item = _subject(facts, rng, shares)
    if item is None or item.doubtful or len(item.actions) != 1:
        return None
    if item.actions[0] == STILL and rng.random() < 0.5:
        return None
    claim = _named(facts, item, rng, NAME_FORMS)
    if claim is None:
        return None
    return Exchange(f"what does {say(claim, rng, 1.0)} do ?", item.actions[0], "what does")


def _ask_order(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    items = [i for i in _seen(facts) if not i.doubtful and len(i.done) == 2]
    if not items:
        return None
    item = _any(rng, items)
    claim = _named(facts, item, rng, NAME_FORMS)
    if claim is None or item.done[0] == item.done[1]:
        return None
    which = int(rng.random() * 2)
    when = "first" if which == 0 else pick(rng, ("last", "then"))
    question = f"what does {say(claim, rng, 1.0)} do {when} ?"
    return Exchange(question, item.done[which], "what first")


def _ask_who(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    items = [i for i in _seen(facts) if i.actions and i.first_colour]
    if not items:
        return None
    item = _any(rng, items)
    claim = Claim(action=pick(rng, item.actions))
    if not _unique(facts, item, claim) or (item.first_colour, item.shape) in HELD_OUT:
        return None
    said = wording(rng, WORDINGS[claim.action or STILL])
    said = f"is {said}" if said.split(" ")[0].endswith("ing") else said
    answer = with_article(f"{item.first_colour} {item.shape}", definite=False)
    return Exchange(f"what {said} ?", answer, "what moves")


def oddity(facts: Facts, rng: np.random.Generator) -> Exchange:
    """A question with a fixed answer: something never there, or anything at all."""
    if rng.random() < 0.6 or not _seen(facts):
        name = pick(rng, ABSENT)
        name = f"{pick(rng, COLOUR_WORDS)} {name}" if rng.random() < 0.3 else name
        article = with_article(name, rng.random() < 0.5)
        return Exchange(f"is there {article} in this video ?", "no", "absent")
    article = with_article(pick(rng, GENERIC), rng.random() < 0.5)
    return Exchange(f"is there {article} in this video ?", "yes", "anything")


_Asker = Callable[[Facts, np.random.Generator, Shares], Exchange | None]
_STILL_ASKERS: dict[str, _Asker] = {
    "colour": _ask_colour,
    "shape": _ask_shape,
    "size": _ask_size,
    "pattern": _ask_pattern,
    "where": _ask_where,
}
_MOVING_ASKERS: dict[str, _Asker] = {"does": _ask_does, "who": _ask_who, "order": _ask_order}


def _one(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    draw = rng.random() - shares.oddity
    if draw < 0:
        return oddity(facts, rng)
    for askers in (_STILL_ASKERS, _MOVING_ASKERS if facts.moving else {}):
        for name, ask in askers.items():
            draw -= getattr(shares, name)
            if draw < 0:
                return ask(facts, rng, shares)
    return existence(facts, rng, shares)


def exchanges(
    facts: Facts, rng: np.random.Generator, count: int, shares: Shares | None = None
) -> list[Exchange]:
    """`count` questions with answers about one window.

    No question comes twice unless there are too few. Where a window allows none (nothing is
    surely seen), the rest asks for things that are never there.
    """
    shares = shares or Shares()
    out: list[Exchange] = []
    asked: set[str] = set()
    for attempt in range(8 * count):
        if len(out) == count:
            break
        made = _one(facts, rng, shares)
        if made is not None and (made.question not in asked or attempt > 4 * count):
            asked.add(made.question)
            out.append(made)
    return out + [oddity(facts, rng) for _ in range(count - len(out))]


def caption(facts: Facts, rng: np.random.Generator) -> Exchange:
    """A description of all objects in random order, without what is doubtful.

    Empty of words but for "." if nothing can be said.
    """
    parts = []
    for index in rng.permutation(len(facts.objects)):
        item = facts.objects[int(index)]
        if not item.seen or item.first_colour is None:
            continue
        if (item.first_colour, item.shape) in HELD_OUT:
            continue
        name = f"{item.first_colour} {item.shape}"
        if item.texture != "plain" and rng.random() < 0.5:
            name = f"{item.texture} {name}"
        actions = "" if item.doubtful or not facts.moving else " then ".join(item.actions)
        parts.append(f"{with_article(name, definite=False)} {actions}".rstrip() + " .")
    return Exchange(CAPTION, " ".join(parts) or ".", "caption")
