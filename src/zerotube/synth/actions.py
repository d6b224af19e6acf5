"""What an object does in a random take: which actions, when, and how much of each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from zerotube.synth.scene import Act
from zerotube.synth.words import BASIC_ACTIONS, OTHER_ACTIONS

FADES: tuple[str, ...] = ("appears", "disappears")

REST = 0.02
"""Least time between two acts of an object, share of the clip."""

_AWAY = 0.1
"""Least time that an object is gone before it appears and after it has disappeared."""

_LENGTHS = {1: (0.2, 0.6), 2: (0.2, 0.42), 3: (0.2, 0.29)}
"""Number of acts of an object -> how long each takes, share of the clip."""


def random_action(rng: np.random.Generator, basic: float, but: Collection[str] = ()) -> str:
    """One action.

    Args:
        rng: source of the choice.
        basic: probability that it is one of `BASIC_ACTIONS`.
        but: actions that it may not be; if none of the drawn half is left, one of the other.
    """
    half, rest = (
        (BASIC_ACTIONS, OTHER_ACTIONS) if rng.random() < basic else (OTHER_ACTIONS, BASIC_ACTIONS)
    )
    options = [action for action in half if action not in but]
    options = options or [action for action in rest if action not in but]
    return options[int(rng.integers(len(options)))]


def in_turn(
    rng: np.random.Generator, actions: Sequence[str], *, crowded: bool = False
) -> tuple[Act, ...]:
    """One to three different actions one after the other, with rests around them.

    Args:
        rng: source of the times and amounts.
        actions: which; one that appears does so first, one that disappears last.
        crowded: shorter ways, as in `random_act`.
    """
    order = [*(a for a in actions if a == "appears"), *(a for a in actions if a not in FADES)]
    order += [action for action in actions if action == "disappears"]
    lengths = [_length(rng, action, *_LENGTHS[len(order)]) for action in order]
    ahead = _AWAY if order[0] == "appears" else 0.0
    behind = _AWAY if order[-1] == "disappears" else 0.0
    spare = 1.0 - sum(lengths) - ahead - behind - REST * (len(order) - 1)
    rests = rng.standard_exponential(len(order) + 1)
    rests *= spare / rests.sum()
    acts, now = [], ahead
    for action, length, rest in zip(order, lengths, rests, strict=False):
        start = now + float(rest)
        acts.append(random_act(rng, action, start, start + length, crowded=crowded))
        now = start + length + REST
    return tuple(acts)


def nearly(rng: np.random.Generator, act: Act, *, crowded: bool = False) -> Act:
    """The same action with other amounts; both ends earlier or later by up to a tenth of it."""
    slack = 0.1 * (act.end - act.start)
    shift, longer = rng.uniform(-slack, slack, size=2)
    earliest = _AWAY if act.action == "appears" else 0.0
    latest = 1.0 - (_AWAY if act.action == "disappears" else 0.0)
    start = max(act.start + float(shift), earliest)
    end = min(act.end + float(longer), latest)
    return random_act(rng, act.action, start, end, crowded=crowded)


def random_act(
    rng: np.random.Generator, action: str, start: float, end: float, *, crowded: bool = False
) -> Act:
    """An act of visible extent.

    Args:
        rng: source of its amount.
        action: one of `ACTIONS`.
        start, end: when, 0..1; at least 0.18 apart, appearing and disappearing 0.08.
        crowded: for five or six objects in a frame: ways of at most 0.35 sides instead of 0.5.
    """
    length = end - start
    if action.startswith("moves"):
        return Act(action, start, end, float(rng.uniform(0.25, 0.35 if crowded else 0.5)))
    if action == "grows":
        return Act(action, start, end, float(rng.uniform(1.6, 2.0)))
    if action == "shrinks":
        return Act(action, start, end, 1.0 / float(rng.uniform(1.6, 2.0)))
    if action == "spins":
        rate = float(rng.uniform(0.35, 0.8)) * 20.0
        return Act(action, start, end, _either(rng) * rate * length)
    if action == "bounces":
        most = 3 if length >= 0.36 else 2
        reach = float(rng.uniform(0.12, 0.16 if crowded else 0.22))
        return Act(action, start, end, float(rng.integers(2, most + 1)), reach)
    if action == "circles":
        # Two turns only in long acts: a turn must take four of twenty frames to be seen.
        turns = float(rng.uniform(1.0, 2.0 if length >= 0.42 else max(length / 0.21, 1.0)))
        reach = float(rng.uniform(0.09, 0.11 if crowded else 0.15))
        phase = float(rng.uniform(0.0, 2.0 * math.pi))
        return Act(action, start, end, _either(rng) * turns, reach, phase)
    if action == "blinks":
        fewest = max(2, math.ceil(length / 0.16 - 1e-6))
        most = max(fewest, math.floor(length / 0.1 + 1e-6))
        return Act(action, start, end, float(rng.integers(fewest, most + 1)))
    return Act(action, start, end)


def _length(rng: np.random.Generator, action: str, shortest: float, longest: float) -> float:
    if action in FADES:
        return float(rng.uniform(0.1, 0.2))
    if action == "changes color":
        return float(rng.uniform(0.2, min(longest, 0.4)))
    if action in ("bounces", "circles"):
        shortest = 0.25
    return float(rng.uniform(shortest, longest))


def _either(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0
