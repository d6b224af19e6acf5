"""The detector of the weightless proposer: learns a scene once, then finds regions per frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.colour import to_lab, weigh
from zerotube.proposals.motion.background import Background, build_background, shrink
from zerotube.proposals.motion.clutter import cluttered_regions
from zerotube.proposals.motion.palette import (
    find_palette,
    label_pixels,
    label_table,
    nearest_colour,
)
from zerotube.proposals.motion.regions import plain_regions

if TYPE_CHECKING:
    import supervision

_PLAIN_RADIUS = 12.0
"""Spread of one painted colour on a plain scene, weighted Lab: flat paint plus compression."""

_CLUTTER_RADIUS = 18.0
"""Spread of one colour in real footage: a red cup with its shading is one patch at this radius."""

_EXPLAINED = 0.7
"""Share of the foreground of a plain scene that a few colours must explain to be of use."""

_PIXELS = 400_000
"""About how many sampled pixels the colours are learnt from."""


@dataclass(frozen=True, eq=False)
class RegionDetector:
    """Finds objects by background and colour; implements `zerotube.proposals.base.Detector`.

    Attributes:
        background: the learnt model, at the working resolution.
        palette: float32 ``(k, 3)``, weighted Lab, the colours that regions are made of.
        size_wh: working width and height.
        min_area_share, max_area_share: limits of a region's area, fractions of the picture.
    """

    background: Background
    palette: NDArray[np.float32]
    size_wh: tuple[int, int]
    min_area_share: float
    max_area_share: float

    @cached_property
    def _table(self) -> NDArray[np.uint8]:
        return label_table(self.palette)

    @classmethod
    def learn(
        cls, samples: NDArray[np.uint8], *, min_area_share: float, max_area_share: float
    ) -> RegionDetector:
        """Learn background and colours.

        Args:
            samples: uint8 ``(n, h, w, 3)`` RGB at the working resolution, spread over the video.
            min_area_share: smallest region, fraction of the picture.
            max_area_share: largest region, fraction of the picture.
        """
        background = build_background(samples)
        palette = (
            _foreground_palette(samples, background)
            if background.plain
            else _scene_palette(samples)
        )
        size_wh = samples.shape[2], samples.shape[1]
        return cls(background, palette, size_wh, min_area_share, max_area_share)

    def detect(self, image: NDArray[np.uint8]) -> supervision.Detections:
        """Regions of one frame.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, any size.

        Returns:
            As `zerotube.proposals.motion.regions.as_detections`, boxes and areas in pixels of
            ``image``.
        """
        small = shrink(image, self.size_wh)
        lab = to_lab(small)
        label = label_pixels(small, self._table) if len(self.palette) else None
        width, height = self.size_wh
        least = max(4.0, self.min_area_share * width * height)
        most = self.max_area_share * width * height
        if self.background.plain:
            found = plain_regions(lab, label, self.background, min_area=least)
        else:
            # Clutter is full of small patches: twice the size is asked of them.
            found = cluttered_regions(
                lab, label, self.background, min_area=2 * least, max_area=most
            )
        if len(found) == 0:
            return found
        across, down = image.shape[1] / width, image.shape[0] / height
        scale = np.array([across, down, across, down])
        area = np.asarray(found.data["area"]) * across * down
        return replace(found, xyxy=found.xyxy * scale, data={**found.data, "area": area})


def _foreground_palette(samples: NDArray[np.uint8], background: Background) -> NDArray[np.float32]:
    """Colours of what is not background; none if a few colours do not explain it."""
    import cv2

    found = []
    for image in samples:
        lab = to_lab(image)
        foreground = (background.distance(lab) > background.threshold).astype(np.uint8)
        # Rim pixels mix object and background, two pixels deep where colour is subsampled; what
        # is too thin to have anything else is taken with a shallower rim.
        inner = cv2.erode(foreground, np.ones((5, 5), np.uint8)) > 0
        if not inner.any():
            inner = cv2.erode(foreground, np.ones((3, 3), np.uint8)) > 0
        found.append(weigh(lab[inner]))
    pixels = np.concatenate(found)
    pixels = pixels[:: max(1, len(pixels) // _PIXELS)]
    palette = find_palette(
        pixels,
        radius=_PLAIN_RADIUS,
        min_share=0.004,
        max_colours=12,
        skirt=2 * _PLAIN_RADIUS,
    )
    if len(palette) == 0:
        return palette
    _, off = nearest_colour(pixels, palette)
    explained = float((off <= _PLAIN_RADIUS).mean())
    return palette if explained >= _EXPLAINED else palette[:0]


def _scene_palette(samples: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colours of the whole picture over time; a small thing seen briefly still gets its own."""
    step = max(1, samples[..., 0].size // _PIXELS)
    pixels = np.concatenate([weigh(to_lab(image)).reshape(-1, 3)[::step] for image in samples])
    return find_palette(pixels, radius=_CLUTTER_RADIUS, min_share=2e-4, max_colours=20)
