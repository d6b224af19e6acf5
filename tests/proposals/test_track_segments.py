"""Tracks of a whole video, cut to a part of it."""

from __future__ import annotations

import numpy as np

from zerotube.geometry.spans import Span
from zerotube.proposals.segment import within
from zerotube.proposals.types import Track, TrackSet


def track(number: int, frames: list[int]) -> Track:
    count = len(frames)
    boxes = np.array([[f, 0, f + 5, 5] for f in frames], np.float32)
    masks = tuple({"size": [9, 9], "counts": str(f)} for f in frames)
    return Track(
        number, np.array(frames), boxes, np.ones(count, bool), np.ones(count, np.float32), masks
    )


def test_what_lies_inside_is_kept_and_renumbered() -> None:
    whole = TrackSet((track(4, [1, 3, 5, 9]), track(7, [0, 1])), 10, 64, 48, "file")
    part = within(whole, Span(3, 8))
    assert (part.frame_count, [item.track_id for item in part]) == (6, [4])
    kept = part.by_id(4)
    assert kept.frame_indices.tolist() == [0, 2]
    assert kept.boxes_xyxy[:, 0].tolist() == [3, 5]
    assert kept.masks_rle is not None
    assert [mask["counts"] for mask in kept.masks_rle if mask] == ["3", "5"]


def test_nothing_inside_leaves_nothing() -> None:
    whole = TrackSet((track(7, [0, 1]),), 10, 64, 48, "file")
    assert len(within(whole, Span(5, 6))) == 0
