"""Track and frame scores (Eq. 2, method section 5): how much of the attention an object gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.method.config import Support, TrackScore
from zerotube.proposals.types import Track, TrackSet

if TYPE_CHECKING:
    from zerotube.mllm.types import TokenLayout


def frame_scores(
    attention: NDArray[np.float32],
    tracks: TrackSet,
    frame_indices: NDArray[np.int64],
    layout: TokenLayout,
    support: Support,
    score: TrackScore = "max",
) -> NDArray[np.float64]:
    """S_frame of every candidate: max over (y, x) of A_g * mask, frame by frame.

    Args:
        attention: ``(T, h, w)``.
        tracks: P candidates.
        frame_indices: int64 ``(N,)``, the sampled frames.
        layout: says which step of the map shows each sampled frame.
        support: "box", or "mask" (see ``Track.mask_at``; the box for a track without masks, and
            where the mask reaches no cell).
        score: "max", or "mean" for the mean over (y, x), weighted by the mask.

    Returns:
        float64 ``(P, N)``, 0 where the candidate is not visible. The track score s_p of Eq. 2 is
        the maximum of its row.
    """
    scores = np.zeros((len(tracks), len(frame_indices)))
    shown = attention[layout.step_of_frame].astype(np.float64)
    for row, track in enumerate(tracks):
        weights = _cell_weights(track, tracks, frame_indices, layout, support)
        inside = (shown * weights).reshape(len(frame_indices), -1)
        if score == "max":
            scores[row] = inside.max(axis=1)
        else:
            covered = weights.reshape(len(frame_indices), -1).sum(axis=1)
            scores[row] = inside.sum(axis=1) / np.where(covered > 0.0, covered, 1.0)
    return scores


def seen_in(tracks: TrackSet, frame_indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which sampled frames show which candidate, ``(P, N)``."""
    return np.array([track.boxes_at(frame_indices)[1] for track in tracks], dtype=np.bool_).reshape(
        len(tracks), len(frame_indices)
    )


def mean_while_seen(
    scores: NDArray[np.float64],
    seen: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Mean of frame scores over the frames that show the candidate.

    Args:
        scores: float64 ``(P, N)``.
        seen: bool ``(P, N)``.
        weights: float64 ``(N,)`` above 0, how much each frame counts; None: all the same.

    Returns:
        float64 ``(P,)``, 0 where no frame shows the candidate.
    """
    counted = seen * (np.ones(seen.shape[1]) if weights is None else weights)
    total = counted.sum(axis=1)
    found = (scores * counted).sum(axis=1) / np.where(total > 0.0, total, 1.0)
    return np.asarray(found, dtype=np.float64)


def _cell_weights(
    track: Track,
    tracks: TrackSet,
    frame_indices: NDArray[np.int64],
    layout: TokenLayout,
    support: Support,
) -> NDArray[np.float64]:
    """How much each cell of each sampled frame belongs to a track, ``(N, h, w)`` in [0, 1]."""
    _, height, width = layout.grid
    boxes, visible = track.boxes_at(frame_indices)
    weights = np.zeros((len(frame_indices), height, width))
    weights[visible] = box_weights(
        boxes[visible], (tracks.height, tracks.width), (height, width), layout.view_xyxy
    )
    if support == "mask":
        _replace_by_masks(weights, track, frame_indices, visible, layout)
    return weights


def pixel_frame_scores(
    attention: NDArray[np.float32],
    tracks: TrackSet,
    frame_indices: NDArray[np.int64],
    layout: TokenLayout,
    support: Support,
) -> NDArray[np.float64]:
    """S_frame as the reference's released code has it: the map at the frame's pixels (section 11).

    The map is scaled up to the frame bilinearly, and its maximum over the pixels of a candidate's
    box or mask is taken, frame by frame. Pixels that the map does not cover count 0.

    Args, returns: as ``frame_scores``.
    """
    scores = np.zeros((len(tracks), len(frame_indices)))
    left, top, right, bottom = layout.view_xyxy
    _, height, width = layout.grid
    rows = _upscaling(tracks.height, height, top, bottom)
    columns = _upscaling(tracks.width, width, left, right)
    found = [track.boxes_at(frame_indices) for track in tracks]
    for position, step in enumerate(layout.step_of_frame):
        pixels = rows @ attention[step].astype(np.float64) @ columns.T
        for row, (track, (boxes, visible)) in enumerate(zip(tracks, found, strict=True)):
            if not visible[position]:
                continue
            mask = track.mask_at(int(frame_indices[position])) if support == "mask" else None
            inside = _box_pixels(pixels, boxes[position]) if mask is None else pixels[mask]
            scores[row, position] = inside.max(initial=0.0)
    return scores


def _upscaling(length: int, cells: int, start: float, end: float) -> NDArray[np.float64]:
    """Bilinear weights ``(length, cells)`` of the cells of one axis at each of its pixels."""
    fractions = (np.arange(length) + 0.5) / length
    places = (fractions - start) / (end - start) * cells - 0.5
    covered = (places >= -0.5) & (places <= cells - 0.5)
    places = places.clip(0.0, cells - 1.0)
    return np.maximum(1.0 - np.abs(places[:, None] - np.arange(cells)), 0.0) * covered[:, None]


def _box_pixels(pixels: NDArray[np.float64], box_xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pixels whose centre lies in a box, or the one that holds the centre of a smaller box."""
    bounds = []
    for first, last, length in zip(box_xyxy[1::-1], box_xyxy[:1:-1], pixels.shape, strict=True):
        begin, stop = (int(np.ceil(float(side) - 0.5)) for side in (first, last))
        if begin >= stop:
            begin = int(np.floor((float(first) + float(last)) / 2))
            stop = begin + 1
        bounds.append(slice(max(begin, 0), max(min(stop, length), 0)))
    return pixels[bounds[0], bounds[1]]


def box_weights(
    boxes_xyxy: NDArray[np.float32],
    image_size: tuple[int, int],
    grid: tuple[int, int],
    view_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> NDArray[np.float64]:
    """Boxes as masks on the grid, resampled bilinearly from pixel masks.

    A box is a product of two intervals, so its mask is resampled exactly along each axis and
    multiplied, without ever drawing it at the video's size. A box that reaches no cell centre would
    vanish; it counts for the cell its own centre lies in.

    Args:
        boxes_xyxy: float32 ``(n, 4)``, pixels.
        image_size: (height, width) in pixels.
        grid: (h, w) in cells.
        view_xyxy: part of the frame the grid covers, as fractions.

    Returns:
        float64 ``(n, h, w)`` in [0, 1].
    """
    height, width = image_size
    left, top, right, bottom = view_xyxy
    columns = _interval_weights(boxes_xyxy[:, [0, 2]], width, grid[1], left, right)
    rows = _interval_weights(boxes_xyxy[:, [1, 3]], height, grid[0], top, bottom)
    return np.asarray(rows[:, :, None] * columns[:, None, :], dtype=np.float64)


def _centres(length: int, cells: int, start: float, end: float) -> NDArray[np.float64]:
    """Pixel coordinates at which the cells of one axis are sampled."""
    fractions = start + (np.arange(cells) + 0.5) / cells * (end - start)
    return fractions * length - 0.5


def _on_frame(centres: NDArray[np.float64], length: int) -> NDArray[np.bool_]:
    """Whether a cell's centre lies on the frame, and not in what was padded to it."""
    return (centres >= -0.5) & (centres <= length - 0.5)


def _interval_weights(
    intervals: NDArray[np.float32], length: int, cells: int, start: float, end: float
) -> NDArray[np.float64]:
    centres = _centres(length, cells, start, end)
    low = np.clip(np.floor(centres), 0, length - 1)
    high = np.clip(low + 1, 0, length - 1)
    share = np.clip(centres - low, 0.0, 1.0)
    begin, finish = intervals[:, :1].astype(np.float64), intervals[:, 1:].astype(np.float64)

    def inside(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        middle = pixels[None] + 0.5
        return np.asarray((middle >= begin) & (middle < finish), dtype=np.float64)

    weights: NDArray[np.float64] = (1 - share) * inside(low) + share * inside(high)
    weights[:, ~_on_frame(centres, length)] = 0.0
    for row in np.flatnonzero(weights.max(axis=1) == 0):
        middle = (begin[row, 0] + finish[row, 0]) / 2 / length
        cell = int(np.floor((middle - start) / (end - start) * cells))
        if 0 <= cell < cells:
            weights[row, cell] = 1.0
    return weights


def _replace_by_masks(
    weights: NDArray[np.float64],
    track: Track,
    frame_indices: NDArray[np.int64],
    visible: NDArray[np.bool_],
    layout: TokenLayout,
) -> None:
    """Overwrite box weights by mask weights, in place, wherever a mask reaches a cell."""
    for position in np.flatnonzero(visible):
        mask = track.mask_at(int(frame_indices[position]))
        if mask is None:
            return  # a track without any mask keeps its boxes
        on_grid = mask_weights(mask, weights.shape[1:], layout.view_xyxy)
        if on_grid.any():
            weights[position] = on_grid


def mask_weights(
    mask: NDArray[np.bool_],
    grid: tuple[int, ...],
    view_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> NDArray[np.float64]:
    """A pixel mask ``(H, W)`` sampled bilinearly at the cell centres, float64 ``(h, w)``."""
    height, width = mask.shape
    left, top, right, bottom = view_xyxy
    ys = _centres(height, grid[0], top, bottom)
    xs = _centres(width, grid[1], left, right)
    y0 = np.clip(np.floor(ys), 0, height - 1).astype(int)
    x0 = np.clip(np.floor(xs), 0, width - 1).astype(int)
    y1, x1 = np.minimum(y0 + 1, height - 1), np.minimum(x0 + 1, width - 1)
    fy = np.clip(ys - y0, 0, 1)[:, None]
    fx = np.clip(xs - x0, 0, 1)[None]
    values = mask.astype(np.float64)
    upper = values[np.ix_(y0, x0)] * (1 - fx) + values[np.ix_(y0, x1)] * fx
    lower = values[np.ix_(y1, x0)] * (1 - fx) + values[np.ix_(y1, x1)] * fx
    weights: NDArray[np.float64] = upper * (1 - fy) + lower * fy
    weights[~_on_frame(ys, height)] = 0.0
    weights[:, ~_on_frame(xs, width)] = 0.0
    return weights
