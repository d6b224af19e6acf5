"""The test sets: samples of the generated world, each with a query of one right answer.

Described in docs/synth.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from zerotube.errors import UsageError
from zerotube.synth.backdrops import BACKGROUNDS, Pattern, wide_backdrop
from zerotube.synth.choices import dealt, pick
from zerotube.synth.facts import Claim, facts_of
from zerotube.synth.occlusion import Measure, find_occluder, of_the_area, of_the_square
from zerotube.synth.plans import PARTS, basic_question
from zerotube.synth.queries import QUERY_KINDS, Question, askable, make_question
from zerotube.synth.scene import Act, Actor, Take
from zerotube.synth.takes import (
    CONDITIONS,
    ROOM,
    SHIFT,
    Condition,
    Mix,
    arrange,
    make_body,
    optics,
    random_shifts,
)
from zerotube.synth.words import (
    ACTIONS,
    BASIC_COLOURS,
    BASIC_SHAPES,
    HELD_OUT_COMBINATIONS,
    UNSEEN_COMBINATIONS,
)

HELD_OUT_SEED = 1_000_000
"""Seeds from here on are for measuring. Samples are numbered within a seed, and sample `index` of
`seed` is the same however many are drawn. Training uses seeds below 1,000."""

BASIC_SETS: tuple[str, ...] = ("attribute-hard", "action-hard", "mixed", "unseen")
"""The test sets that show only the basic words, unshaded objects and square, sharp frames."""

RICH = "rich"
"""The test set of the whole world."""

SETS: tuple[str, ...] = (*BASIC_SETS, RICH)
"""Names of the test sets."""

SET_SEEDS: dict[str, int] = {name: HELD_OUT_SEED + 200 + n for n, name in enumerate(SETS)}
"""The series of samples that each published set is."""

SET_SAMPLES = 500
"""Samples of a published set."""

ASPECTS: dict[str, float] = {"square": 1.0, "wide": 16.0 / 9.0}
"""Tag `aspect` -> width through height of the frames."""

_SEEN = tuple(
    (colour, shape)
    for colour in BASIC_COLOURS
    for shape in BASIC_SHAPES
    if (colour, shape) not in UNSEEN_COMBINATIONS
)
_STREAMS: dict[str, int] = {**{name: 100 + n for n, name in enumerate(BASIC_SETS)}, RICH: 200}
"""Keep the random numbers of the sets apart."""

_MIX = Mix()


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that decides a sample of a test set, in units that know no pixels.

    Attributes:
        name: of the set.
        sample_id: unique name made of set, seed and index.
        condition: one of `CONDITIONS`.
        fps: frames per second.
        take: what is shown; every act begins and ends at a frame.
        question: what is asked; its roles are in another order than the objects of the take.
        target: index of the object meant.
        start_frame, end_frame: when it does what is asked; inclusive.
    """

    name: str
    sample_id: str
    condition: Condition
    fps: Fraction
    take: Take
    question: Question
    target: int
    start_frame: int
    end_frame: int

    @property
    def action(self) -> str:
        """What the query says that its object does."""
        return str(self.question.claim.action)

    @property
    def frame_count(self) -> int:
        """Length of the clip."""
        return len(self.take.times)

    @property
    def aspect(self) -> str:
        """Key of `ASPECTS`."""
        return next(name for name, width in ASPECTS.items() if width == self.take.width)

    @property
    def tags(self) -> dict[str, str]:
        """What the results of the set can be broken down by."""
        wanted = self.take.actors[self.target]
        held_out = (wanted.colour, wanted.shape) in HELD_OUT_COMBINATIONS
        tags = {
            "condition": self.condition,
            "background": self.take.backdrop.pattern,
            "objects": str(len(self.take.actors)),
            "action": self.action,
            "combination": "unseen" if held_out else "seen",
        }
        if self.name == RICH:
            return {"query": self.question.kind, **tags, "aspect": self.aspect}
        return tags | {"part": self.question.kind} if self.name == "mixed" else tags


def set_stage(name: str, index: int, seed: int | None = None) -> Stage:
    """One sample of a test set; equal arguments give equal stages.

    Conditions and backgrounds are dealt like cards: of every four (five) samples in a row, each
    has another one; in "mixed" of every four of each part. In "rich" kinds of queries, actions
    and aspects are dealt as well.

    Args:
        name: one of `SETS`.
        index: number within the set, from 0.
        seed: series of samples; None for the published one.

    Raises:
        UsageError: an unknown set, or a negative number.
    """
    if name not in SETS:
        raise UsageError(f"set {name!r}", wanted=f"one of {', '.join(SETS)}", fix="name one")
    seed = SET_SEEDS[name] if seed is None else seed
    if seed < 0 or index < 0:
        raise UsageError(
            f"seed {seed}, index {index}", wanted="whole numbers >= 0", fix="use other numbers"
        )
    return (_rich_stage if name == RICH else _basic_stage)(name, index, seed)


def _basic_stage(name: str, index: int, seed: int) -> Stage:
    stream = _STREAMS[name]
    rng = np.random.default_rng((seed, index, stream))
    part, number = name, index
    if name == "mixed":
        part, number = PARTS[index % 2], index // 2
    elif name == "unseen":
        part = PARTS[0]
    lane = PARTS.index(part)
    condition = dealt(CONDITIONS, (seed, stream, lane, 0), number)
    pattern = dealt(BACKGROUNDS, (seed, stream, lane, 1), number)
    pair = pick(rng, UNSEEN_COMBINATIONS if name == "unseen" else _SEEN)
    fps, empty = _empty(rng, condition, pattern, 1.0)
    return Stage(
        name,
        f"{name}-{seed}-{index:05d}",
        condition,
        fps,
        *_filled(
            rng,
            empty,
            condition,
            lambda: basic_question(rng, part, len(empty.times), pair),
            of_the_area,
        ),
    )


def _rich_stage(name: str, index: int, seed: int) -> Stage:
    stream = _STREAMS[name]
    rng = np.random.default_rng((seed, index, stream))
    kind = dealt(QUERY_KINDS, (seed, stream, 0), index)
    action = dealt(ACTIONS, (seed, stream, 1), index)
    if action not in askable(kind):
        action = pick(rng, askable(kind))
    condition = dealt(CONDITIONS, (seed, stream, 2), index)
    pattern = dealt(BACKGROUNDS, (seed, stream, 3), index)
    aspect = dealt(tuple(ASPECTS), (seed, stream, 4), index)
    fps, empty = _empty(rng, condition, pattern, ASPECTS[aspect])
    shading, blur, noise = optics(rng, _MIX)
    empty = replace(empty, shading=shading, blur=blur, noise=noise, seed=int(rng.integers(2**31)))
    return Stage(
        name,
        f"{name}-{seed}-{index:05d}",
        condition,
        fps,
        *_filled(rng, empty, condition, lambda: make_question(rng, kind, action), of_the_square),
    )


def _empty(
    rng: np.random.Generator, condition: Condition, pattern: Pattern, width: float
) -> tuple[Fraction, Take]:
    """Frames per second, and a take of 5 to 8 seconds without objects."""
    fps = Fraction(int(rng.choice([8, 10])))
    frames = round(float(rng.uniform(5.0, 8.0)) * fps)
    times = np.linspace(0.0, 1.0, frames)
    backdrop = wide_backdrop(rng, pattern, width, 1.0, clutter=condition == "clutter")
    shifts = random_shifts(rng, times) if condition == "jitter" else np.zeros((frames, 2))
    return fps, Take((), backdrop, times, width, 1.0, shifts)


def _filled(
    rng: np.random.Generator,
    empty: Take,
    condition: Condition,
    ask: Callable[[], Question],
    measure: Measure,
) -> tuple[Take, Question, int, int, int]:
    """The take with objects of which exactly one fits a query, the query, which, and when."""
    margin = ROOM + (SHIFT if condition == "jitter" else 0.0)
    last = len(empty.times) - 1
    while True:
        question = ask()
        crowded = len(question.roles) > 4
        bodies = []
        for role in question.roles:
            body = make_body(rng, role.look, _on_frames(role.acts, last), crowded=crowded)
            bodies.append(body if role.size is None else replace(body, size=role.size))
        if not _anchored(bodies, question):
            continue
        order = [int(i) for i in rng.permutation(len(bodies))]
        target = order.index(0)
        asked = next(act for act in bodies[0].acts if act.action == question.claim.action)
        span = round(asked.start * last), round(asked.end * last)
        # Several arrangements per question: those that need much room would be rare otherwise.
        for _ in range(8):
            actors = arrange(rng, [bodies[i] for i in order], empty.width, 1.0, margin)
            if actors is None:
                continue
            take = replace(empty, actors=tuple(actors))
            if condition == "occlusion":
                found = find_occluder(rng, take, target, span, measure=measure)
                if found is None:
                    continue
                take = replace(take, occluder=found)
            if _one_answer(take, question.claim, target, span):
                return take, question, target, *span


def _on_frames(acts: Sequence[Act], last: int) -> tuple[Act, ...]:
    """The acts with both ends moved to the nearest frame, of which no two acts share one."""
    moved: list[Act] = []
    earliest = 0
    for act in acts:
        start = max(round(act.start * last), earliest)
        end = max(round(act.end * last), start + 2)
        moved.append(replace(act, start=start / last, end=min(end, last) / last))
        earliest = end + 1
    return tuple(moved)


def _anchored(bodies: Sequence[Actor], question: Question) -> bool:
    """Whether only the object that a relation names may be called by that name at any time."""
    if question.claim.relation is None:
        return True
    _, colour, shape = question.claim.relation
    return not any(
        body.shape == shape and colour in (body.colour, body.new_colour) for body in bodies[:-1]
    )


def _one_answer(take: Take, claim: Claim, target: int, span: tuple[int, int]) -> bool:
    """Whether surely the target and surely nobody else fits, at no other time."""
    last = len(take.times) - 1
    facts = facts_of(take, 0, last)
    for number in range(len(take.actors)):
        if claim.fits(facts, number) is not (number == target):
            return False
    action = Claim(action=claim.action)
    # A single frame shows no action at all.
    rests = [(0, span[0] - 1), (span[1] + 1, last)]
    return all(
        action.fits(facts_of(take, first, end), target) is False
        for first, end in rests
        if end > first
    )
