"""Track choice and span growth against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tube.scene import make_evidence, make_track
from zerotube.errors import (
    InputError,
    NothingToGroundError,
    NumericalError,
    TracksError,
    UsageError,
)
from zerotube.geometry.spans import Span
from zerotube.proposals.types import TrackSet
from zerotube.tube.decide import choose_track, decide, grow_span

BOX = [10.0, 10.0, 30.0, 30.0]


def windows_of_growing_length(scores: list[int], top_k: int) -> tuple[int, int]:
    """Growth said another way: of the windows one frame longer that hold the present one, the one
    with the larger sum, the earlier one on a tie. Whole numbers, so that sums are exact."""
    window = (scores.index(max(scores)),) * 2
    for length in range(2, min(top_k, len(scores)) + 1):
        longer = [
            (start, start + length - 1)
            for start in range(len(scores) - length + 1)
            if start <= window[0] and window[1] <= start + length - 1
        ]
        window = max(longer, key=lambda w: sum(scores[w[0] : w[1] + 1]))
    return window


@given(st.lists(st.integers(0, 4), min_size=1, max_size=25).filter(any), st.integers(1, 30))
def test_growth_equals_brute_force(scores: list[int], top_k: int) -> None:
    assert grow_span(np.array(scores, float), top_k) == windows_of_growing_length(scores, top_k)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda s: max(s) > 0),
    st.integers(1, 50),
)
def test_growth_holds_the_best_frame_and_k_frames(scores: list[float], top_k: int) -> None:
    first, last = grow_span(np.array(scores), top_k)
    assert 0 <= first <= int(np.argmax(scores)) <= last < len(scores)
    assert last - first + 1 == min(top_k, len(scores))


@pytest.mark.parametrize(
    ("scores", "top_k", "span"),
    [
        ([1, 5, 2], 1, (1, 1)),
        ([1, 5, 2], 2, (1, 2)),
        ([2, 5, 2], 2, (0, 1)),  # equal neighbours: the left one
        ([1, 5, 1, 5], 1, (1, 1)),  # two best frames: the first one
        ([5, 0, 0, 9, 0], 3, (1, 3)),  # K is a count: zeros are taken in, the far peak is not
        ([0, 0, 3], 7, (0, 2)),
        ([3], 7, (0, 0)),
        ([9, 1, 8, 8, 8], 3, (0, 2)),
    ],
)
def test_growth_by_hand(scores: list[int], top_k: int, span: tuple[int, int]) -> None:
    assert grow_span(np.array(scores, float), top_k) == span


@pytest.mark.parametrize(
    ("scores", "top_k", "error"),
    [
        ([], 3, InputError),
        ([1.0], 0, UsageError),
        ([0.0, 0.0], 3, NumericalError),
        ([1.0, float("nan")], 3, NumericalError),
        ([1.0, float("inf")], 3, NumericalError),
    ],
)
def test_growth_refuses_what_it_cannot_decide(
    scores: list[float], top_k: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        grow_span(np.array(scores), top_k)


def test_the_highest_track_score_wins_and_the_first_on_a_tie() -> None:
    assert choose_track(make_evidence(np.ones((3, 2)), [0, 1], track_scores=[1, 3, 2])) == 1
    assert choose_track(make_evidence(np.ones((3, 2)), [0, 1], track_scores=[1, 3, 3])) == 1


def test_no_candidate_with_attention_is_nothing_to_ground() -> None:
    with pytest.raises(NothingToGroundError, match="no candidate"):
        choose_track(make_evidence(np.zeros((0, 2)), [0, 1], track_scores=[]))
    with pytest.raises(NothingToGroundError, match="--frames"):
        choose_track(make_evidence(np.zeros((2, 2)), [0, 1]))


def tracks_of(*tracks: tuple[int, range]) -> TrackSet:
    return TrackSet(
        tuple(make_track(i, frames, [BOX] * len(frames), "ball") for i, frames in tracks),
        frame_count=100,
        width=64,
        height=48,
        source="test",
    )


def test_the_span_is_given_in_original_frames() -> None:
    evidence = make_evidence(
        [[9, 9, 0, 0, 0], [0, 1, 8, 7, 0]], [0, 24, 49, 74, 99], track_scores=[2, 3]
    )
    tube = decide(evidence, tracks_of((1, range(100)), (2, range(100))), top_k=3)
    assert (tube.track_id, tube.label, tube.span) == (2, "ball", Span(24, 74))
    assert tube.frame_indices.tolist() == list(range(24, 75))
    assert tube.track_frame_indices.tolist() == list(range(100))
    assert tube.boxes_xyxy.dtype == np.float32
    assert (tube.boxes_xyxy == BOX).all()


def test_the_track_score_decides_even_against_a_higher_frame_score() -> None:
    evidence = make_evidence([[9, 9], [1, 2]], [0, 50], track_scores=[1, 2])
    assert decide(evidence, tracks_of((1, range(100)), (2, range(100))), 1).track_id == 2


def test_frames_that_the_track_does_not_reach_have_no_box() -> None:
    evidence = make_evidence([[0, 4, 5, 0, 0]], [0, 24, 49, 74, 99])
    tube = decide(evidence, tracks_of((1, range(20, 61))), top_k=3)
    assert tube.span == Span(0, 49)  # of the two zeros beside the run the left one is taken
    assert tube.frame_indices.tolist() == list(range(20, 50))


def test_a_one_frame_video_gives_a_span_of_one_frame() -> None:
    tube = decide(make_evidence([[2.0]], [0]), tracks_of((1, range(1))), top_k=7)
    assert tube.span == Span(0, 0)
    assert tube.span.frame_count == len(tube.frame_indices) == 1


def test_attention_that_vanished_from_the_frames_is_refused() -> None:
    evidence = make_evidence([[0.0, 0.0]], [0, 50], track_scores=[1.0])
    with pytest.raises(NumericalError, match="all 0"):
        decide(evidence, tracks_of((1, range(100))), 3)


def test_scores_and_tracks_of_different_videos_are_refused() -> None:
    with pytest.raises(TracksError, match="track id 1"):
        decide(make_evidence([[1.0]], [0]), tracks_of((2, range(100))), 3)
    with pytest.raises(TracksError, match="no box in frames 0 to 0"):
        decide(make_evidence([[1.0]], [0]), tracks_of((1, range(5, 9))), 3)
