"""A sample of a test set as facts: who is where and does what, before anything is drawn.

The four sets and their conditions are described in docs/synth.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth.backdrops import BACKGROUNDS, Backdrop, random_backdrop
from zerotube.synth.choices import dealt, pick
from zerotube.synth.layout import arrange
from zerotube.synth.occlusion import Occluder, find_occluder
from zerotube.synth.plans import Event, Look, Plan, action_hard_plan, attribute_hard_plan
from zerotube.synth.sample import HELD_OUT_SEED
from zerotube.synth.world import COLOURS, SHAPES, SceneObject

BASIC_SETS: tuple[str, ...] = ("attribute-hard", "action-hard", "mixed", "unseen")
"""The test sets whose samples are stages."""

RICH = "rich"
"""The test set of the rich world, `zerotube.synth.rich.sets`."""

SETS: tuple[str, ...] = (*BASIC_SETS, RICH)
"""Names of the test sets."""

SET_SEEDS: dict[str, int] = {name: HELD_OUT_SEED + 200 + n for n, name in enumerate(SETS)}
"""The series of samples that each published set is."""

SET_SAMPLES = 500
"""Samples of a published set."""

HELD_OUT_COMBINATIONS: tuple[Look, ...] = (
    ("red", "star"),
    ("green", "ring"),
    ("blue", "triangle"),
    ("yellow", "square"),
    ("purple", "circle"),
    ("orange", "triangle"),
)
"""Targets of the set "unseen", and of no other set. Every colour keeps four of its five shapes,
every shape at least four of its six colours."""

Condition = Literal["plain", "occlusion", "jitter", "clutter"]

CONDITIONS: tuple[Condition, ...] = ("plain", "occlusion", "jitter", "clutter")
"""What makes a clip harder to look at; each sample has one."""

SHIFT = 0.03
"""Largest shift of a hand-held camera along x and along y, fraction of the side."""

_ROOM = 0.01
"""Least distance of an object from the frame's rim, fraction of the side."""

_SEEN: tuple[Look, ...] = tuple(
    (colour, shape)
    for colour in COLOURS
    for shape in SHAPES
    if (colour, shape) not in HELD_OUT_COMBINATIONS
)
_STREAM = 100
"""Keeps the random numbers of these sets apart from those of the set "rich"."""

_PARTS = ("attribute-hard", "action-hard")


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that decides a sample of a test set, in units that know no pixels.

    Attributes:
        name: of the set.
        part: "attribute-hard" or "action-hard": what kind of question it is.
        sample_id: unique name made of set, seed and index.
        condition: one of `CONDITIONS`.
        fps: frames per second.
        frame_count: length of the clip.
        objects: everything that has a name; the frame is square.
        target: index of the object meant.
        asked: what it does and when.
        backdrop: what lies behind them.
        shifts: where the camera looks, float64 (frame_count, 2), x and y, fractions of the side
            by which everything is displaced in the frame.
        occluder: what lies before them, or None.
    """

    name: str
    part: str
    sample_id: str
    condition: Condition
    fps: Fraction
    frame_count: int
    objects: tuple[SceneObject, ...]
    target: int
    asked: Event
    backdrop: Backdrop
    shifts: NDArray[np.float64]
    occluder: Occluder | None

    @property
    def tags(self) -> dict[str, str]:
        """What the results of the set can be broken down by."""
        wanted = self.objects[self.target]
        unseen = (wanted.colour, wanted.shape) in HELD_OUT_COMBINATIONS
        tags = {
            "condition": self.condition,
            "background": self.backdrop.pattern,
            "objects": str(len(self.objects)),
            "action": self.asked.action,
            "combination": "unseen" if unseen else "seen",
        }
        return tags | {"part": self.part} if self.name == "mixed" else tags


def set_stage(name: str, index: int, seed: int | None = None) -> Stage:
    """One sample of a test set; equal arguments give equal stages.

    Conditions and backgrounds are dealt like cards: of every four (five) samples in a row, each
    has another one; in "mixed" of every four of each part.

    Args:
        name: one of `BASIC_SETS`.
        index: number within the set, from 0.
        seed: series of samples; None for the published one.

    Raises:
        UsageError: an unknown set, or a negative number.
    """
    if name not in BASIC_SETS:
        raise UsageError(f"set {name!r}", wanted=f"one of {', '.join(BASIC_SETS)}", fix="name one")
    seed = SET_SEEDS[name] if seed is None else seed
    if seed < 0 or index < 0:
        raise UsageError(
            f"seed {seed}, index {index}", wanted="whole numbers >= 0", fix="use other numbers"
        )
    kind = _STREAM + BASIC_SETS.index(name)
    rng = np.random.default_rng((seed, index, kind))
    part, number = name, index
    if name == "mixed":
        part, number = _PARTS[index % 2], index // 2
    elif name == "unseen":
        part = "attribute-hard"
    lane = _PARTS.index(part)
    condition = dealt(CONDITIONS, (seed, kind, lane, 0), number)
    pattern = dealt(BACKGROUNDS, (seed, kind, lane, 1), number)
    look = pick(rng, HELD_OUT_COMBINATIONS if name == "unseen" else _SEEN)
    fps = Fraction(int(rng.choice([8, 10])))
    frames = round(float(rng.uniform(5.0, 8.0)) * fps)
    backdrop = random_backdrop(rng, pattern, clutter=condition == "clutter")
    shifts = _camera(rng, frames, fps) if condition == "jitter" else np.zeros((frames, 2))
    make_plan = attribute_hard_plan if part == "attribute-hard" else action_hard_plan
    while True:
        plan = make_plan(rng, frames, look)
        # Shuffled before anybody has a place: who comes first finds more room.
        order = [int(i) for i in rng.permutation(len(plan.roles))]
        found = _cast(rng, plan, order, frames, condition, backdrop)
        if found is not None:
            break
    objects, occluder = found
    return Stage(
        name=name,
        part=part,
        sample_id=f"{name}-{seed}-{index:05d}",
        condition=condition,
        fps=fps,
        frame_count=frames,
        objects=objects,
        target=order.index(0),
        asked=plan.asked,
        backdrop=backdrop,
        shifts=shifts,
        occluder=occluder,
    )


def _cast(
    rng: np.random.Generator,
    plan: Plan,
    order: Sequence[int],
    frames: int,
    condition: Condition,
    backdrop: Backdrop,
) -> tuple[tuple[SceneObject, ...], Occluder | None] | None:
    """Objects for a plan, the roles in this order, and what hides the target.

    None if the plan has to be given up.

    Several tries per plan: plans of many objects would be rare otherwise.
    """
    margin = _ROOM + (SHIFT if condition == "jitter" else 0.0)
    for _ in range(12):
        objects = arrange(rng, [plan.roles[i] for i in order], frames, margin)
        if objects is None:
            continue
        if condition != "occlusion":
            return objects, None
        span = plan.asked.start_frame, plan.asked.end_frame
        ground = float(np.mean([backdrop.first, backdrop.second]))
        occluder = find_occluder(rng, objects, order.index(0), span, frames, ground)
        if occluder is not None:
            return objects, occluder
    return None


def _camera(rng: np.random.Generator, frames: int, fps: Fraction) -> NDArray[np.float64]:
    """Smooth random shifts: slow swings of a few frequencies, none beyond `SHIFT`.

    Returns:
        float64 (frames, 2), fractions of the side.
    """
    seconds = np.arange(frames)[:, None, None] / float(fps)
    rates = rng.uniform(0.15, 0.8, size=(1, 4, 2))
    phases = rng.uniform(0.0, 2.0 * np.pi, size=(1, 4, 2))
    swings = np.sin(2.0 * np.pi * rates * seconds + phases) / (0.3 + rates)
    shifts: NDArray[np.float64] = swings.sum(axis=1)
    shifts *= rng.uniform(0.5, 1.0, size=2) * SHIFT / np.abs(shifts).max(axis=0)
    return shifts
