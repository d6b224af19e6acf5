"""Draws a stage: frames, and the box of what can be seen of every object in them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.layout import trajectory
from zerotube.synth.sample import SynthSample
from zerotube.synth.stage import RICH, SHIFT, Stage, set_stage
from zerotube.synth.world import coverage, extent

_SEEN = 0.3
"""A pixel belongs to an object if at least this share of it shows it: less is a faint rim."""

Patch = tuple[slice, slice, NDArray[np.float32]]
"""Rows, columns, and the share of each of their pixels, float32 0..1."""


def set_sample(name: str, index: int, seed: int | None = None, *, side: int = 224) -> SynthSample:
    """One sample of a test set, drawn.

    Args:
        name: one of `zerotube.synth.SETS`.
        index: number within the set, from 0.
        seed: series of samples; None for the published one.
        side: pixels of the square frames; in "rich" of the shorter side.

    Returns:
        The sample; its boxes are those of the visible parts.
    """
    if name == RICH:
        # PyTorch draws them; whoever asks for the other sets need not load it.
        from zerotube.synth.rich.samples import rich_sample

        return rich_sample(index, seed, side=side)
    return draw(set_stage(name, index, seed), side)


def draw(stage: Stage, side: int = 224) -> SynthSample:
    """Draw the frames of a stage.

    Args:
        stage: the facts.
        side: pixels of the square frames.
    """
    target = stage.objects[stage.target]
    frames = np.empty((stage.frame_count, side, side, 3), np.uint8)
    boxes = whole_boxes(stage, side)
    paths = [trajectory(item, stage.frame_count) for item in stage.objects]
    ground = _Ground(stage, side)
    for frame, picture in enumerate(frames):
        picture[:] = ground.at(frame)
        shift = stage.shifts[frame]
        for number, item in enumerate(stage.objects):
            x, y, size = paths[number][frame]
            centre = (x + shift[0]) * side, (y + shift[1]) * side
            patch = coverage(item.shape, item.angle, centre, 0.5 * size * side, side, side)
            if patch is None:
                continue
            _blend(picture, patch, item.rgb)
            if stage.occluder is not None:
                boxes[number, frame] = _visible(boxes[number, frame], patch, stage, frame, side)
        if stage.occluder is not None:
            everything = slice(0, side), slice(0, side)
            down, across = stage.occluder.shares(frame, side, *everything)
            rows, cols = _inside(down), _inside(across)
            share = down[rows, None] * across[None, cols]
            _blend(picture, (rows, cols, share), stage.occluder.rgb)
    return SynthSample(
        sample_id=stage.sample_id,
        kind=stage.name,
        query=f"the {target.label} {stage.asked.action}",
        attribute=f"the {target.label}",
        action=f"the {target.shape} {stage.asked.action}",
        noun=target.shape,
        frames=frames,
        fps=stage.fps,
        boxes_xyxy=boxes,
        labels=tuple(item.label for item in stage.objects),
        target=stage.target,
        start_frame=stage.asked.start_frame,
        end_frame=stage.asked.end_frame,
        tags=stage.tags,
    )


def whole_boxes(stage: Stage, side: int) -> NDArray[np.float32]:
    """The tight box of every object, as if nothing hid any of it.

    Returns:
        float32 (objects, frames, 4): x1, y1, x2, y2 in pixels, clipped to the frame.
    """
    out = np.empty((len(stage.objects), stage.frame_count, 4), np.float32)
    for row, item in zip(out, stage.objects, strict=True):
        path = trajectory(item, stage.frame_count)
        low, high = extent(item.shape, item.angle)
        centres, radii = path[:, :2] + stage.shifts, 0.5 * path[:, 2:]
        row[:, :2] = (centres + low * radii) * side
        row[:, 2:] = (centres + high * radii) * side
    return out.clip(0, side)


class _Ground:
    """The empty frame; seen by a moving camera, a part of a larger picture."""

    def __init__(self, stage: Stage, side: int) -> None:
        self._moves = bool(stage.shifts.any())
        self._margin = math.ceil(SHIFT * side) + 1 if self._moves else 0
        self._wide = stage.backdrop.draw(side, self._margin)
        self._still = _bytes(self._wide)
        self._shifts = stage.shifts * side
        self._side = side

    def at(self, frame: int) -> NDArray[np.uint8]:
        """uint8 (side, side, 3)."""
        if not self._moves:
            return self._still
        # Content moves by +shift, so the window moves the other way; between pixels, bilinear.
        x, y = self._margin - self._shifts[frame]
        left, top = int(x), int(y)
        right, down = np.float32(x - left), np.float32(y - top)
        part = self._wide[top : top + self._side + 1, left : left + self._side + 1]
        part = part[:-1] + down * (part[1:] - part[:-1])
        return _bytes(part[:, :-1] + right * (part[:, 1:] - part[:, :-1]))


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(picture).astype(np.uint8)


def _blend(picture: NDArray[np.uint8], patch: Patch, rgb: tuple[float, float, float]) -> None:
    rows, cols, share = patch
    view = picture[rows, cols]
    mixed = view + share[..., None] * (np.asarray(rgb, np.float32) - view)
    view[:] = np.rint(mixed).clip(0, 255)


def _inside(shares: NDArray[np.float32]) -> slice:
    """From the first to the last that is covered at all; empty if none is."""
    found = np.flatnonzero(shares)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _visible(
    box: NDArray[np.float32], patch: Patch, stage: Stage, frame: int, side: int
) -> NDArray[np.float32]:
    """The box of the visible part: each edge that the occluder cut off moves to where it ends.

    An edge that it left alone keeps its exact place, which pixels know only by half a pixel.
    """
    if stage.occluder is None:
        return box
    rows, cols, alpha = patch
    down, across = stage.occluder.shares(frame, side, rows, cols)
    if not (down.any() and across.any()):
        return box
    before = _pixel_box(patch, alpha)
    after = _pixel_box(patch, alpha * (1.0 - down[:, None] * across[None, :]))
    return np.where(before == after, box, after)


def _pixel_box(patch: Patch, share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bounds of the pixels that show the object, float32 (4,)."""
    rows, cols, _ = patch
    down, across = np.nonzero(share >= _SEEN)
    return np.array(
        [
            cols.start + across.min(),
            rows.start + down.min(),
            cols.start + across.max() + 1,
            rows.start + down.max() + 1,
        ],
        dtype=np.float32,
    )
