"""Draws samples of the test sets: frames, and the box of what can be seen of every object in them.

PyTorch draws them; it is loaded when the first is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.backdrops import Backdrop
from zerotube.synth.outlines import boxes
from zerotube.synth.scene import Actor, Take
from zerotube.synth.sets import Stage, set_stage

_SEEN = 0.3
"""A pixel belongs to an object if at least this share of it shows it."""

_WHITE = (255.0, 255.0, 255.0)
_BLACK = Backdrop("uniform", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 1.0, 0.0, 0)
_LOOKS = ("blinks", "changes color", "appears", "disappears")
"""Actions that change what is seen of an object but not where it is."""


@dataclass(frozen=True, eq=False)
class SynthSample:
    """One clip with a query and its answer.

    Attributes:
        sample_id: unique name made of set, seed and index.
        kind: the test set, one of `zerotube.synth.SETS`.
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
        tags: what the set records of the sample besides.
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


def set_sample(name: str, index: int, seed: int | None = None, *, side: int = 224) -> SynthSample:
    """One sample of a test set, drawn.

    Args:
        name: one of `zerotube.synth.SETS`.
        index: number within the set, from 0.
        seed: series of samples; None for the published one.
        side: pixels of the shorter side of the frames, an even number.

    Returns:
        The sample; its boxes are those of the parts that nothing hides. An object that has not
        appeared yet, or has disappeared, has the box of the place where it would be.
    """
    return draw(set_stage(name, index, seed), side)


def draw(stage: Stage, side: int = 224) -> SynthSample:
    """Draw the frames of a stage.

    Args:
        stage: the facts.
        side: pixels of the shorter side of the frames, an even number.
    """
    from zerotube.synth.rendering import render

    width = 2 * round(0.5 * side * stage.take.width)
    question = stage.question
    return SynthSample(
        sample_id=stage.sample_id,
        kind=stage.name,
        query=f"{question.attribute} {stage.action}",
        attribute=question.attribute,
        action=f"the {question.noun} {stage.action}",
        noun=question.noun,
        frames=render([stage.take], side, width)[0].numpy(),
        fps=stage.fps,
        boxes_xyxy=visible_boxes(stage.take, side, width),
        labels=tuple(actor.label for actor in stage.take.actors),
        target=stage.target,
        start_frame=stage.start_frame,
        end_frame=stage.end_frame,
        tags=stage.tags,
    )


def visible_boxes(take: Take, height: int, width: int) -> NDArray[np.float32]:
    """The box of what the occluder leaves of every object.

    An edge that it left alone keeps its exact place, which pixels know only by half a pixel.

    Args:
        take: what is drawn.
        height: pixels.
        width: pixels.

    Returns:
        float32 (objects, T, 4): x1, y1, x2, y2 in pixels, clipped to the frame.
    """
    from zerotube.synth.rendering import render

    whole = boxes(take, height, width)
    if take.occluder is None:
        return whole
    dark = replace(take.occluder, rgb=(0.0, 0.0, 0.0))
    for actor, row in zip(take.actors, whole, strict=True):
        alone = replace(
            take, actors=(_white(actor),), backdrop=_BLACK, shading=0.0, blur=0.0, noise=0.0
        )
        open_view = replace(alone, occluder=None)
        masks = render([open_view, replace(alone, occluder=dark)], height, width)[..., 0].numpy()
        before, after = (_pixel_boxes(mask >= _SEEN * 255.0) for mask in masks)
        row[:] = np.where(before == after, row, after)
    return whole


def _white(actor: Actor) -> Actor:
    """The object in plain white, opaque all the time."""
    acts = tuple(act for act in actor.acts if act.action not in _LOOKS)
    return replace(actor, texture="plain", rgb=_WHITE, acts=acts, new_colour=None, new_rgb=None)


def _pixel_boxes(shown: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bounds of the pixels that show an object, bool (T, height, width) to float32 (T, 4)."""
    edges = []
    for lines in (shown.any(axis=1), shown.any(axis=2)):
        first = lines.argmax(axis=1)
        past = lines.shape[1] - np.flip(lines, axis=1).argmax(axis=1)
        edges.append((first, past))
    (left, right), (top, bottom) = edges
    return np.stack([left, top, right, bottom], axis=1).astype(np.float32)
