"""The outlines of the shapes, in units of the radius of their circumscribed circle."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RING_WIDTH = 0.42
"""How wide the band of a ring is."""

_DIAMOND = 0.62
"""Half the width of a diamond; half its height is 1."""

_ARM = 0.33
"""Half the width of a cross's arms, before its corners are fitted to the circle."""

_HEART_POINTS = 24


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
