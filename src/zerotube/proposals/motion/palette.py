"""The few colours that a video's objects have, found as peaks of its colour histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.colour import to_lab, weigh

_BIN = 4.0
"""Edge of a histogram cell, in weighted Lab units."""


def find_palette(
    pixels: NDArray[np.float32],
    *,
    radius: float,
    min_share: float,
    max_colours: int,
    skirt: float = 0.0,
) -> NDArray[np.float32]:
    """Peaks of a colour histogram, most frequent first.

    The fullest cell is taken, its mean becomes a colour, all pixels within ``radius`` of it are
    removed, and so on: deterministic, and a colour of few pixels is found however many pixels the
    others have.

    Args:
        pixels: float32 ``(n, 3)``, weighted Lab (see `zerotube.proposals.colour`).
        radius: distance up to which pixels belong to a colour.
        min_share: a colour of fewer than this share of the pixels ends the search.
        max_colours: upper bound on the number of colours.
        skirt: within this distance of a colour, one with less than a quarter of its pixels is its
            smear (of compression, of rims) and no colour of its own.

    Returns:
        float32 ``(k, 3)``, weighted Lab, ``k <= max_colours``.
    """
    if len(pixels) == 0:
        return np.empty((0, 3), dtype=np.float32)
    cells, inverse, counts = np.unique(
        np.floor(pixels / _BIN).astype(np.int32), axis=0, return_inverse=True, return_counts=True
    )
    sums = np.stack(
        [np.bincount(inverse.ravel(), weights=pixels[:, channel]) for channel in range(3)], axis=1
    )
    means = sums / counts[:, None]
    left = counts.astype(np.float64)
    palette: list[NDArray[np.float64]] = []
    sizes: list[float] = []
    while len(palette) < max_colours:
        # A peak is judged with its neighbouring cells, else a colour on a cell border loses.
        top = np.argsort(-left, kind="stable")[:32]
        near = np.abs(cells[top][:, None] - cells[None]).max(axis=2) <= 1
        best = near @ left
        peak = int(best.argmax())
        inside = near[peak]
        if left[inside].sum() < 1:
            break
        centre = (means[inside] * left[inside, None]).sum(axis=0) / left[inside].sum()
        taken = np.linalg.norm(means - centre, axis=1) <= radius
        size = float(left[taken].sum())
        if size < min_share * len(pixels):
            break
        left[taken] = 0.0
        smear = any(
            float(np.linalg.norm(centre - other)) < skirt and size < 0.25 * of_other
            for other, of_other in zip(palette, sizes, strict=True)
        )
        if not smear:
            palette.append(centre)
            sizes.append(size)
    # A colour next to an earlier one lost its nearer pixels to that one; centre it on its own.
    centres = np.asarray(palette, dtype=np.float64).reshape(-1, 3)
    for _ in range(3 * (len(centres) > 1)):
        distance = np.linalg.norm(means[:, None] - centres[None], axis=2)
        owner = np.where(distance.min(axis=1) <= radius, distance.argmin(axis=1), -1)
        for index in np.unique(owner[owner >= 0]).tolist():
            mine = owner == index
            centres[index] = np.average(means[mine], axis=0, weights=counts[mine])
    return centres.astype(np.float32)


def nearest_colour(
    weighted: NDArray[np.float32], palette: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Index of the nearest palette colour and the distance to it.

    Args:
        weighted: float32 ``(n, 3)``, weighted Lab.
        palette: float32 ``(k, 3)``, k >= 1.

    Returns:
        int32 ``(n,)`` and float32 ``(n,)``.
    """
    label = np.zeros(len(weighted), dtype=np.int32)
    best = np.full(len(weighted), np.inf, dtype=np.float32)
    for index, colour in enumerate(palette):
        delta = weighted - colour
        distance = (delta * delta).sum(axis=1)
        closer = distance < best
        label[closer] = index
        best[closer] = distance[closer]
    return label, np.sqrt(best)


_TABLE_BITS = 5
"""Bits per RGB channel by which a `label_table` is indexed: cells of 8 levels, well below the
distance between two palette colours."""


def label_table(palette: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Nearest palette colour of every RGB value, coarsely: labels a frame in one look-up.

    Args:
        palette: float32 ``(k, 3)``, weighted Lab, 1 <= k <= 255.

    Returns:
        uint8 ``(32768,)``, see `label_pixels`.
    """
    levels = np.arange(2**_TABLE_BITS, dtype=np.uint8) * 8 + 4
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return nearest_colour(weigh(to_lab(rgb))[0], palette)[0].astype(np.uint8)


def label_pixels(image: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Palette index of each pixel.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        table: from `label_table`.

    Returns:
        uint8 ``(h, w)``.
    """
    red, green, blue = (image[..., channel].astype(np.int32) >> 3 for channel in range(3))
    return np.asarray(table[(red << 10) | (green << 5) | blue], dtype=np.uint8)
