"""What lies behind the objects of a test set: muted backgrounds and bits of clutter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.choices import pick
from zerotube.synth.world import coverage

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
        shape: one of `zerotube.synth.world.SHAPES`.
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

    def draw(self, side: int, margin: int = 0) -> NDArray[np.float32]:
        """The stage and, for a moving camera, some of what lies around it.

        Args:
            side: of the frame, pixels.
            margin: pixels to draw beyond each edge.

        Returns:
            float32 (side + 2 margin, side + 2 margin, 3), 0..255.
        """
        whole = side + 2 * margin
        at = ((np.arange(whole) - margin + 0.5) / side - 0.5).astype(np.float32)
        share = _PATTERNS[self.pattern](self, at[None, :], at[:, None])
        first, second = (np.asarray(tone, np.float32) for tone in (self.first, self.second))
        frame = first + np.broadcast_to(share, (whole, whole))[..., None] * (second - first)
        if self.grain > 0:
            rng = np.random.default_rng(self.seed)
            frame += self.grain * rng.standard_normal((whole, whole, 1), dtype=np.float32)
        for bit in self.bits:
            centre = bit.x * side + margin, bit.y * side + margin
            part = coverage(bit.shape, bit.angle, centre, 0.5 * bit.size * side, whole, whole)
            if part is not None:
                rows, cols, alpha = part
                view = frame[rows, cols]
                view += alpha[..., None] * (np.asarray(bit.rgb, np.float32) - view)
        return np.clip(frame, 0.0, 255.0)


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


_Share = NDArray[np.float32]


def _narrow(values: NDArray[np.floating[Any]]) -> _Share:
    return values.astype(np.float32)


def _uniform(_backdrop: Backdrop, _x: _Share, _y: _Share) -> _Share:
    return np.zeros((1, 1), np.float32)


def _gradient(backdrop: Backdrop, x: _Share, y: _Share) -> _Share:
    ramp = x * np.cos(backdrop.angle) + y * np.sin(backdrop.angle)
    return _narrow(np.clip(ramp / 1.42 + 0.5, 0.0, 1.0))


def _wave(position: _Share, period: float) -> _Share:
    """A square wave between -1 and 1 with soft edges."""
    sine = np.sin(2.0 * np.pi * position / period) / np.sin(np.pi * SOFTNESS)
    return _narrow(np.clip(sine, -1.0, 1.0))


def _stripes(backdrop: Backdrop, x: _Share, y: _Share) -> _Share:
    across = x * np.cos(backdrop.angle) + y * np.sin(backdrop.angle)
    return 0.5 + 0.5 * _wave(across.astype(np.float32), backdrop.period)


def _checkerboard(backdrop: Backdrop, x: _Share, y: _Share) -> _Share:
    cos, sin = np.cos(backdrop.angle), np.sin(backdrop.angle)
    along, across = (x * cos + y * sin), (y * cos - x * sin)
    fields = [_wave(part.astype(np.float32), backdrop.period) for part in (along, across)]
    return 0.5 + 0.5 * fields[0] * fields[1]


def _blobs(backdrop: Backdrop, x: _Share, y: _Share) -> _Share:
    rng = np.random.default_rng((backdrop.seed, 1))
    share = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for number in range(BLOBS):
        (at_x, at_y), reach = rng.uniform(-0.55, 0.55, size=2), rng.uniform(0.08, 0.2)
        squared = (x - np.float32(at_x)) ** 2 + (y - np.float32(at_y)) ** 2
        share += np.exp(-squared / np.float32(2.0 * reach**2)) * (1.0 if number % 2 else -1.0)
    return _narrow(np.clip(0.5 + 0.5 * share, 0.0, 1.0))


_PATTERNS: dict[Pattern, Callable[[Backdrop, _Share, _Share], _Share]] = {
    "uniform": _uniform,
    "gradient": _gradient,
    "stripes": _stripes,
    "checkerboard": _checkerboard,
    "blobs": _blobs,
}
