"""Joining, filling, mending and choosing tracks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zerotube.proposals.fragments import cleanup, selection
from zerotube.proposals.fragments.types import MOTION_KIND, PLAIN_KIND, Fragment


def fragment(
    frames: list[int],
    boxes: np.ndarray | None = None,
    *,
    at: float = 0.0,
    colour: tuple[float, float, float] = (20.0, 50.0, 30.0),
    kind: int = 0,
    moving: float = 1.0,
) -> Fragment:
    """A fragment with 10 px boxes whose corner is (at, at) unless boxes are given."""
    count = len(frames)
    if boxes is None:
        boxes = np.tile([at, at, at + 10.0, at + 10.0], (count, 1))
    return Fragment(
        frames=np.array(frames, dtype=np.int64),
        boxes_xyxy=np.asarray(boxes, dtype=np.float64),
        observed=np.ones(count, dtype=np.bool_),
        scores=np.full(count, 0.9, dtype=np.float32),
        fill=np.ones(count),
        moving=moving,
        colour=np.array(colour, dtype=np.float32),
        kind=kind,
    )


@given(
    steps=st.lists(st.integers(1, 9), min_size=0, max_size=12),
    step=st.integers(1, 3),
    most=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_gaps_are_filled_up_to_the_limit_and_nothing_seen_changes(
    steps: list[int], step: int, most: int, seed: int
) -> None:
    frames = np.cumsum([5, *steps]) * step
    boxes = np.random.default_rng(seed).uniform(0, 50, (len(frames), 4))
    track = fragment(frames.tolist(), boxes)
    filled = cleanup.fill_gaps(track, max_gap=most * step, step=step)
    wanted = set(frames.tolist())
    for before, after in zip(frames[:-1].tolist(), frames[1:].tolist(), strict=True):
        if after - before <= most * step:
            wanted |= set(range(before, after, step))
    assert filled.frames.tolist() == sorted(wanted)
    assert filled.observed.tolist() == [frame in frames for frame in filled.frames]
    seen = np.isin(filled.frames, frames)
    np.testing.assert_allclose(filled.boxes_xyxy[seen], boxes)
    for edge in range(4):
        np.testing.assert_allclose(
            filled.boxes_xyxy[:, edge], np.interp(filled.frames, frames, boxes[:, edge])
        )


def test_a_gap_behind_something_is_filled_however_long() -> None:
    track = fragment([0, 1, 40, 41])
    assert len(cleanup.fill_gaps(track, max_gap=5, step=1)) == 4
    filled = cleanup.fill_gaps(track, max_gap=5, step=1, hidden=np.arange(2, 40))
    assert filled.frames.tolist() == list(range(42))


def test_fragments_of_one_object_are_joined_by_place_and_colour() -> None:
    early, late = list(range(5)), list(range(12, 20))
    parts = [
        fragment(early, at=0.0),
        fragment(early, at=60.0),
        fragment(late, at=62.0),
        fragment(late, at=1.0),
        fragment(late, at=0.0, colour=(40.0, -40.0, 30.0), kind=1),
    ]
    joined = cleanup.stitch(parts, max_gap=10, step=1)
    lives = sorted((track.boxes_xyxy[0, 0], len(track)) for track in joined)
    assert lives == [(0.0, 8), (0.0, 13), (60.0, 13)]


def test_fragments_too_far_apart_in_time_place_or_size_stay_apart() -> None:
    first = fragment([0, 1, 2])
    wide = np.tile([0.0, 0.0, 30.0, 30.0], (3, 1))
    others = [fragment([40, 41]), fragment([5, 6], at=40.0), fragment([5, 6, 7], wide)]
    for other in others:
        assert len(cleanup.stitch([first, other], max_gap=10, step=1)) == 2


def test_an_object_that_moved_on_behind_something_is_joined() -> None:
    def corner(frame: int) -> list[float]:
        return [4.0 * frame, 0.0, 4.0 * frame + 10, 10.0]

    before, after = [0, 1, 2, 3], [12, 13, 14]
    parts = [fragment(rows, np.array([corner(f) for f in rows])) for rows in (before, after)]
    (track,) = cleanup.stitch(parts, max_gap=15, step=1)
    filled = cleanup.fill_gaps(track, max_gap=15, step=1)
    np.testing.assert_allclose(filled.boxes_xyxy, [corner(frame) for frame in range(15)])


def test_a_merge_of_two_like_objects_is_undone() -> None:
    """From frame 10 to 14 one track has the box of both and the other has none."""
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (30, 1))
    boxes[10:15] = [0.0, 0.0, 20.0, 10.0]
    left = fragment(list(range(30)), boxes)
    frames = [*range(10), *range(15, 30)]
    right = fragment(frames, np.tile([10.0, 0.0, 20.0, 10.0], (25, 1)))
    mended = cleanup.mend_contacts([left, right], window=20, step=1)
    np.testing.assert_allclose(mended[0].boxes_xyxy, np.tile([0.0, 0, 10, 10], (30, 1)))
    np.testing.assert_allclose(mended[1].boxes_xyxy, np.tile([10.0, 0, 20, 10], (30, 1)))
    for track in mended:
        assert np.flatnonzero(~track.observed).tolist() == [10, 11, 12, 13, 14]


def test_a_jump_in_size_without_contact_is_left_alone() -> None:
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (30, 1))
    boxes[10:15] = [0.0, 0.0, 20.0, 10.0]
    track = fragment(list(range(30)), boxes)
    (same,) = cleanup.mend_contacts([track], window=20, step=1)
    np.testing.assert_array_equal(same.boxes_xyxy, boxes)


def test_echoes_and_brief_tracks_are_dropped() -> None:
    first = fragment(list(range(20)))
    echo = fragment(list(range(5, 15)), at=0.5)
    beside = fragment(list(range(20)), at=7.0)
    crossing = fragment(list(range(18, 40)))
    kept = selection.drop_echoes([first, echo, beside, crossing], iou=0.7)
    assert [id(track) for track in kept] == [id(first), id(beside), id(crossing)]
    assert selection.drop_brief([first, fragment([3])], min_frames=2) == [first]


def test_a_whole_is_kept_only_if_it_holds_its_parts_all_the_time() -> None:
    frames = list(range(20))
    shirt = fragment(frames, np.tile([0.0, 0.0, 10.0, 10.0], (20, 1)))
    trousers = fragment(frames, np.tile([0.0, 10.0, 10.0, 20.0], (20, 1)), kind=1)
    person = fragment(frames, np.tile([0.0, 0.0, 10.0, 20.0], (20, 1)), kind=PLAIN_KIND)
    meeting = person.take(np.arange(5))
    assert selection.keep_wholes([shirt, trousers, person]) == [shirt, trousers, person]
    assert selection.keep_wholes([shirt, trousers, meeting]) == [shirt, trousers]
    assert selection.keep_wholes([person]) == [person]


def test_rank_prefers_what_moves_on_a_cluttered_scene_only() -> None:
    still, moving = fragment([0, 1, 2], moving=0.0), fragment([0, 1, 2], moving=1.0)

    def rank(track: Fragment, plain: bool) -> float:
        return selection.rank(track, 10, 1000.0, plain=plain)

    assert rank(still, plain=True) == rank(moving, plain=True)
    assert rank(still, plain=False) < rank(moving, plain=False)
    piece = fragment([0, 1, 2], kind=MOTION_KIND)
    assert rank(piece, plain=False) < rank(moving, plain=False)
    assert selection.limit_still([still, moving, still], 1) == ([still, moving], 1)
