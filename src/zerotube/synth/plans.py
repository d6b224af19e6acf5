"""Who is in a sample of the basic sets and what its query says, before anybody has a place.

These sets show plain objects of the basic colours and shapes that perform the basic actions. A
query says colour, shape and action. Every action begins and ends at a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from zerotube.synth.actions import random_act
from zerotube.synth.choices import other, pick
from zerotube.synth.facts import Claim
from zerotube.synth.looks import Look
from zerotube.synth.queries import Question, Role
from zerotube.synth.scene import Act
from zerotube.synth.words import BASIC_ACTIONS, BASIC_COLOURS, BASIC_SHAPES, TEXTURES

PARTS: tuple[str, ...] = ("attribute-hard", "action-hard")
"""Kinds of questions: the look decides, or the action."""

SHORTEST, LONGEST = 0.2, 0.6
"""Share of a clip's frames that an action takes."""

_Pair = tuple[str, str]
"""Colour and shape."""


@dataclass(frozen=True)
class _Event:
    """An action between two frames, both inclusive."""

    action: str
    first: int
    last: int


_Cast = list[tuple[_Pair, tuple[_Event, ...]]]
"""Every object's look and what it does in order of time; the first is the one meant."""


def basic_question(rng: np.random.Generator, part: str, frames: int, pair: _Pair) -> Question:
    """A query and its objects.

    Args:
        rng: source of the choices.
        part: one of `PARTS`.
        frames: length of the clip, at least 20.
        pair: colour and shape of the target.
    """
    make = _attribute_hard if part == PARTS[0] else _action_hard
    cast, asked = make(rng, frames, pair)
    roles = tuple(
        Role(Look(*look, TEXTURES[0]), _acts(rng, events, frames - 1)) for look, events in cast
    )
    claim = Claim(colour=pair[0], shape=pair[1], action=asked.action)
    return Question(part, roles, claim, pair[1])


def _acts(rng: np.random.Generator, events: tuple[_Event, ...], last: int) -> tuple[Act, ...]:
    """How much of each event; who grows and shrinks ends at the size of the beginning."""
    acts: list[Act] = []
    swelling: Act | None = None
    for event in events:
        act = random_act(rng, event.action, event.first / last, event.last / last)
        if act.action in ("grows", "shrinks"):
            if swelling is not None:
                act = replace(act, amount=1.0 / swelling.amount)
            swelling = act
        acts.append(act)
    return tuple(acts)


def _attribute_hard(rng: np.random.Generator, frames: int, pair: _Pair) -> tuple[_Cast, _Event]:
    """One to three distractors do what the target does, at the same time or nearly.

    Each shares exactly one of colour and shape with the target; of two or more, at least one
    shares the colour and one the shape, so that neither word alone finds the target.
    """
    asked = _event(rng, frames, pick(rng, BASIC_ACTIONS))
    cast: _Cast = [(pair, (asked,))]
    count = int(rng.integers(1, 4))
    shares_colour = [*rng.permutation([True, False]), rng.random() < 0.5][:count]
    for same_colour in shares_colour:
        event = asked if rng.random() < 0.5 else _nearly(rng, frames, asked)
        cast.append((_half_alike(rng, pair, bool(same_colour)), (event,)))
    return cast, asked


def _action_hard(rng: np.random.Generator, frames: int, pair: _Pair) -> tuple[_Cast, _Event]:
    """Only what the target does, and when, tells the answer. Two variants, equally often.

    Look-alikes: one to three objects of the target's colour and shape do something else.
    In turn: the target does two or three things and the query names one of them. Beside it is a
    look-alike that does something else, or an object that shares colour or shape and does the
    named action.
    """
    if rng.random() < 0.5:
        asked = _event(rng, frames, pick(rng, BASIC_ACTIONS))
        count = int(rng.integers(1, 4))
        others = [(pair, _something_else(rng, frames, asked)) for _ in range(count)]
        return [(pair, (asked,)), *others], asked
    events = _in_turn(rng, frames, int(rng.integers(2, 4)))
    asked = pick(rng, events)
    if rng.random() < 0.5:
        beside = pair, _something_else(rng, frames, asked)
    else:
        half = _half_alike(rng, pair, bool(rng.random() < 0.5))
        beside = half, (_event(rng, frames, asked.action),)
    return [(pair, events), beside], asked


def _length(rng: np.random.Generator, frames: int, longest: float = LONGEST) -> int:
    low, high = math.ceil(SHORTEST * frames), math.floor(longest * frames)
    return int(rng.integers(low, high + 1))


def _event(rng: np.random.Generator, frames: int, action: str) -> _Event:
    length = _length(rng, frames)
    first = int(rng.integers(0, frames - length + 1))
    return _Event(action, first, first + length - 1)


def _nearly(rng: np.random.Generator, frames: int, asked: _Event) -> _Event:
    """The same action; both ends may be earlier or later by up to a tenth of its length."""
    slack = (asked.last - asked.first + 1) // 10
    first, last = (
        int(np.clip(frame + rng.integers(-slack, slack + 1), 0, frames - 1))
        for frame in (asked.first, asked.last)
    )
    return _Event(asked.action, first, last)


def _in_turn(rng: np.random.Generator, frames: int, count: int) -> tuple[_Event, ...]:
    """Different actions one after the other, each at least `SHORTEST` of the clip."""
    actions = [BASIC_ACTIONS[i] for i in rng.choice(len(BASIC_ACTIONS), size=count, replace=False)]
    lengths = [_length(rng, frames, 0.42 if count == 2 else 0.29) for _ in actions]
    spare = frames - sum(lengths)
    rests = rng.multinomial(spare, rng.dirichlet(np.ones(count + 1)))
    events, frame = [], 0
    for action, length, rest in zip(actions, lengths, rests[:-1], strict=True):
        first = frame + int(rest)
        frame = first + length
        events.append(_Event(action, first, frame - 1))
    return tuple(events)


def _something_else(rng: np.random.Generator, frames: int, asked: _Event) -> tuple[_Event, ...]:
    """What a look-alike does: never what is asked for."""
    if rng.random() < 0.3:
        events = _in_turn(rng, frames, 2)
        while asked.action in (event.action for event in events):
            events = _in_turn(rng, frames, 2)
        return events
    action = other(rng, BASIC_ACTIONS, asked.action)
    if rng.random() < 0.5:
        return (_Event(action, asked.first, asked.last),)
    return (_event(rng, frames, action),)


def _half_alike(rng: np.random.Generator, pair: _Pair, same_colour: bool) -> _Pair:
    colour, shape = pair
    if same_colour:
        return colour, other(rng, BASIC_SHAPES, shape)
    return other(rng, list(BASIC_COLOURS), colour), shape
