"""Which of the tracks found are worth proposing, and in which order."""

from __future__ import annotations

import numpy as np

from zerotube.geometry.boxes import box_area, paired_intersection, paired_iou
from zerotube.geometry.masks import decode_mask
from zerotube.proposals.fragments.overlap import mask_ious
from zerotube.proposals.fragments.types import MOTION_KIND, PLAIN_KIND, Fragment

_STILL = 0.15
"""A track whose pixels look like the median background to this degree counts as still."""

_COMPARED = 12
"""Shared frames, spread evenly, at which the masks of two tracks are compared."""


def drop_brief(fragments: list[Fragment], *, min_frames: int) -> list[Fragment]:
    """Leave out tracks seen at fewer than ``min_frames`` processed frames."""
    return [track for track in fragments if int(track.observed.sum()) >= min_frames]


def drop_echoes(fragments: list[Fragment], *, iou: float, merge: bool = False) -> list[Fragment]:
    """Of tracks that follow the same object keep the first.

    Args:
        fragments: best first.
        iou: two tracks are the same object if they overlap by this on average (masks where both
            have masks, else boxes), over at least 70% of the frames of the shorter one.
        merge: whether the first is continued by the others where it has no frames.
    """
    kept: list[Fragment] = []
    for track in fragments:
        for place, other in enumerate(kept):
            if _same_object(track, other, iou):
                if merge:
                    extra = track.take(~np.isin(track.frames, other.frames))
                    kept[place] = other.joined(extra) if len(extra) else other
                break
        else:
            kept.append(track)
    return kept


def _same_object(a: Fragment, b: Fragment, iou: float) -> bool:
    """Whether two tracks share most frames and, there, most of their masks or boxes."""
    if not (a.masks_rle and b.masks_rle):
        return _same_boxes(a, b, iou)
    # Masks are dear to compare: their boxes must overlap at all before they are decoded.
    if not _same_boxes(a, b, 0.1):
        return False
    shared = np.array(sorted(a.masks_rle.keys() & b.masks_rle.keys()), dtype=np.int64)
    if len(shared) < 0.7 * min(len(a.masks_rle), len(b.masks_rle)):
        return False
    some = np.unique(np.linspace(0, len(shared) - 1, _COMPARED).round().astype(int))
    overlaps = [
        mask_ious(decode_mask(a.masks_rle[frame]), [decode_mask(b.masks_rle[frame])])[0]
        for frame in shared[some].tolist()
    ]
    return float(np.mean(overlaps)) >= iou


def _same_boxes(a: Fragment, b: Fragment, iou: float) -> bool:
    shared, in_a, in_b = np.intersect1d(a.frames, b.frames, assume_unique=True, return_indices=True)
    if len(shared) < 0.7 * min(len(a), len(b)):
        return False
    return bool(paired_iou(a.boxes_xyxy[in_a], b.boxes_xyxy[in_b]).mean() >= iou)


def keep_wholes(fragments: list[Fragment]) -> list[Fragment]:
    """Of the many-coloured tracks of a plain scene keep the true wholes.

    A whole holds at least two tracks of one colour for most of their lives (a person: shirt,
    trousers), or none at all. Objects that only touch for a while are not a whole.
    """
    parts = [track for track in fragments if track.kind != PLAIN_KIND]
    return parts + [
        track
        for track in fragments
        if track.kind == PLAIN_KIND
        and (not parts or sum(_holds(track, part) for part in parts) >= 2)
    ]


def _holds(whole: Fragment, part: Fragment) -> bool:
    """Whether ``part`` lies in ``whole`` for 80% of its life."""
    _, in_part, in_whole = np.intersect1d(
        part.frames, whole.frames, assume_unique=True, return_indices=True
    )
    shared = paired_intersection(part.boxes_xyxy[in_part], whole.boxes_xyxy[in_whole])
    inside = shared > 0.9 * box_area(part.boxes_xyxy[in_part])
    return bool(inside.sum() >= 0.8 * len(part))


def rank(track: Fragment, processed: int, picture: float, *, plain: bool) -> float:
    """How much a track looks like an object that someone would talk about.

    Roots keep what is seen briefly or is small in the race; on a cluttered scene, what moves comes
    before what merely has a colour of its own.

    Args:
        track: on the processed frames.
        processed: number of processed frames of the video.
        picture: area of the picture, square pixels.
        plain: whether the scene is plain, where resting objects count as much as moving ones.
    """
    seen = float(track.observed.sum()) / processed
    if track.kind == MOTION_KIND:
        seen *= seen  # pieces of something that moves come and go; a whole stays
    area = float(np.median(box_area(track.boxes_xyxy) * track.fill)) / picture
    moves = 1.0 if plain else 0.2 + track.moving
    score = float(track.scores.mean())
    return float(seen**0.5 * min(1.0, area / 0.02) ** 0.25 * score * moves)


def limit_still(fragments: list[Fragment], most: int) -> tuple[list[Fragment], int]:
    """Keep at most ``most`` tracks that hardly move; also how many were left out."""
    kept: list[Fragment] = []
    still = 0
    for track in fragments:
        if track.moving < _STILL:
            still += 1
            if still > most:
                continue
        kept.append(track)
    return kept, max(0, still - most)
