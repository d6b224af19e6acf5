"""Where the objects of a take are: the box of each one's whole outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth.rich.types import Take
from zerotube.synth.shapes import polygon

_STRETCH = 0.02
"""How far the sides of a frame may be off the take's, for the sake of whole pixels."""


def pixels_per_side(take: Take, height: int, width: int) -> int:
    """Pixels of the shorter side.

    Raises:
        UsageError: the frame does not have the proportions of the take.
    """
    side = min(height, width)
    for got, wanted in ((height, take.height * side), (width, take.width * side)):
        if side < 1 or abs(got - wanted) > max(1.0, _STRETCH * wanted):
            raise UsageError(
                f"got a frame of {width} x {height} pixels for a take of "
                f"{take.width:.3f} x {take.height:.3f} sides",
                wanted="the same proportions",
                fix=f"draw it at {round(take.width * side)} x {round(take.height * side)}",
            )
    return side


def boxes(take: Take, height: int, width: int) -> NDArray[np.float32]:
    """The tight box of every object's whole outline, as if nothing hid any of it.

    Args:
        take: what is drawn.
        height: pixels.
        width: pixels.

    Returns:
        float32 (objects, T, 4): x1, y1, x2, y2 in pixels, clipped to the frame.

    Raises:
        UsageError: the frame does not have the proportions of the take.
    """
    side = pixels_per_side(take, height, width)
    out = np.empty((len(take.actors), len(take.times), 4), np.float32)
    for row, actor in zip(out, take.actors, strict=True):
        states = actor.states(take.times)
        low, high = _extents(actor.shape, states[:, 3])
        centres, radii = states[:, :2] + take.shifts, 0.5 * states[:, 2:3]
        row[:, :2] = (centres + low * radii) * side
        row[:, 2:] = (centres + high * radii) * side
    out[..., 0::2] = out[..., 0::2].clip(0, width)
    out[..., 1::2] = out[..., 1::2].clip(0, height)
    return out


def _extents(
    shape: str, angles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest (x, y) of a shape of radius 1 at some angles, float64 (T, 2) each."""
    vertices = polygon(shape)
    if vertices is None:
        ones = np.ones((len(angles), 2))
        return -ones, ones
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = vertices[:, 0], vertices[:, 1]
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)
    return turned.min(axis=1), turned.max(axis=1)
