"""The outlines of the shapes, and the boxes of the objects of a take.

Outlines are in units of the radius of their circumscribed circle.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth.scene import Take

RING_WIDTH = 0.42
"""How wide the band of a ring is."""

_DIAMOND = 0.62
"""Half the width of a diamond; half its height is 1."""

_ARM = 0.33
"""Half the width of a cross's arms, before its corners are fitted to the circle."""

_HEART_POINTS = 24

_STRETCH = 0.02
"""How far the sides of a frame may be off the take's, for the sake of whole pixels."""


def polygon(shape: str) -> NDArray[np.float64] | None:
    """The corners of a shape inside the unit circle; y points down.

    Returns:
        float64 (V, 2), clockwise as seen in the frame, or None for circle and ring.
    """
    if shape == "square":
        return 0.86 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if shape == "triangle":
        angles = np.deg2rad([-90.0, 30.0, 150.0])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if shape == "star":
        angles = np.deg2rad(-90.0 + 36.0 * np.arange(10))
        radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.46)[:, None]
        corners: NDArray[np.float64] = radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return corners
    if shape == "diamond":
        return np.array([[0.0, -1.0], [_DIAMOND, 0.0], [0.0, 1.0], [-_DIAMOND, 0.0]])
    if shape == "cross":
        return _cross()
    if shape == "heart":
        return _heart()
    return None


def rotate(vertices: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Turn points (V, 2) about the origin, clockwise as seen in the frame, by radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned: NDArray[np.float64] = vertices @ np.array([[cos, sin], [-sin, cos]])
    return turned


def _cross() -> NDArray[np.float64]:
    """A plus sign; the corners at the ends of its arms lie on the unit circle."""
    arm = np.array([[-_ARM, -1.0], [_ARM, -1.0], [_ARM, -_ARM]]) / np.hypot(1.0, _ARM)
    return np.concatenate([rotate(arm, 0.5 * np.pi * turn) for turn in range(4)])


@cache
def _heart() -> NDArray[np.float64]:
    """A heart with its point down, the notch first, centred in its smallest circle."""
    turn = np.linspace(0.0, np.pi, 1001)
    x = 16.0 * np.sin(turn) ** 3
    y = 5.0 * np.cos(2 * turn) + 2.0 * np.cos(3 * turn) + np.cos(4 * turn) - 13.0 * np.cos(turn)
    # Corners at equal distances along the right half, then the left half as its mirror image.
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted = np.linspace(0.0, along[-1], _HEART_POINTS // 2 + 1)
    x, y = np.interp(wanted, along, x), np.interp(wanted, along, y)
    x[[0, -1]] = 0.0
    x, y = np.concatenate([x, -x[-2:0:-1]]), np.concatenate([y, y[-2:0:-1]])
    middles = np.linspace(-10.0, 10.0, 2001)
    reach = np.hypot(x[:, None], y[:, None] - middles).max(axis=0)
    best = int(reach.argmin())
    points: NDArray[np.float64] = np.stack([x, y - middles[best]], axis=1) / reach[best]
    points.setflags(write=False)
    return points


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
    turned = _turned(vertices, angles)
    return turned.min(axis=1), turned.max(axis=1)


def _turned(points: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 2) turned by some angles, float64 (T, N, 2)."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = points[:, 0], points[:, 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)


def spread(shape: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points spread evenly over an object.

    Args:
        shape: one of `zerotube.synth.words.SHAPES`.
        states: float64 (T, 6), `zerotube.synth.scene.Actor.states`.

    Returns:
        float64 (T, N, 2): x and y of each point, sides.
    """
    turned = _turned(_inside(shape), states[:, 3])
    return states[:, None, :2] + 0.5 * states[:, None, 2:3] * turned


@cache
def _inside(shape: str) -> NDArray[np.float64]:
    """The points of a fine grid that lie inside a shape of radius 1, float64 (N, 2)."""
    line = np.linspace(-1.23, 1.23, 50)
    x, y = (part.ravel() for part in np.meshgrid(line, line))
    vertices = polygon(shape)
    if vertices is None:
        distance = np.hypot(x, y)
        inside = (distance <= 1.0) & (distance >= (1.0 - RING_WIDTH if shape == "ring" else 0.0))
    else:
        # A ray to the right meets the outline an odd number of times.
        inside = np.zeros(len(x), bool)
        for (ax, ay), (bx, by) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
            if ay != by:
                crosses = (y >= ay) != (y >= by)
                inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return np.stack([x, y], axis=1)[inside]
