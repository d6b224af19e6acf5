"""A box for every frame: interpolation against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tube.scene import make_track
from zerotube.geometry.spans import Span
from zerotube.proposals.types import Track
from zerotube.tube.densify import cut_to_span, densify


@st.composite
def some_tracks(draw: st.DrawFn) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, 80), min_size=1, max_size=12)))
    number = st.floats(-200, 2000, width=32)
    size = st.floats(1, 500, width=32)
    boxes = []
    for _ in frames:
        x, y = draw(number), draw(number)
        boxes.append([x, y, x + draw(size), y + draw(size)])
    return make_track(1, frames, boxes)


def loop(track: Track) -> dict[int, list[float]]:
    held = {
        int(f): [float(v) for v in box]
        for f, box in zip(track.frame_indices, track.boxes_xyxy, strict=True)
    }
    boxes = {}
    for frame in range(min(held), max(held) + 1):
        before = max(f for f in held if f <= frame)
        after = min(f for f in held if f >= frame)
        share = 0.0 if after == before else (frame - before) / (after - before)
        boxes[frame] = [a + share * (b - a) for a, b in zip(held[before], held[after], strict=True)]
    return boxes


@given(some_tracks())
def test_densify_equals_a_loop(track: Track) -> None:
    frames, boxes = densify(track)
    wanted = loop(track)
    assert frames.dtype == np.int64
    assert boxes.dtype == np.float32
    assert frames.tolist() == sorted(wanted)
    np.testing.assert_allclose(boxes, [wanted[f] for f in frames.tolist()], rtol=1e-6, atol=1e-4)


@given(some_tracks())
def test_boxes_that_the_track_holds_come_back_unchanged(track: Track) -> None:
    frames, boxes = densify(track)
    np.testing.assert_array_equal(boxes[np.isin(frames, track.frame_indices)], track.boxes_xyxy)


@given(some_tracks(), st.integers(0, 90), st.integers(0, 30))
def test_a_cut_keeps_the_frames_inside_and_only_them(track: Track, start: int, more: int) -> None:
    frames, boxes = densify(track)
    kept, kept_boxes = cut_to_span(frames, boxes, Span(start, start + more))
    wanted = {
        f: b for f, b in zip(frames.tolist(), boxes, strict=True) if start <= f <= start + more
    }
    assert kept.tolist() == list(wanted)
    assert kept_boxes.shape == (len(wanted), 4)
    for box, other in zip(kept_boxes, wanted.values(), strict=True):
        np.testing.assert_array_equal(box, other)


def test_nothing_is_extrapolated() -> None:
    frames, boxes = densify(make_track(1, [10, 14], [[0, 0, 10, 10], [40, 8, 60, 30]]))
    assert frames.tolist() == [10, 11, 12, 13, 14]
    assert boxes[2].tolist() == [20, 4, 35, 20]


def test_one_frame_stays_one_frame() -> None:
    frames, boxes = densify(make_track(1, [7], [[1, 2, 3, 4]]))
    assert (frames.tolist(), boxes.tolist()) == ([7], [[1, 2, 3, 4]])


def test_a_long_gap_is_bridged() -> None:
    frames, boxes = densify(make_track(1, [0, 1000], [[0, 0, 10, 10], [1000, 0, 1010, 10]]))
    assert len(frames) == 1001
    assert boxes[:, 0] == pytest.approx(np.arange(1001))
