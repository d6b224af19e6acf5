"""The test set "rich": samples of the rich world, each with a query of one right answer.

Described in docs/synth.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth.backdrops import BACKGROUNDS
from zerotube.synth.choices import dealt, pick
from zerotube.synth.occlusion import Occluder
from zerotube.synth.rich.facts import Claim, facts_of
from zerotube.synth.rich.queries import QUERY_KINDS, Question, askable, make_question
from zerotube.synth.rich.scenes import ROOM, Mix, arrange, make_body, optics
from zerotube.synth.rich.setting import random_occluder, random_shifts, wide_backdrop
from zerotube.synth.rich.types import Act, Actor, Take
from zerotube.synth.rich.words import ACTIONS
from zerotube.synth.stage import CONDITIONS, RICH, SET_SEEDS, SHIFT, Condition

ASPECTS: dict[str, float] = {"square": 1.0, "wide": 16.0 / 9.0}
"""Tag `aspect` -> width through height of the frames."""

_STREAM = 200
"""Keeps the random numbers of this set apart from those of the other sets."""

_MOST_HIDDEN = 0.5
"""Largest share of any object's square that may be hidden in any frame."""

_MIX = Mix()


@dataclass(frozen=True, eq=False)
class RichStage:
    """Everything that decides a sample of the set "rich", in units that know no pixels.

    Attributes:
        sample_id: unique name made of set, seed and index.
        condition: one of `CONDITIONS`.
        aspect: key of `ASPECTS`.
        fps: frames per second.
        take: what is shown; every act begins and ends at a frame.
        question: what is asked; its roles are in another order than the objects of the take.
        target: index of the object meant.
        start_frame, end_frame: when it does what is asked; inclusive.
    """

    sample_id: str
    condition: Condition
    aspect: str
    fps: Fraction
    take: Take
    question: Question
    target: int
    start_frame: int
    end_frame: int

    @property
    def tags(self) -> dict[str, str]:
        """What the results of the set can be broken down by."""
        return {
            "query": self.question.kind,
            "condition": self.condition,
            "background": self.take.backdrop.pattern,
            "objects": str(len(self.take.actors)),
            "action": str(self.question.claim.action),
            "combination": "seen",
            "aspect": self.aspect,
        }


def rich_stage(index: int, seed: int | None = None) -> RichStage:
    """One sample of the set; equal arguments give equal stages.

    Kinds of queries, actions, conditions, backgrounds and aspects are dealt like cards.

    Args:
        index: number within the set, from 0.
        seed: series of samples; None for the published one.

    Raises:
        UsageError: a negative number.
    """
    seed = SET_SEEDS[RICH] if seed is None else seed
    if seed < 0 or index < 0:
        raise UsageError(
            f"seed {seed}, index {index}", wanted="whole numbers >= 0", fix="use other numbers"
        )
    rng = np.random.default_rng((seed, index, _STREAM))
    kind = dealt(QUERY_KINDS, (seed, _STREAM, 0), index)
    action = dealt(ACTIONS, (seed, _STREAM, 1), index)
    if action not in askable(kind):
        action = pick(rng, askable(kind))
    condition = dealt(CONDITIONS, (seed, _STREAM, 2), index)
    pattern = dealt(BACKGROUNDS, (seed, _STREAM, 3), index)
    aspect = dealt(tuple(ASPECTS), (seed, _STREAM, 4), index)
    width = ASPECTS[aspect]
    fps = Fraction(int(rng.choice([8, 10])))
    frames = round(float(rng.uniform(5.0, 8.0)) * fps)
    times = np.linspace(0.0, 1.0, frames)
    backdrop = wide_backdrop(rng, pattern, width, 1.0, clutter=condition == "clutter")
    shifts = random_shifts(rng, times) if condition == "jitter" else np.zeros((frames, 2))
    shading, blur, noise = optics(rng, _MIX)
    empty = Take(
        actors=(),
        backdrop=backdrop,
        times=times,
        width=width,
        height=1.0,
        shifts=shifts,
        shading=shading,
        blur=blur,
        noise=noise,
        seed=int(rng.integers(2**31)),
    )
    take, question, target, span = _filled(rng, empty, kind, action, condition)
    return RichStage(
        sample_id=f"{RICH}-{seed}-{index:05d}",
        condition=condition,
        aspect=aspect,
        fps=fps,
        take=take,
        question=question,
        target=target,
        start_frame=span[0],
        end_frame=span[1],
    )


def _filled(
    rng: np.random.Generator, empty: Take, kind: str, action: str, condition: Condition
) -> tuple[Take, Question, int, tuple[int, int]]:
    """The take with objects of which exactly one fits a query, the query, which, and when."""
    margin = ROOM + (SHIFT if condition == "jitter" else 0.0)
    last = len(empty.times) - 1
    while True:
        question = make_question(rng, kind, action)
        crowded = len(question.roles) > 4
        bodies = []
        for role in question.roles:
            body = make_body(rng, role.look, _on_frames(role.acts, last), crowded=crowded)
            bodies.append(body if role.size is None else replace(body, size=role.size))
        if not _anchored(bodies, question):
            continue
        order = [int(i) for i in rng.permutation(len(bodies))]
        target = order.index(0)
        asked = next(act for act in bodies[0].acts if act.action == action)
        span = round(asked.start * last), round(asked.end * last)
        # Several arrangements per question: those that need much room would be rare otherwise.
        for _ in range(8):
            actors = arrange(rng, [bodies[i] for i in order], empty.width, 1.0, margin)
            if actors is None:
                continue
            take = replace(empty, actors=tuple(actors))
            if condition == "occlusion":
                found = _occluder(rng, take, target, span)
                if found is None:
                    continue
                take = replace(take, occluder=found)
            if _one_answer(take, question.claim, target, span):
                return take, question, target, span


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


def _occluder(
    rng: np.random.Generator, take: Take, target: int, span: tuple[int, int]
) -> Occluder | None:
    """An occluder that hides part of the target for part of the time, during its action.

    In no frame is more than half of any object hidden; the target is noticeably hidden in at
    least three frames of the action, and in at most 60% of the clip's.
    """
    paths = [actor.states(take.times)[:, :3] for actor in take.actors]
    for _ in range(10):
        meeting = target, int(rng.integers(span[0], span[1] + 1))
        found = random_occluder(
            rng, paths, take.times, take.backdrop, take.width, take.height, meeting
        )
        hidden = [_hidden(found, path) for path in paths]
        noticed = hidden[target] > 0.1
        if (
            max(float(share.max()) for share in hidden) <= _MOST_HIDDEN
            and float(hidden[target].max()) >= 0.2
            and noticed.mean() <= 0.6
            and noticed[span[0] : span[1] + 1].sum() >= 3
        ):
            return found
    return None


def _hidden(occluder: Occluder, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of an object's square that is hidden in each frame, float64 (T,)."""
    half = 0.45 * path[:, 2:3]  # a little less than the circle: most shapes do not fill it
    size = 0.5 * np.array([occluder.width, occluder.height])
    low = np.maximum(path[:, :2] - half, occluder.centres - size)
    high = np.minimum(path[:, :2] + half, occluder.centres + size)
    shares: NDArray[np.float64] = (np.clip(high - low, 0.0, None) / (2.0 * half)).prod(axis=1)
    return shares
