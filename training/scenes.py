"""Random scenes for training: what is in them and how they are drawn at 112 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from build import FRAME
from zerotube.synth.world import (
    ACTIONS,
    COLOURS,
    SHAPES,
    Motion,
    Scene,
    place,
    random_motion,
    render,
)


@dataclass(frozen=True)
class Mix:
    """How many objects a training scene has and what they do.

    Attributes:
        counts: probability of 1, 2, 3, 4 objects.
        shared: probability that the objects are drawn from few colours and shapes, so that
            they share attributes.
        moving: probability that an object performs an action (0 for single frames).
        second: probability that a moving object performs a second action.
    """

    counts: tuple[float, float, float, float]
    shared: float = 0.6
    moving: float = 0.0
    second: float = 0.25


def random_motions(rng: np.random.Generator, mix: Mix) -> tuple[Motion, ...]:
    """None, one or two actions, each taking 20-60% of the clip."""
    if rng.random() >= mix.moving:
        return ()
    if rng.random() < mix.second:
        first, second = rng.choice(len(ACTIONS), size=2, replace=False)
        lengths = rng.uniform(0.2, 0.42, size=2)
        spare = 1.0 - lengths.sum()
        gaps = rng.dirichlet([1.0, 1.0, 1.0]) * spare
        start = gaps[0]
        then = start + lengths[0] + gaps[1]
        return (
            random_motion(ACTIONS[first], float(start), float(start + lengths[0]), rng),
            random_motion(ACTIONS[second], float(then), float(then + lengths[1]), rng),
        )
    length = rng.uniform(0.2, 0.6)
    start = rng.uniform(0.0, 1.0 - length)
    action = ACTIONS[int(rng.integers(len(ACTIONS)))]
    return (random_motion(action, float(start), float(start + length), rng),)


def random_scene(rng: np.random.Generator, mix: Mix) -> Scene:
    """A scene with the number of objects, shared attributes and actions of `mix`."""
    while True:
        count = 1 + int(rng.choice(4, p=mix.counts))
        colours, shapes = list(COLOURS), list(SHAPES)
        if rng.random() < mix.shared:
            colours = list(rng.choice(colours, size=2, replace=False))
            shapes = list(rng.choice(shapes, size=2, replace=False))
        wanted = [
            (
                str(colours[int(rng.integers(len(colours)))]),
                str(shapes[int(rng.integers(len(shapes)))]),
                random_motions(rng, mix),
            )
            for _ in range(count)
        ]
        scene = place(wanted, rng)
        if scene is not None:
            return scene


def draw(
    scene: Scene, times: Sequence[float], rng: np.random.Generator, plain: float = 0.65
) -> NDArray[np.uint8]:
    """Draw a scene at the given times as the model will see it.

    With probability 1 - `plain` the scene is drawn larger, at times with another aspect ratio,
    and resized, like a video that the processor resizes.

    Returns:
        uint8 (len(times), 112, 112, 3).
    """
    height = width = FRAME
    if rng.random() >= plain:
        height = int(rng.integers(FRAME, 2 * FRAME + 1))
        width = int(height * rng.uniform(0.75, 1.33)) if rng.random() < 0.4 else height
    backdrop = scene.background.draw(height, width)
    frames = [render(scene, u, height, width, backdrop) for u in times]
    if (height, width) != (FRAME, FRAME):
        frames = [
            np.asarray(Image.fromarray(f).resize((FRAME, FRAME), Image.Resampling.BICUBIC))
            for f in frames
        ]
    stack = np.stack(frames)
    if rng.random() < 0.5:
        grain = rng.uniform(0.5, 4.0) * rng.standard_normal(stack.shape, dtype=np.float32)
        stack = np.clip(stack + grain, 0, 255).astype(np.uint8)
    return stack
