"""Where the true box lies on the grid of a map, and what of a map lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.method.scoring import box_weights

if TYPE_CHECKING:
    from zerotube.mllm.types import TokenLayout

SPAN = "span"
"""Name of the region over the sampled frames of the true span, whose boxes every benchmark has."""

TRACK = "track"
"""Name of the region over all sampled frames in which the described object is visible, also outside
the true span; only for benchmarks with true tracks."""


@dataclass(frozen=True, eq=False)
class Region:
    """The true box on the grid, over the steps that show a frame whose true box is known.

    Attributes:
        weights: float64 ``(S, h, w)`` in [0, 1], the box's mask resampled as in Eq. 2; where a step
            shows several frames, the maximum over them.
        steps: int64 ``(S,)``, which steps of a map these are, rising. S is 0 where no frame with a
            true box was sampled.
    """

    weights: NDArray[np.float64]
    steps: NDArray[np.int64]

    def ratios(self, maps: NDArray[np.float32]) -> NDArray[np.float64]:
        """Attention ratio of Eq. 1: max A inside the true box / max A outside it.

        Both maxima are taken over the region's steps: where the true box is not known, a high cell
        may lie on the object, and is neither inside nor outside.

        Args:
            maps: ``(n, T, h, w)``.

        Returns:
            float64 ``(n,)``; NaN where there is no cell inside (no true frame was sampled, or the
            box lies outside the part of the frame that the model sees), none outside, or no
            attention outside.
        """
        inside, outside = self._split(maps)
        if inside.size == 0 or not self.weights.any() or not (self.weights < 1).any():
            return np.full(len(maps), np.nan)
        highest_in = inside.reshape(len(maps), -1).max(axis=1)
        highest_out = outside.reshape(len(maps), -1).max(axis=1)
        known = highest_out > 0
        return np.where(known, highest_in / np.where(known, highest_out, 1.0), np.nan)

    def masses(self, one_map: NDArray[np.float32]) -> tuple[float, float] | None:
        """Sums of the attention inside and outside the true box, over the region's steps.

        Args:
            one_map: ``(T, h, w)``.

        Returns:
            None where no true frame was sampled.
        """
        if not len(self.steps):
            return None
        inside, outside = self._split(one_map[None])
        return float(inside.sum()), float(outside.sum())

    def _split(self, maps: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shown = maps[:, self.steps].astype(np.float64)
        return shown * self.weights, shown * (1 - self.weights)


def region_of(
    boxes_xyxy: NDArray[np.float64],
    known: NDArray[np.bool_],
    layout: TokenLayout,
    image_size: tuple[int, int],
) -> Region:
    """The region of some boxes on the grid.

    Args:
        boxes_xyxy: float ``(N, 4)``, one per sampled frame, pixels; ignored where not known.
        known: bool ``(N,)``, where there is a box.
        layout: of the clip.
        image_size: (height, width) of the video in pixels.
    """
    _, height, width = layout.grid
    steps, at = np.unique(layout.step_of_frame[known], return_inverse=True)
    weights = np.zeros((len(steps), height, width))
    if len(steps):
        boxes = boxes_xyxy[known].astype(np.float32)
        drawn = box_weights(boxes, image_size, (height, width), layout.view_xyxy)
        np.maximum.at(weights, at, drawn)
    return Region(weights, steps.astype(np.int64))
