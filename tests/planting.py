"""Planted cells: does the feature that a changed cell moves most sit where the layout says?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toy import make_clip
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import EncodeOptions, TokenLayout


def check_planted_cells(
    model: VideoMLLM,
    size: tuple[int, int],
    options: EncodeOptions,
    *,
    frames: int = 1,
    spots: Iterable[tuple[int, int]] | None = None,
) -> TokenLayout:
    """Change the pixels of cells of a grey clip one by one, and look for what moved most.

    Args:
        model: a toy.
        size: (height, width) of the frames.
        options: how they are shown.
        frames: of the clip; all show the same.
        spots: (row, column) of the cells; default the corners of what lies on the frame, its middle
            and a cell near it.

    Returns:
        The layout, for further checks.
    """
    height, width = size
    grey = make_clip(np.full((frames, height, width, 3), 127, dtype=np.uint8))
    before = model.encode(grey, options)
    layout = before.layout
    _, rows, columns = layout.grid
    left, top, right, bottom = layout.view_xyxy

    def middle(number: int, count: int, start: float, end: float) -> float:
        return start + (end - start) * (number + 0.5) / count

    ys = [y for y in range(rows) if 0 < middle(y, rows, top, bottom) < 1]
    xs = [x for x in range(columns) if 0 < middle(x, columns, left, right) < 1]
    if spots is None:
        spots = {(y, x) for y in (ys[0], ys[-1]) for x in (xs[0], xs[-1])}
        spots |= {(ys[len(ys) // 2], xs[len(xs) // 2]), (ys[len(ys) // 3], xs[2 * len(xs) // 3])}
    for y, x in sorted(spots):
        # Only the middle of the cell, so that resizing does not spill into the neighbours.
        y1, y2 = ((top + (bottom - top) * (y + part) / rows) * height for part in (0.15, 0.85))
        x1, x2 = ((left + (right - left) * (x + part) / columns) * width for part in (0.15, 0.85))
        y1, x1 = max(round(y1), 0), max(round(x1), 0)
        pixels = grey.frames.copy()
        pixels[:, y1 : max(round(y2), y1 + 1), x1 : max(round(x2), x1 + 1)] = (255, 0, 40)
        after = model.encode(replace(grey, frames=pixels), options).features
        moved = int((after - before.features).norm(dim=-1).argmax())
        where = np.argwhere(layout.cells == moved).tolist()
        assert moved in layout.cells[:, y, x], f"planted at {(y, x)}, found at {where}"
    return layout
