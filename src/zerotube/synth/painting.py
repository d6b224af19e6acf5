"""Draws shapes in torch, thousands at a time, each on a patch just large enough for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.synth.outlines import RING_WIDTH, polygon
from zerotube.synth.words import SHAPES, TEXTURES

_STRIPE_PERIOD = 0.55
_DOT_SPACING = 0.6
_DOT_RADIUS = 0.2
"""Of the textures, in radii of the object."""

_STRIPE_DARK = 0.5
_DOT_DARK = 0.6
"""How much darker than the object its stripes and dots are."""

_MIRRORS = {"triangle": 3, "square": 4, "star": 5, "diamond": 2, "cross": 4, "heart": 1}
"""How many axes of symmetry a polygon has; one of them is always upright."""

_CHUNK, _CHUNK_ELSEWHERE = 2**17, 2**24
"""Pixels worked on at a time: as many as stay in a processor's cache, and for other devices."""


@dataclass(frozen=True, eq=False)
class Things:
    """What to draw, one row for each drawing of a shape.

    Attributes:
        picture: int64 (M,), into which picture.
        order: int64 (M,), higher is later; no two in one picture have the same.
        shape: int64 (M,), place in `SHAPES`.
        texture: int64 (M,), place in `TEXTURES`.
        pose: float64 (M, 4): centre x, centre y, radius in pixels; angle in radians.
        rgb: float64 (M, 3), 0..255.
        opacity: float64 (M,), 0..1.
        shading: float64 (M,), 0..1.
    """

    picture: NDArray[np.int64]
    order: NDArray[np.int64]
    shape: NDArray[np.int64]
    texture: NDArray[np.int64]
    pose: NDArray[np.float64]
    rgb: NDArray[np.float64]
    opacity: NDArray[np.float64]
    shading: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def reach(self) -> NDArray[np.float64]:
        """Pixels from the centre to the farthest point of each, float64 (M,)."""
        farthest = np.array([_farthest(shape) for shape in SHAPES])
        pixels: NDArray[np.float64] = farthest[self.shape] * self.pose[:, 2]
        return pixels

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Things:
        """Some of the rows."""
        return Things(*(getattr(self, field.name)[rows] for field in fields(self)))


def paint(canvas: Tensor, things: Things) -> None:
    """Draw everything, in order, with anti-aliased edges.

    Args:
        canvas: uint8 (pictures, height, width, 3), contiguous; changed in place.
        things: what to draw.
    """
    height, width = canvas.shape[1:3]
    things = things.take(_seen(things, height, width))
    flat = canvas.view(-1, 3)
    patches = list(_patches(things, height, width, canvas.device))
    for order in np.unique(things.order):
        for patch in patches:
            patch.blend(flat, int(order))


def _seen(things: Things, height: int, width: int) -> NDArray[np.bool_]:
    x, y, reach = things.pose[:, 0], things.pose[:, 1], things.reach + 1.0
    inside = (x > -reach) & (x < width + reach) & (y > -reach) & (y < height + reach)
    seen: NDArray[np.bool_] = inside & (things.opacity > 0.0)
    return seen


@dataclass(frozen=True, eq=False)
class _Patches:
    """Patches of one size: `order` (m,) ascending, first pixel (m,), pixels (h, w) from there."""

    order: NDArray[np.int64]
    first: Tensor
    offsets: Tensor
    share: Tensor  # float32 (m, h, w)
    tone: Tensor | None  # float32 (m, h, w)
    rgb: Tensor  # float32 (m, 3)

    def blend(self, flat: Tensor, order: int) -> None:
        low, high = (int(np.searchsorted(self.order, order, side)) for side in ("left", "right"))
        step = max(_chunk(flat.device) // self.offsets.numel(), 1)
        for start in range(low, high, step):
            rows = slice(start, min(start + step, high))
            where = (self.first[rows, None, None] + self.offsets).view(-1)
            view = flat.index_select(0, where).to(torch.float32)
            colour = self.rgb[rows, None, None, :]
            if self.tone is not None:
                colour = colour * self.tone[rows, :, :, None]
            share = self.share[rows, :, :, None]
            mixed = view.view(*share.shape[:3], 3)
            mixed = mixed.lerp_(colour.expand_as(mixed), share.expand_as(mixed))
            flat.index_copy_(0, where, mixed.round_().to(torch.uint8).view(-1, 3))


def _patches(things: Things, height: int, width: int, device: torch.device) -> Iterator[_Patches]:
    sides = _patch_sides(things.reach)
    for side in np.unique(sides):
        rows = np.flatnonzero(sides == side)
        rows = rows[np.lexsort((things.shape[rows], things.order[rows]))]
        high, wide = min(int(side), height), min(int(side), width)
        yield _prepare(things.take(rows), (high, wide), (height, width), device)


def _patch_sides(reach: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pixels of a patch that holds a shape, however it is turned: a few sizes only."""
    needed = np.ceil(2.0 * reach).astype(np.int64) + 4
    step = np.where(needed <= 48, 8, np.where(needed <= 128, 16, 64))
    sides: NDArray[np.int64] = -(-needed // step) * step
    return sides


def _prepare(
    things: Things, size: tuple[int, int], frame: tuple[int, int], device: torch.device
) -> _Patches:
    (high, wide), (height, width) = size, frame
    left = np.clip(np.rint(things.pose[:, 0] - 0.5 * wide), 0, width - wide).astype(np.int64)
    top = np.clip(np.rint(things.pose[:, 1] - 0.5 * high), 0, height - high).astype(np.int64)
    first = (things.picture * height + top) * width + left
    rows, cols = torch.arange(high, device=device), torch.arange(wide, device=device)
    plain = not (things.texture.any() or things.shading.any())
    share = torch.empty((len(things), high, wide), device=device)
    tone = None if plain else torch.empty_like(share)
    corner = np.stack([left, top], axis=1) + 0.5 - things.pose[:, :2]
    step = max(_chunk(device) // (high * wide), 1)
    # Alike shapes lie together while they are measured, whatever their order.
    by_shape = np.argsort(things.shape, kind="stable")
    for start in range(0, len(things), step):
        some = by_shape[start : start + step]
        part = _Measured.of(things.take(some), corner[some], rows, cols)
        where = torch.from_numpy(some).to(device)
        share[where] = part.share()
        if tone is not None:
            tone[where] = part.tone()
    return _Patches(
        order=things.order,
        first=torch.from_numpy(first).to(device),
        offsets=rows[:, None] * width + cols,
        share=share,
        tone=tone,
        rgb=_tensor(things.rgb, device),
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """Some patches and where their pixels lie, in radii, in the frame's axes and the object's."""

    things: Things
    pose: Tensor  # float32 (m, 4)
    across: Tensor  # float32 (m, 1, w)
    down: Tensor  # float32 (m, h, 1)
    x: Tensor  # float32 (m, h, w)
    y: Tensor  # float32 (m, h, w)

    @classmethod
    def of(
        cls, things: Things, corner: NDArray[np.float64], rows: Tensor, cols: Tensor
    ) -> _Measured:
        device = rows.device
        pose, start = _tensor(things.pose, device), _tensor(corner, device)
        radius = pose[:, 2, None, None].clamp(min=1e-3)
        across = (start[:, 0, None, None] + cols) / radius
        down = (start[:, 1, None, None] + rows[:, None]) / radius
        cos, sin = pose[:, 3, None, None].cos(), pose[:, 3, None, None].sin()
        return cls(things, pose, across, down, across * cos + down * sin, down * cos - across * sin)

    def share(self) -> Tensor:
        """How much of each pixel is covered, opacity included, float32 (m, h, w)."""
        parts = []
        shapes, counts = np.unique(self.things.shape, return_counts=True)
        ends = np.cumsum(counts)
        for shape, end, count in zip(shapes, ends, counts, strict=True):
            some = slice(int(end - count), int(end))
            parts.append(_distance(SHAPES[shape], self.x[some], self.y[some]))
        radius = self.pose[:, 2, None, None]
        opacity = _tensor(self.things.opacity, radius.device)[:, None, None]
        return (0.5 - torch.cat(parts) * radius).clamp_(0.0, 1.0).mul_(opacity)

    def tone(self) -> Tensor:
        """Factor of the colour, from texture and shading, float32 (m, h, w)."""
        tone = torch.ones_like(self.x)
        for name, darkness in (("striped", _stripes), ("dotted", _dots)):
            some = np.flatnonzero(self.things.texture == TEXTURES.index(name))
            if len(some):
                at = torch.from_numpy(some).to(tone.device)
                radius = self.pose[at, 2, None, None]
                tone[at] -= darkness(self.x[at], self.y[at], radius)
        shading = _tensor(self.things.shading, tone.device)[:, None, None]
        if self.things.shading.any():
            ramp = ((self.across + self.down) * (0.5 / np.sqrt(2.0)) + 0.5).clamp_(0.0, 1.0)
            tone *= 1.0 - shading * (ramp * ramp * (3.0 - 2.0 * ramp))
        return tone


def _stripes(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Bands along the object's x axis; their edges are as soft as a pixel."""
    del x
    phase = y / _STRIPE_PERIOD
    inside = ((phase - phase.round()).abs_() - 0.25) * (_STRIPE_PERIOD * radius)
    return (0.5 + inside).clamp_(0.0, 1.0) * _STRIPE_DARK


def _dots(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Round dots on a square grid, one of them in the centre."""
    dx = x - (x / _DOT_SPACING).round() * _DOT_SPACING
    dy = y - (y / _DOT_SPACING).round() * _DOT_SPACING
    outside = ((dx * dx + dy * dy).sqrt_() - _DOT_RADIUS) * radius
    return (0.5 - outside).clamp_(0.0, 1.0) * _DOT_DARK


def _distance(shape: str, x: Tensor, y: Tensor) -> Tensor:
    """Signed distance, in radii, to the outline of a shape of radius 1; negative inside."""
    if shape in ("circle", "ring"):
        distance = (x * x + y * y).sqrt_() - 1.0
        return torch.maximum(distance, -distance - RING_WIDTH) if shape == "ring" else distance
    mirrors = _MIRRORS[shape]
    x, y = _fold(x, y, mirrors)
    squared = inside = None
    for (ax, ay), (bx, by) in _path(shape):
        ex, ey = bx - ax, by - ay
        wx, wy = x - ax, y - ay
        along = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp_(0.0, 1.0)
        away = (wx - along * ex).square_() + (wy - along * ey).square_()
        squared = away if squared is None else torch.minimum(squared, away)
        within = wy * ex > wx * ey
        if mirrors == 1:  # a ray to the right meets the outline an odd number of times: inside
            crosses = ((y >= ay) != (y >= by)) & (within if ey > 0 else ~within)
            inside = crosses if inside is None else inside ^ crosses
        else:
            inside = within if inside is None else inside & within
    if squared is None or inside is None:
        raise ValueError(f"shape {shape!r}")
    distance = squared.sqrt_()
    return torch.where(inside, -distance, distance)


def _fold(x: Tensor, y: Tensor, mirrors: int) -> tuple[Tensor, Tensor]:
    """Reflect every point into the wedge right of straight up; distances stay the same.

    All the outline that is nearest to a point of the wedge lies in the wedge, because a
    reflection brings the two closer. It is `180 / mirrors` degrees wide.
    """
    x = x.abs()
    # The wedge's other wall; (nx, ny) points into the wedge.
    wall = np.pi / mirrors
    nx, ny = -float(np.cos(wall)), -float(np.sin(wall))
    for number in range(1, mirrors):
        if number % 2 == 0:
            x = x.abs()
            continue
        beyond = (x * nx + y * ny).clamp_(max=0.0).mul_(2.0)
        x, y = x - beyond * nx, y - beyond * ny
    return x, y


@cache
def _farthest(shape: str) -> float:
    """Greatest distance of an outline from its centre, in radii; a square's corners stick out."""
    corners = polygon(shape)
    return 1.0 if corners is None else float(np.hypot(corners[:, 0], corners[:, 1]).max())


_Point = tuple[float, float]


@cache
def _path(shape: str) -> list[tuple[_Point, _Point]]:
    """The edges of a polygon that lie in its wedge, clockwise.

    If the wedge has but these, a point of it is inside if it is on the inner side of all; a shape
    of a single mirror may be anything.
    """
    corners = polygon(shape)
    if corners is None:
        raise ValueError(f"shape {shape!r}")
    middle = 0.5 * (corners[0] + corners[1])
    path = {
        "triangle": [corners[0], middle],
        "square": [middle, corners[1]],
        "star": [corners[0], corners[1]],
        "diamond": [corners[0], corners[1]],
        "cross": [middle, corners[1], corners[2]],
        "heart": list(corners[: len(corners) // 2 + 1]),
    }[shape]
    points = [(float(x), float(y)) for x, y in path]
    return list(pairwise(points))


def _chunk(device: torch.device) -> int:
    return _CHUNK if device.type == "cpu" else _CHUNK_ELSEWHERE


def _tensor(values: NDArray[np.float64], device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)
