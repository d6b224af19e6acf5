"""Colours as they are compared: CIE Lab on its natural scale, one unit just noticeable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LIGHTNESS_WEIGHT = 0.5
"""Lightness counts half when colours are compared: shading changes it across one object."""


def to_lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE Lab of an RGB uint8 ``(h, w, 3)`` image, float32, L 0..100."""
    import cv2

    scaled = image.astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), dtype=np.float32)


def weigh(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lab with the lightness scaled down, float32, same shape; distances mean "same paint"."""
    return lab * np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0], dtype=np.float32)
