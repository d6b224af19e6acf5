"""A second query for every sample of the test sets: one that is surely false of its clip.

Half of them are near misses, made of what is in the clip. They are drawn from random numbers of
their own, so that samples are the same with and without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from zerotube.synth.choices import dealt, pick
from zerotube.synth.facts import Claim, Facts, Word, facts_of
from zerotube.synth.looks import COMBINATIONS
from zerotube.synth.queries import Question, askable
from zerotube.synth.sets import RICH, Stage
from zerotube.synth.words import (
    BASIC_ACTIONS,
    BASIC_COLOURS,
    BASIC_SHAPES,
    HELD_OUT_COMBINATIONS,
    SHAPES,
    TEXTURES,
    UNSEEN_COMBINATIONS,
)

AbsentKind = Literal["plain", "near-look", "near-action"]
"""What is wrong. "plain": the colour (or texture, or shape) is in no object of the clip.
"near-look": colour, or texture, and shape are both there, but in no object together; in a clip
that allows no such pair one of the two is there. "near-action": the object is there and never does
what is said, which mostly another one does."""

SEED = 23
"""Of the choice among the queries that a clip allows."""

_ROUND: tuple[AbsentKind, ...] = ("plain", "near-look", "plain", "near-action")
"""Kinds of every four samples in a row, in any order."""

_Pair = tuple[str, str]
"""Colour and shape, or texture and shape."""


_SEEN: tuple[_Pair, ...] = tuple(
    (colour, shape)
    for colour in BASIC_COLOURS
    for shape in BASIC_SHAPES
    if (colour, shape) not in HELD_OUT_COMBINATIONS
)


@dataclass(frozen=True)
class AbsentQuery:
    """A sentence that nothing in the clip fits.

    Attributes:
        query: in the style of the set, for example "the red star moves left".
        kind: what is wrong with it.
    """

    query: str
    kind: AbsentKind


def absent_query(stage: Stage) -> AbsentQuery:
    """The absent query of a sample; the same at every call.

    Args:
        stage: of the sample.
    """
    question, kind = absent_question(stage)
    return AbsentQuery(f"{question.attribute} {question.claim.action}", kind)


def absent_question(stage: Stage) -> tuple[Question, AbsentKind]:
    """What the absent query says, and what is wrong with it.

    Places, sizes and relations are those of the sample's own query. What is left without them,
    `core`, is surely false in every window of several frames.

    Args:
        stage: of the sample.
    """
    series, _, number = stage.sample_id.rpartition("-")
    kind = dealt(_ROUND, (SEED, *series.encode()), int(number))
    rng = np.random.default_rng((SEED, *stage.sample_id.encode()))
    facts = facts_of(stage.take, 0, stage.frame_count - 1)
    if kind == "near-action":
        questions = _other_actions(stage, facts)
        if questions:
            return pick(rng, questions), kind
        kind = "near-look"  # the objects of every name do everything between them
    return _other_look(rng, stage, facts, near=kind == "near-look"), kind


def core(claim: Claim) -> Claim:
    """A claim without what it says of size, place and other objects."""
    return replace(claim, size=None, place=None, relation=None)


def _other_actions(stage: Stage, facts: Facts) -> list[Question]:
    """Objects of the clip with what they never do; if possible only what another object does."""
    done = {action for item in facts.objects for action in item.done}
    found = [
        replace(one, claim=claim)
        for one in _subjects(stage, facts)
        for action in (askable(one.kind) if stage.name == RICH else BASIC_ACTIONS)
        if core(claim := replace(one.claim, action=action)).truth(facts) is False
    ]
    tempting = [one for one in found if one.claim.action in done]
    return tempting or found


def _subjects(stage: Stage, facts: Facts) -> Iterator[Question]:
    """The questions about objects that are in the clip: in "rich" the target's alone."""
    if stage.name == RICH:
        yield stage.question
        return
    for pair in _pairs(stage):
        question = _looking(stage.question, pair)
        if _seen(question.claim, facts):
            yield question


def _other_look(rng: np.random.Generator, stage: Stage, facts: Facts, *, near: bool) -> Question:
    """The query with a look that no object has."""
    question = stage.question
    if question.kind == "texture":
        choices = [tuple((texture, shape) for texture in TEXTURES[1:] for shape in SHAPES)]
    else:
        # In "unseen", rarely, all that would be near is there: then a look that training shows.
        choices = [_pairs(stage), _SEEN]
    sure = frozenset[Word]().union(*(item.sure for item in facts.objects))
    possible = frozenset[Word]().union(*(item.possible for item in facts.objects))
    tiers: list[list[_Pair]] = []
    for pairs in choices:
        absent = [pair for pair in pairs if _seen(_looking(question, pair).claim, facts) is False]
        if near:
            tiers += (
                [pair for pair in absent if sure.issuperset(pair)],
                [pair for pair in absent if pair[0] in sure],
                [pair for pair in absent if pair[1] in sure],
            )
        else:
            tiers += (
                [pair for pair in absent if pair[0] not in possible],
                [pair for pair in absent if pair[1] not in possible],
            )
    pair = pick(rng, next(tier for tier in tiers if tier))
    if question.kind == "noun" and not near and pair[0] not in possible:
        return replace(question, claim=replace(question.claim, colour=pair[0]))
    return _looking(question, pair)


def _seen(claim: Claim, facts: Facts) -> bool | None:
    """Whether an object of that look is there, whatever it does; None if that is doubtful."""
    return core(replace(claim, action=None)).truth(facts)


def _looking(question: Question, pair: _Pair) -> Question:
    """The question about an object of another look."""
    first, shape = pair
    claim = replace(question.claim, shape=shape)
    if question.kind == "texture":
        return replace(question, claim=replace(claim, texture=first), noun=shape)
    return replace(question, claim=replace(claim, colour=first), noun=shape)


def _pairs(stage: Stage) -> tuple[_Pair, ...]:
    """The colours and shapes that queries of a set name together."""
    if stage.name == RICH:
        return COMBINATIONS
    return UNSEEN_COMBINATIONS if stage.name == "unseen" else _SEEN
