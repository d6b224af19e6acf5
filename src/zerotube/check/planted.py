"""Does each visual feature lie where the layout says, and does attention go where an object is?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from zerotube.check.pictures import frame_count, grey_clip
from zerotube.check.types import CheckLine, Subject
from zerotube.method.config import MethodSettings, preset
from zerotube.method.scoring import box_weights
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import TokenLayout
from zerotube.query.prompts import existence_prompt
from zerotube.video.types import Clip

SIZES = {"wide": (224, 320), "tall": (320, 224)}
"""Height and width in pixels of the frames, by aspect."""

SPOTS = 8
RIGHT = 0.75
"""Least share of spots that are found at their own cell: where every patch sees every other, as in
a trained tower, a change may move another patch's feature further now and then. A layout that is
off by one finds none."""

PAINT = (255, 0, 40)
SQUARE, COLOUR = "the yellow square", (250, 220, 30)
"""Phrase and paint of the object that attention is looked at for."""

_SHARE = 0.28
"""Side of the square, as a share of the frame's shorter side."""


def check_cells(subject: Subject) -> Iterator[CheckLine]:
    """Change the pixels of one cell at a time: the feature that moves most sits at that cell."""
    for aspect, size in SIZES.items():
        layout, missed = planted(subject.model, *size)
        _, height, width = layout.grid
        found = SPOTS - len(missed)
        yield CheckLine(
            f"planted cell, {aspect}",
            "pass" if found >= RIGHT * SPOTS else "fail",
            f"{found} of {SPOTS} found at their own cell of {height} x {width}",
            "; ".join(f"planted at {at}, found at {moved}" for at, moved in missed),
            values={"found": found, "spots": SPOTS, "frame": list(size)},
        )


def planted(
    model: VideoMLLM, height: int, width: int
) -> tuple[TokenLayout, list[tuple[tuple[int, ...], tuple[int, ...] | None]]]:
    """Plant in corners and at random places.

    Args:
        model: whose layout it is.
        height, width: of the frames in pixels.

    Returns:
        The layout, and the cells (step, row, column) that were missed with where the feature was
        found instead; None if in no cell.
    """
    clip = grey_clip(model, height, width)
    context = model.encode(clip)
    layout, before = context.layout, context.features
    steps, rows, columns = layout.grid
    rng = np.random.default_rng(1)
    spots = [(0, 0, 0), (steps - 1, rows - 1, columns - 1)]
    while len(spots) < SPOTS:
        # Twice the same cell only where there are too few of them.
        spots.append(tuple(int(rng.integers(n)) for n in layout.grid))
    missed: list[tuple[tuple[int, ...], tuple[int, ...] | None]] = []
    for spot in spots:
        frames = clip.frames.copy()
        window = cell_pixels(layout, spot, height, width)
        for frame in np.flatnonzero(layout.step_of_frame == spot[0]):
            frames[(frame, *window)] = PAINT
        after = model.encode(replace(clip, frames=frames)).features
        moved = int((after - before).float().norm(dim=-1).argmax())
        if moved != layout.cells[spot]:
            where = np.argwhere(layout.cells == moved)
            missed.append((spot, tuple(map(int, where[0])) if len(where) else None))
    return layout, missed


def cell_pixels(
    layout: TokenLayout, spot: tuple[int, ...], height: int, width: int
) -> tuple[slice, slice]:
    """Rows and columns of the middle of a cell: its rim would spill into the neighbours."""
    left, top, right, bottom = layout.view_xyxy
    _, rows, columns = layout.grid
    _, y, x = spot

    def middle(start: float, end: float, number: int, cells: int, length: int) -> slice:
        low, high = (
            (start + (end - start) * (number + part) / cells) * length for part in (0.15, 0.85)
        )
        low = max(low, 0.0)  # a padded grid reaches past the frame
        return slice(round(low), max(round(high), round(low) + 1))

    return middle(top, bottom, y, rows, height), middle(left, right, x, columns, width)


def check_pointing(subject: Subject) -> Iterator[CheckLine]:
    """A bright square on grey: which role tokens have their highest attention inside it?"""
    model, settings = subject.model, preset("gti")
    grey = grey_clip(model, *SIZES["wide"])
    boxes = _boxes(SIZES["wide"], model.encode(grey).layout.view_xyxy)
    inside, inside_of_choice, chance = [], [], []
    texts: tuple[str, ...] = ()
    for box in boxes:
        frames = grey.frames.copy()
        left, top, right, bottom = (int(edge) for edge in box)
        frames[:, top:bottom, left:right] = COLOUR
        found, texts, layout = _role_maps(model, replace(grey, frames=frames), settings)
        cells = box_weights(box[None], SIZES["wide"], layout.grid[1:], layout.view_xyxy)[0] > 0
        peaks = found.flatten(1).argmax(dim=1).numpy() % cells.size
        hits = cells.reshape(-1)[peaks]
        inside.append(hits)
        inside_of_choice.append(bool(hits[int(found.flatten(1).amax(dim=1).argmax())]))
        chance.append(float(cells.mean()))
    counts = np.sum(inside, axis=0)
    taken = sum(inside_of_choice)
    each = ", ".join(f"{text!r} {count}" for text, count in zip(texts, counts, strict=True))
    yield CheckLine(
        "planted object",
        "info",
        f"GTI's token points at it in {taken} of {len(boxes)} ({np.mean(chance):.0%} by chance)",
        f"times that the maximum of the relative attention lies in the square, of {len(boxes)}: "
        f"{each}; asked for {SQUARE!r} in {frame_count(model)} frames",
        values={
            "places": len(boxes),
            "gti": taken,
            "by_token": [[text, int(count)] for text, count in zip(texts, counts, strict=True)],
            "chance": float(np.mean(chance)),
        },
    )


@torch.no_grad()
def _role_maps(
    model: VideoMLLM, clip: Clip, settings: MethodSettings
) -> tuple[torch.Tensor, tuple[str, ...], TokenLayout]:
    context = model.encode(clip)
    session = ClipSession(model, context, settings)
    maps, texts = session.role_maps(existence_prompt(SQUARE), None)
    return maps.float().cpu(), texts, context.layout


def _boxes(
    size: tuple[int, int], view_xyxy: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Eight places all over the part of the frame that the model sees, corners included.

    Returns:
        float32 ``(8, 4)`` in pixels.
    """
    height, width = size
    side = round(_SHARE * min(size))
    left, top, right, bottom = np.clip(view_xyxy, 0.0, 1.0) * (width, height, width, height)
    across, down = right - left - side, bottom - top - side
    places = [
        *((x, y) for y in (0.0, 1.0) for x in (0.0, 1.0)),
        *((x, y) for y in (0.3, 0.7) for x in (0.25, 0.65)),
    ]
    corners = [(left + x * across, top + y * down) for x, y in places]
    return np.array([(x, y, x + side, y + side) for x, y in corners], np.float32).round()
