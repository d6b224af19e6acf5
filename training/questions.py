"""Questions, answers and captions about a window: all that the language model learns from.

Yes/no questions come from `statements.py`; here are the open ones and the mix. Nothing names a
colour and a shape that training never shows together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from phrases import WORDINGS, pick, say, with_article, wording
from statements import (
    COLOUR_WORDS,
    HELD_OUT,
    Exchange,
    Form,
    Shares,
    anyone,
    describe,
    existence,
    seen_of,
    unseen,
)
from vocabulary import ABSENT, GENERIC
from zerotube.synth.facts import Claim, Facts, ObjectFacts
from zerotube.synth.words import STILL

CAPTION = "describe this video in details ."


def _subject(facts: Facts, rng: np.random.Generator, shares: Shares) -> ObjectFacts | None:
    """An object to ask about, mostly one that shares its colour or its shape with another."""
    seen = seen_of(facts)
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
    return anyone(rng, seen)


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
        claim = describe(item, form, rng)
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
    items = [i for i in seen_of(facts) if not i.doubtful and len(i.done) == 2]
    if not items:
        return None
    item = anyone(rng, items)
    claim = _named(facts, item, rng, NAME_FORMS)
    if claim is None or item.done[0] == item.done[1]:
        return None
    which = int(rng.random() * 2)
    when = "first" if which == 0 else pick(rng, ("last", "then"))
    question = f"what does {say(claim, rng, 1.0)} do {when} ?"
    return Exchange(question, item.done[which], "what first")


def _ask_who(facts: Facts, rng: np.random.Generator, shares: Shares) -> Exchange | None:
    items = [i for i in seen_of(facts) if i.actions and i.first_colour]
    if not items:
        return None
    item = anyone(rng, items)
    claim = Claim(action=pick(rng, item.actions))
    if not _unique(facts, item, claim) or (item.first_colour, item.shape) in HELD_OUT:
        return None
    said = wording(rng, WORDINGS[claim.action or STILL])
    said = f"is {said}" if said.split(" ")[0].endswith("ing") else said
    answer = with_article(f"{item.first_colour} {item.shape}", definite=False)
    return Exchange(f"what {said} ?", answer, "what moves")


def oddity(facts: Facts, rng: np.random.Generator) -> Exchange:
    """A question with a fixed answer: something never there, or anything at all."""
    if rng.random() < 0.6 or not seen_of(facts):
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
