"""What happens in a sample of a test set, before anything has a place or a size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zerotube.synth.choices import other, pick
from zerotube.synth.world import ACTIONS, COLOURS, SHAPES

Look = tuple[str, str]
"""Colour and shape."""

SHORTEST, LONGEST = 0.2, 0.6
"""Share of a clip's frames that an action takes."""


@dataclass(frozen=True)
class Event:
    """One action of one object.

    Attributes:
        action: one of `zerotube.synth.world.ACTIONS`.
        start_frame: first frame of the action.
        end_frame: last frame of the action, inclusive.
    """

    action: str
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class Role:
    """One object of the plan.

    Attributes:
        colour, shape: what it looks like.
        events: what it does, in order of time and one at a time; it rests before, between and
            after.
    """

    colour: str
    shape: str
    events: tuple[Event, ...]

    @property
    def label(self) -> str:
        """For example "red square"."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Plan:
    """Who does what.

    Attributes:
        roles: the objects; the first is the one meant.
        asked: the event of the first role that the query names.
    """

    roles: tuple[Role, ...]
    asked: Event


def attribute_hard_plan(rng: np.random.Generator, frames: int, look: Look) -> Plan:
    """One to three distractors do what the target does, at the same time or nearly.

    Each shares exactly one of colour and shape with the target; of two or more, at least one
    shares the colour and one the shape, so that neither word alone finds the target.

    Args:
        rng: source of the choices.
        frames: length of the clip, at least 20.
        look: of the target.
    """
    asked = _event(rng, frames, pick(rng, ACTIONS))
    roles = [Role(*look, (asked,))]
    count = int(rng.integers(1, 4))
    shares_colour = [*rng.permutation([True, False]), rng.random() < 0.5][:count]
    for same_colour in shares_colour:
        event = asked if rng.random() < 0.5 else _nearly(rng, frames, asked)
        roles.append(Role(*_half_alike(rng, look, bool(same_colour)), (event,)))
    return Plan(tuple(roles), asked)


def action_hard_plan(rng: np.random.Generator, frames: int, look: Look) -> Plan:
    """Only what the target does, and when, tells the answer. Two variants, equally often.

    Look-alikes: one to three objects of the target's colour and shape do something else.
    In turn: the target does two or three things and the query names one of them. Beside it is a
    look-alike that does something else, or an object that shares colour or shape and does the
    named action.

    Args:
        rng: source of the choices.
        frames: length of the clip, at least 20.
        look: of the target.
    """
    if rng.random() < 0.5:
        asked = _event(rng, frames, pick(rng, ACTIONS))
        others = [_look_alike(rng, frames, look, asked) for _ in range(int(rng.integers(1, 4)))]
        return Plan((Role(*look, (asked,)), *others), asked)
    events = _in_turn(rng, frames, int(rng.integers(2, 4)))
    asked = pick(rng, events)
    if rng.random() < 0.5:
        beside = _look_alike(rng, frames, look, asked)
    else:
        half = _half_alike(rng, look, bool(rng.random() < 0.5))
        beside = Role(*half, (_event(rng, frames, asked.action),))
    return Plan((Role(*look, events), beside), asked)


def _length(rng: np.random.Generator, frames: int, longest: float = LONGEST) -> int:
    low, high = math.ceil(SHORTEST * frames), math.floor(longest * frames)
    return int(rng.integers(low, high + 1))


def _event(rng: np.random.Generator, frames: int, action: str) -> Event:
    length = _length(rng, frames)
    start = int(rng.integers(0, frames - length + 1))
    return Event(action, start, start + length - 1)


def _nearly(rng: np.random.Generator, frames: int, asked: Event) -> Event:
    """The same action; both ends may be earlier or later by up to a tenth of its length."""
    slack = (asked.end_frame - asked.start_frame + 1) // 10
    start, end = (
        int(np.clip(frame + rng.integers(-slack, slack + 1), 0, frames - 1))
        for frame in (asked.start_frame, asked.end_frame)
    )
    return Event(asked.action, start, end)


def _in_turn(rng: np.random.Generator, frames: int, count: int) -> tuple[Event, ...]:
    """Different actions one after the other, each at least `SHORTEST` of the clip."""
    actions = [ACTIONS[i] for i in rng.choice(len(ACTIONS), size=count, replace=False)]
    lengths = [_length(rng, frames, 0.42 if count == 2 else 0.29) for _ in actions]
    spare = frames - sum(lengths)
    rests = rng.multinomial(spare, rng.dirichlet(np.ones(count + 1)))
    events, frame = [], 0
    for action, length, rest in zip(actions, lengths, rests[:-1], strict=True):
        start = frame + int(rest)
        frame = start + length
        events.append(Event(action, start, frame - 1))
    return tuple(events)


def _look_alike(rng: np.random.Generator, frames: int, look: Look, asked: Event) -> Role:
    """An object of the target's look that never does what is asked for."""
    if rng.random() < 0.3:
        events = _in_turn(rng, frames, 2)
        while asked.action in (event.action for event in events):
            events = _in_turn(rng, frames, 2)
        return Role(*look, events)
    action = other(rng, ACTIONS, asked.action)
    if rng.random() < 0.5:
        return Role(*look, (Event(action, asked.start_frame, asked.end_frame),))
    return Role(*look, (_event(rng, frames, action),))


def _half_alike(rng: np.random.Generator, look: Look, same_colour: bool) -> Look:
    colour, shape = look
    if same_colour:
        return colour, other(rng, SHAPES, shape)
    return other(rng, list(COLOURS), colour), shape
