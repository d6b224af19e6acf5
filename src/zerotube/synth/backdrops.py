"""What lies behind the objects: muted backgrounds and bits of clutter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.choices import pick

Pattern = Literal["uniform", "gradient", "stripes", "checkerboard", "blobs"]

BACKGROUNDS: tuple[Pattern, ...] = ("uniform", "gradient", "stripes", "checkerboard", "blobs")
"""Patterns of the background; blobs are soft patches of light and dark."""

RGB = tuple[float, float, float]

BLOBS = 14
SOFTNESS = 0.12
"""Share of a stripe's width over which it blends into the next."""


@dataclass(frozen=True)
class Bit:
    """One small thing of no interest that lies still.

    Attributes:
        shape: one of `zerotube.synth.words.SHAPES`.
        rgb: grey to brown, 0..255.
        x, y: centre, fraction of the side.
        size: diameter of the circumscribed circle, fraction of the side.
        angle: rotation in radians.
    """

    shape: str
    rgb: RGB
    x: float
    y: float
    size: float
    angle: float


@dataclass(frozen=True)
class Backdrop:
    """The empty stage.

    Attributes:
        pattern: how the two tones alternate.
        first, second: the two tones, muted, 0..255.
        angle: direction of the pattern in radians.
        period: width of two stripes or two fields, fraction of the side.
        grain: standard deviation of a fixed fine texture, grey levels.
        seed: of the texture and of the blobs.
        bits: clutter on it.
    """

    pattern: Pattern
    first: RGB
    second: RGB
    angle: float
    period: float
    grain: float
    seed: int
    bits: tuple[Bit, ...] = ()


def random_backdrop(rng: np.random.Generator, pattern: Pattern, *, clutter: bool) -> Backdrop:
    """A muted background: two greys with a soft tint, 15 to 45 levels apart."""
    value = rng.uniform(45.0, 215.0)
    tint = rng.uniform(-1.0, 1.0, size=3) * rng.uniform(0.0, 10.0)
    step = rng.uniform(15.0, 45.0) * (1.0 if value < 130.0 else -1.0)
    first, second = value + tint, value + tint + step
    period = rng.uniform(0.14, 0.36)
    return Backdrop(
        pattern=pattern,
        first=_rgb(first),
        second=_rgb(second),
        angle=float(rng.uniform(0.0, np.pi)),
        period=float(period),
        grain=float(rng.uniform(0.0, 4.0)) if rng.random() < 0.5 else 0.0,
        seed=int(rng.integers(2**31)),
        bits=_random_bits(rng, value + (step if pattern != "uniform" else 0.0) / 2)
        if clutter
        else (),
    )


def wide_backdrop(
    rng: np.random.Generator, pattern: Pattern, width: float, height: float, *, clutter: bool
) -> Backdrop:
    """`random_backdrop` with its clutter spread over a frame of `width` by `height` sides."""
    backdrop = random_backdrop(rng, pattern, clutter=clutter)
    if not backdrop.bits or (width == 1.0 and height == 1.0):
        return backdrop
    bits = tuple(replace(bit, x=bit.x * width, y=bit.y * height) for bit in backdrop.bits)
    return replace(backdrop, bits=bits)


def _random_bits(rng: np.random.Generator, ground: float) -> tuple[Bit, ...]:
    """10 to 25 bits, each lighter or darker than the mean grey of the ground."""
    bits = []
    for _ in range(int(rng.integers(10, 26))):
        apart = rng.uniform(28.0, 60.0)
        value = ground + (apart if rng.random() < (0.75 if ground < 110.0 else 0.25) else -apart)
        brown = rng.uniform(0.0, 20.0)
        bits.append(
            Bit(
                shape=pick(rng, ("circle", "square", "triangle")),
                rgb=_rgb(np.clip(value + brown * np.array([1.0, 0.3, -0.9]), 15.0, 235.0)),
                x=float(rng.uniform(0.02, 0.98)),
                y=float(rng.uniform(0.02, 0.98)),
                size=float(rng.uniform(0.025, 0.06)),
                angle=float(rng.uniform(0.0, 2.0 * np.pi)),
            )
        )
    return tuple(bits)


def _rgb(values: NDArray[np.float64]) -> RGB:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
