"""How stored pictures must be turned to be upright."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_QUARTERS = {(1, 0): 0, (0, 1): 1, (-1, 0): 2, (0, -1): 3}
"""Clockwise quarter turns, by where the picture's x axis points afterwards (y down)."""


@dataclass(frozen=True)
class Orientation:
    """A mirroring, then a clockwise turn."""

    mirrored: bool = False
    """Whether left and right are swapped first."""
    quarters: int = 0
    """Clockwise quarter turns, 0-3."""

    @property
    def degrees(self) -> int:
        """Clockwise turn: 0, 90, 180 or 270."""
        return 90 * self.quarters

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) as shown, from the stored ones."""
        return (height, width) if self.quarters % 2 else (width, height)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a stored (H, W, 3) picture; gives (H, W, 3) or (W, H, 3), contiguous."""
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, -self.quarters))


def from_display_matrix(matrix: bytes) -> Orientation | None:
    """Read a container's display matrix.

    Args:
        matrix: libav's AV_FRAME_DATA_DISPLAYMATRIX, nine native-endian int32 (a b u c d v x y w):
            a stored point (x, y) is shown at (a*x + c*y, b*x + d*y).

    Returns:
        The orientation, or None where the matrix is not made of quarter turns and mirrorings
        (a skew, a turn by 30 degrees, all zeros).
    """
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    scale_x, scale_y = math.hypot(a, b), math.hypot(c, d)
    if scale_x == 0 or scale_y == 0:
        return None
    exact = (a / scale_x, b / scale_x, c / scale_y, d / scale_y)
    whole = [round(value) for value in exact]
    if max(abs(value - near) for value, near in zip(exact, whole, strict=True)) > 0.01:
        return None
    determinant = whole[0] * whole[3] - whole[1] * whole[2]
    # A mirroring is undone first, which turns the image of the x axis around.
    axis = (determinant * whole[0], determinant * whole[1])
    if determinant == 0:
        return None
    return Orientation(mirrored=determinant < 0, quarters=_QUARTERS[axis])
