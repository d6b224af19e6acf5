"""Samples for measuring grounding: a clip, a query with one right answer, and the true tube.

Seeds: samples are numbered within a seed, and sample `index` of `seed` is the same however many
are drawn. Training uses its own generator with seeds below 1,000; measure with seeds from
`HELD_OUT_SEED` on, which training never touches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth.choices import other, pick
from zerotube.synth.world import (
    ACTIONS,
    COLOURS,
    SHAPES,
    Motion,
    Scene,
    boxes,
    place,
    random_motion,
    render,
)

HELD_OUT_SEED = 1_000_000
"""Seeds from here on are for measuring."""

KINDS = ("attribute", "action")
"""attribute: colour and shape single the target out. action: only what it does, does."""

_KIND_NUMBER = {kind: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True, eq=False)
class SynthSample:
    """One clip with a query and its answer.

    Attributes:
        sample_id: unique name made of kind, seed and index.
        kind: one of `KINDS`, or a test set (`zerotube.synth.sets`).
        query: the sentence, for example "the red square moves left".
        attribute: who, for example "the red square".
        action: what it does, for example "the square moves left".
        noun: the target's shape word.
        frames: RGB, uint8 (T, height, width, 3).
        fps: frames per second.
        boxes_xyxy: float32 (P, T, 4), pixels, tight around each object in each frame.
        labels: colour and shape of each object, P of them.
        target: index of the object meant.
        start_frame: first frame of the action.
        end_frame: last frame of the action, inclusive.
        tags: what a test set records of the sample besides; empty outside the test sets.
    """

    sample_id: str
    kind: str
    query: str
    attribute: str
    action: str
    noun: str
    frames: NDArray[np.uint8]
    fps: Fraction
    boxes_xyxy: NDArray[np.float32]
    labels: tuple[str, ...]
    target: int
    start_frame: int
    end_frame: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """What happens in a sample, before anything is placed. Spans are inclusive frame pairs."""

    wanted: list[tuple[str, str, list[tuple[str, int, int]]]]
    query_action: str


def _span(rng: np.random.Generator, frames: int, low: float = 0.2, high: float = 0.6) -> list[int]:
    """A random inclusive span covering `low` to `high` of the clip."""
    length = max(2, round(float(rng.uniform(low, high)) * frames))
    start = int(rng.integers(0, frames - length + 1))
    return [start, start + length - 1]


def _attribute_plan(rng: np.random.Generator, frames: int) -> _Plan:
    """Distractors share exactly one of colour and shape with the target; some act alike."""
    colour, shape = pick(rng, list(COLOURS)), pick(rng, SHAPES)
    action = pick(rng, ACTIONS)
    first, last = _span(rng, frames)
    wanted = [(colour, shape, [(action, first, last)])]
    for _ in range(int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25]))):
        if rng.random() < 0.5:
            look = colour, other(rng, SHAPES, shape)
        else:
            look = other(rng, list(COLOURS), colour), shape
        does: list[tuple[str, int, int]] = []
        if rng.random() < 0.7:
            begin, end = _span(rng, frames)
            does = [(action if rng.random() < 0.4 else pick(rng, ACTIONS), begin, end)]
        wanted.append((*look, does))
    return _Plan(wanted, action)


def _action_plan(rng: np.random.Generator, frames: int) -> _Plan:
    """Look-alikes do something else, or the target itself does two things in turn."""
    colour, shape = pick(rng, list(COLOURS)), pick(rng, SHAPES)
    action = pick(rng, ACTIONS)
    alone = bool(rng.random() < 0.4)
    first, last = _span(rng, frames, 0.2, 0.42 if alone else 0.6)
    does = [(action, first, last)]
    if alone:
        second = other(rng, ACTIONS, action)
        room_before, room_after = first, frames - 1 - last
        if room_before > room_after:
            length = max(2, round(0.6 * room_before))
            does.insert(0, (second, first - length, first - 1))
        else:
            length = max(2, round(0.6 * room_after))
            does.append((second, last + 1, last + length))
    wanted = [(colour, shape, does)]
    if not alone or rng.random() < 0.5:
        begin, end = _span(rng, frames)
        wanted.append((colour, shape, [(other(rng, ACTIONS, action), begin, end)]))
    if rng.random() < 0.6:
        begin, end = _span(rng, frames)
        look = other(rng, list(COLOURS), colour), pick(rng, SHAPES)
        wanted.append((*look, [(pick(rng, ACTIONS), begin, end)]))
    if len(wanted) == 1:
        wanted.append((other(rng, list(COLOURS), colour), shape, []))
    return _Plan(wanted, action)


def _motions(
    spans: Sequence[tuple[str, int, int]], frames: int, rng: np.random.Generator
) -> tuple[Motion, ...]:
    """Frame spans as motions in scene time: at rest in the first frame, done in the last."""
    last = frames - 1
    return tuple(random_motion(name, a / last, b / last, rng) for name, a, b in spans)


def sample(
    seed: int,
    index: int,
    kind: str | None = None,
    *,
    frame_count: int | None = None,
    height: int = 224,
    width: int = 224,
) -> SynthSample:
    """Draw one sample.

    Args:
        seed: which series; see the module's docstring.
        index: number within the series, from 0.
        kind: one of `KINDS`; None alternates.
        frame_count: frames of the clip, at least 10; None draws 5 to 8 seconds at 8 or 10 fps.
        height: pixels.
        width: pixels.

    Returns:
        The sample; equal arguments give equal samples.
    """
    if kind is None:
        kind = KINDS[index % len(KINDS)]
    if kind not in _KIND_NUMBER:
        raise UsageError(f"kind {kind!r}", wanted=" or ".join(KINDS), fix="name one of these")
    if seed < 0 or index < 0:
        raise UsageError(
            f"seed {seed}, index {index}", wanted="whole numbers >= 0", fix="use other numbers"
        )
    if frame_count is not None and frame_count < 10:
        raise UsageError(f"{frame_count} frames", wanted="at least 10", fix="ask for more frames")
    rng = np.random.default_rng((seed, index, _KIND_NUMBER[kind]))
    fps = Fraction(int(rng.choice([8, 10])))
    seconds = float(rng.uniform(5.0, 8.0))
    count = round(seconds * fps) if frame_count is None else frame_count
    while True:
        plan = (_attribute_plan if kind == "attribute" else _action_plan)(rng, count)
        scene = place([(c, s, _motions(does, count, rng)) for c, s, does in plan.wanted], rng)
        if scene is not None:
            break
    return _finish(
        scene, plan, f"{kind}-{seed}-{index:05d}", kind, count, fps, (height, width), rng
    )


def _finish(
    scene: Scene,
    plan: _Plan,
    sample_id: str,
    kind: str,
    count: int,
    fps: Fraction,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> SynthSample:
    """Shuffle the objects, draw the frames and phrase the query."""
    order = [int(i) for i in rng.permutation(len(scene.objects))]
    target_object = scene.objects[0]
    scene = Scene(tuple(scene.objects[i] for i in order), scene.background)
    times = [frame / (count - 1) for frame in range(count)]
    backdrop = scene.background.draw(*size)
    action = plan.query_action
    start, end = next((a, b) for name, a, b in plan.wanted[0][2] if name == action)
    noun = target_object.shape
    return SynthSample(
        sample_id=sample_id,
        kind=kind,
        query=f"the {target_object.label} {action}",
        attribute=f"the {target_object.label}",
        action=f"the {noun} {action}",
        noun=noun,
        frames=np.stack([render(scene, u, *size, backdrop) for u in times]),
        fps=fps,
        boxes_xyxy=np.stack([boxes(scene, u, *size) for u in times], axis=1),
        labels=tuple(item.label for item in scene.objects),
        target=order.index(0),
        start_frame=start,
        end_frame=end,
    )
