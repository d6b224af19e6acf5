"""From fragments to whole tracks: join, fix, fill.

Every function takes fragments on the processed frames and returns new ones. Times are given in
source frames ("steps" apart when the video is processed at a stride).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import box_area, interpolate_boxes, paired_intersection
from zerotube.proposals.fragments.types import Fragment

_SAME_COLOUR = 12.0
"""Distance in weighted Lab up to which two fragments may be one object."""

_DEVIATION = 0.2
"""A side this much off its running median, while in contact, is not the object's own."""


def stitch(fragments: list[Fragment], *, max_gap: int, step: int) -> list[Fragment]:
    """Join fragments of one object: like colour, like size, near where it was last seen.

    Pairs are taken cheapest first; each fragment gets at most one successor and one predecessor.

    Args:
        fragments: any order.
        max_gap: longest absence, source frames.
        step: source frames between processed ones.
    """
    candidates: list[tuple[float, int, int]] = []
    starts = np.array([fragment.frames[0] for fragment in fragments], dtype=np.int64)
    by_start = np.argsort(starts, kind="stable")
    for first, a in enumerate(fragments):
        end = a.frames[-1]
        low, high = np.searchsorted(starts[by_start], [end + 1, end + max_gap + 1])
        for second in by_start[low:high].tolist():
            b = fragments[second]
            gap = int(b.frames[0] - end)
            if a.kind == b.kind:
                cost = _stitch_cost(a, b, gap, max_gap, step)
                if cost is not None:
                    candidates.append((cost, first, second))
    following: dict[int, int] = {}
    preceded: set[int] = set()
    for _, first, second in sorted(candidates):
        if first not in following and second not in preceded:
            following[first] = second
            preceded.add(second)
    joined = []
    for index in range(len(fragments)):
        if index in preceded:
            continue
        chain = [fragments[index]]
        while index in following:
            index = following[index]
            chain.append(fragments[index])
        joined.append(_concatenate(chain))
    return joined


def _stitch_cost(a: Fragment, b: Fragment, gap: int, max_gap: int, step: int) -> float | None:
    """How unlikely it is that ``b`` continues ``a`` (lower is better), None if it does not."""
    colour = 0.0
    if a.colour is not None and b.colour is not None:
        colour = float(np.linalg.norm(a.colour - b.colour))
    if colour > _SAME_COLOUR:
        return None
    last, first = a.boxes_xyxy[-1], b.boxes_xyxy[0]
    ratio = float(box_area(last[None])[0] / max(box_area(first[None])[0], 1e-9))
    if not 0.4 < ratio < 2.5:
        return None
    diagonal = 0.5 * float(
        np.linalg.norm(last[2:] - last[:2]) + np.linalg.norm(first[2:] - first[:2])
    )
    move = _centre(first) - _centre(last)
    # Either it rested behind whatever hid it, or it went on as it did before or does after.
    ways = [np.zeros(2), _velocity(a, at_end=True) * gap, _velocity(b, at_end=False) * gap]
    distance = min(float(np.linalg.norm(move - way)) for way in ways) / max(diagonal, 1e-9)
    if distance > 0.5 + 0.5 * (gap - step) / max_gap:
        return None
    return distance + gap / max_gap + colour / _SAME_COLOUR


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (box[:2] + box[2:]))


def _velocity(fragment: Fragment, *, at_end: bool) -> NDArray[np.float64]:
    """Mean motion over the last (first) few frames, pixels per source frame."""
    few = min(4, len(fragment))
    if few < 2:
        return np.zeros(2)
    rows = slice(-few, None) if at_end else slice(0, few)
    boxes, frames = fragment.boxes_xyxy[rows], fragment.frames[rows]
    return (_centre(boxes[-1]) - _centre(boxes[0])) / float(frames[-1] - frames[0])


def _concatenate(chain: list[Fragment]) -> Fragment:
    if len(chain) == 1:
        return chain[0]
    lengths = [float(len(part)) for part in chain]
    moving = float(np.average([part.moving for part in chain], weights=lengths))
    colours = [part.colour for part in chain if part.colour is not None]
    colour = None
    if len(colours) == len(chain):
        colour = np.average(colours, axis=0, weights=lengths).astype(np.float32)
    return replace(chain[0].joined(*chain[1:]), colour=colour, moving=moving)


def fill_gaps(
    fragment: Fragment, *, max_gap: int, step: int, hidden: NDArray[np.int64] | None = None
) -> Fragment:
    """Interpolate over short absences.

    Args:
        fragment: on the processed frames.
        max_gap: longest distance between two seen frames that is filled, source frames.
        step: source frames between processed ones; filled frames lie on that grid.
        hidden: frames at which the object is known to be there though unseen (behind another):
            an absence made of such frames is filled however long it is.

    Returns:
        The fragment with more frames, ``observed`` False there and the nearer score kept.
    """
    gaps = np.diff(fragment.frames)
    new: list[NDArray[np.int64]] = []
    known = set() if hidden is None else set(hidden.tolist())
    for row in np.flatnonzero(gaps > step).tolist():
        frames = np.arange(fragment.frames[row] + step, fragment.frames[row + 1], step)
        if gaps[row] <= max_gap or all(frame in known for frame in frames.tolist()):
            new.append(frames)
    if not new:
        return fragment
    return at_frames(fragment, np.union1d(fragment.frames, np.concatenate(new)))


def at_frames(fragment: Fragment, frames: NDArray[np.int64]) -> Fragment:
    """The fragment at exactly these frames; where it has none, interpolated and not observed.

    Args:
        fragment: any.
        frames: int64 ``(k,)``, strictly increasing.
    """
    place = np.minimum(np.searchsorted(fragment.frames, frames), len(fragment) - 1)
    present = fragment.frames[place] == frames
    before = np.maximum(place - 1, 0)
    nearer_before = frames - fragment.frames[before] < fragment.frames[place] - frames
    source = np.where(present | ~nearer_before, place, before)
    return replace(
        fragment,
        frames=frames.astype(np.int64),
        boxes_xyxy=interpolate_boxes(fragment.frames, fragment.boxes_xyxy, frames),
        observed=present & fragment.observed[source],
        scores=fragment.scores[source],
        fill=fragment.fill[source],
    )


def fix_contacts(fragments: list[Fragment], *, window: int, step: int) -> list[Fragment]:
    """Undo what a meeting of two objects does to their boxes.

    While objects touch, the one behind looks cut off, and two of one colour look like one large
    thing, of which one track gets the box and the other nothing. Both are seen in the sides of the
    box leaving their running median during a contact; such boxes are interpolated from before and
    after. Absences behind another track are filled the same way.

    Args:
        fragments: stitched tracks.
        window: longest contact that is fixed, source frames.
        step: source frames between processed ones.
    """
    reach = 2 * max(1, round(window / step)) + 1
    hidden = [
        _hidden_frames(track, index, fragments, step) for index, track in enumerate(fragments)
    ]
    filled = [
        fill_gaps(track, max_gap=step, step=step, hidden=frames)
        for track, frames in zip(fragments, hidden, strict=True)
    ]
    fixed = []
    for index, track in enumerate(filled):
        off = _off_median(track, reach) & _touching(track, index, filled)
        off &= _short_runs(off, track.frames, window)
        good = track.take(~off)
        if not off.any() or len(good) < 2:
            fixed.append(track)
            continue
        # Slivers seen beside what hides an object are gone now, and it is whole on either side.
        unseen = _hidden_frames(good, index, filled, step)
        known = np.union1d(unseen, track.frames)
        fixed.append(fill_gaps(good, max_gap=step, step=step, hidden=known))
    return fixed


def _hidden_frames(
    track: Fragment, index: int, tracks: list[Fragment], step: int
) -> NDArray[np.int64]:
    """Processed frames missing from a track at which another track covers where it would be."""
    whole = np.arange(track.frames[0], track.frames[-1] + 1, step)
    missing = np.setdiff1d(whole, track.frames)
    if not len(missing):
        return missing
    boxes = interpolate_boxes(track.frames, track.boxes_xyxy, missing)
    covered = np.zeros(len(missing))
    for other_index, other in enumerate(tracks):
        if other_index == index:
            continue
        shared, mine, theirs = np.intersect1d(
            missing, other.frames, assume_unique=True, return_indices=True
        )
        if len(shared):
            part = paired_intersection(boxes[mine], other.boxes_xyxy[theirs])
            covered[mine] += part / np.maximum(box_area(boxes[mine]), 1e-9)
    return np.asarray(missing[covered > 0.4], dtype=np.int64)


def _touching(track: Fragment, index: int, tracks: list[Fragment]) -> NDArray[np.bool_]:
    """Frames at which the box, a little widened, meets the box of another track."""
    touching = np.zeros(len(track), dtype=np.bool_)
    sides = np.tile(track.boxes_xyxy[:, 2:] - track.boxes_xyxy[:, :2], 2)
    wide = track.boxes_xyxy + 0.1 * sides * np.array([-1, -1, 1, 1])
    for other_index, other in enumerate(tracks):
        if other_index == index:
            continue
        _, mine, theirs = np.intersect1d(
            track.frames, other.frames, assume_unique=True, return_indices=True
        )
        touching[mine] |= paired_intersection(wide[mine], other.boxes_xyxy[theirs]) > 0
    return touching


def _off_median(track: Fragment, reach: int) -> NDArray[np.bool_]:
    """Frames at which width or height leave their running median over ``reach`` frames."""
    from scipy.ndimage import median_filter  # scipy is declared by supervision and trackers

    sides = track.boxes_xyxy[:, 2:] - track.boxes_xyxy[:, :2]
    size = min(reach, len(track) - (len(track) + 1) % 2)
    usual = median_filter(sides, size=(size, 1), mode="nearest")
    return np.asarray((np.abs(sides - usual) > _DEVIATION * usual).any(axis=1), dtype=np.bool_)


def _short_runs(
    flags: NDArray[np.bool_], frames: NDArray[np.int64], longest: int
) -> NDArray[np.bool_]:
    """The runs of True that last at most ``longest`` source frames."""
    kept = flags.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if frames[stop - 1] - frames[start] > longest:
            kept[start:stop] = False
    return kept
