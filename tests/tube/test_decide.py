"""Track choice and span growth against brute force."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

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
from zerotube.method.config import MethodSettings, preset
from zerotube.method.types import Scan
from zerotube.proposals.types import TrackSet
from zerotube.tube.decide import choose_track, decide, grow_span, rank_sum_span
from zerotube.tube.types import Tube

BOX = [10.0, 10.0, 30.0, 30.0]
THREE = preset("gti", top_k=3)

curves = st.lists(st.integers(0, 9), min_size=1, max_size=25).filter(any)


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


def grown_as_released(scores: list[int], top_k: int) -> tuple[int, int]:
    """Counting frames in a mask, as the released code does it, with its way out on a tie."""
    best, left, right = scores.index(max(scores)), 1, 1
    taken = [index == best for index in range(len(scores))]
    for _ in range(len(scores) - 1):
        before = scores[best - left] if best - left >= 0 else -100
        after = scores[best + right] if best + right < len(scores) else -100
        if sum(taken) >= top_k or before == after:
            break
        if before > after:
            taken[best - left] = True
            left += 1
        else:
            taken[best + right] = True
            right += 1
    return taken.index(True), len(taken) - 1 - taken[::-1].index(True)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=25).filter(any), st.integers(1, 30))
def test_growth_that_ends_on_a_tie(scores: list[int], top_k: int) -> None:
    found = grow_span(np.array(scores, float), top_k, to_tie=True)
    assert found == grown_as_released(scores, top_k)


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


def mann_whitney(scores: list[int], start: int, end: int) -> Fraction:
    """Squared standardised U of the frames start..end against the rest, up to a shared factor."""
    inside, rest = scores[start : end + 1], scores[:start] + scores[end + 1 :]
    if not rest:
        return Fraction(0)
    wins = sum(Fraction(1 + (a > b) - (a < b), 2) for a in inside for b in rest)
    pairs = len(inside) * len(rest)
    return max(wins - Fraction(pairs, 2), Fraction(0)) ** 2 / pairs


@given(curves)
def test_rank_sums_equal_brute_force(scores: list[int]) -> None:
    runs = [(a, b) for a in range(len(scores)) for b in range(a, len(scores))]
    best = max(runs, key=lambda run: (mann_whitney(scores, *run), run[1] - run[0], -run[0]))
    assert rank_sum_span(np.array(scores, float)) == best


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 20), st.floats(1e-6, 1e6))
def test_a_step_is_found_exactly(before: int, inside: int, after: int, height: float) -> None:
    scores = np.array([0.5] * before + [0.5 + height] * inside + [0.5] * after)
    assert rank_sum_span(scores) == (before, before + inside - 1)


@given(curves, st.integers(1, 1000), st.integers(0, 1000))
def test_rank_sums_do_not_depend_on_the_unit(scores: list[int], scale: int, shift: int) -> None:
    values = np.array(scores, float)
    found = rank_sum_span(values)
    assert rank_sum_span(values * scale + shift + 1) == found
    assert rank_sum_span(np.exp(values)) == found


@given(curves)
def test_frames_of_one_step_stay_together(scores: list[int]) -> None:
    first, last = rank_sum_span(np.array(scores, float))
    twice = rank_sum_span(np.repeat(np.array(scores, float), 2))
    assert twice == (2 * first, 2 * last + 1)


@given(curves)
def test_a_rank_sum_span_ends_at_visible_frames(scores: list[int]) -> None:
    first, last = rank_sum_span(np.array(scores, float))
    assert 0 <= first <= last < len(scores)
    assert scores[first] > 0
    assert scores[last] > 0


@pytest.mark.parametrize(
    ("scores", "span"),
    [
        ([1, 5, 6, 5, 1, 1], (1, 3)),
        ([2, 2, 2], (0, 2)),  # no frame stands out: all of them
        ([1, 5, 1, 5], (1, 3)),  # equal runs: the longest
        ([5, 1, 5], (0, 0)),  # and of those the earliest
        ([1, 1, 7, 8, 7, 7, 1, 1, 1, 99], (2, 5)),  # one frame far above all does not win alone
        ([3], (0, 0)),
        ([0, 3], (1, 1)),
    ],
)
def test_rank_sums_by_hand(scores: list[int], span: tuple[int, int]) -> None:
    assert rank_sum_span(np.array(scores, float)) == span


@pytest.mark.parametrize(
    ("scores", "error"),
    [([], InputError), ([0.0, 0.0], NumericalError), ([1.0, float("nan")], NumericalError)],
)
def test_rank_sums_refuse_what_they_cannot_decide(
    scores: list[float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        rank_sum_span(np.array(scores))


@pytest.mark.parametrize("spike", [1.0, 20.0])
def test_rank_sums_find_spans_of_any_length_in_noise(spike: float) -> None:
    """Three times the attention in 3 to 12 of 20 frames, under the noise of a ratio, without and
    with one frame that is looked at for another reason: better than any fixed K finds them."""
    rng = np.random.default_rng(7)
    ours, grown = [], {k: [] for k in range(3, 13)}
    for _ in range(150):
        length = int(rng.integers(3, 13))
        start = int(rng.integers(0, 21 - length))
        true = set(range(start, start + length))
        scores = np.array([3.0 if i in true else 1.0 for i in range(20)])
        scores *= np.exp(rng.normal(0.0, 0.4, 20))
        scores[rng.integers(0, 20)] *= spike

        def overlap(span: tuple[int, int], true: set[int] = true) -> float:
            found = set(range(span[0], span[1] + 1))
            return len(found & true) / len(found | true)

        ours.append(overlap(rank_sum_span(scores)))
        for k, values in grown.items():
            values.append(overlap(grow_span(scores, k)))
    assert np.mean(ours) > 0.8
    assert np.mean(ours) > max(np.mean(values) for values in grown.values()) + 0.1


def test_the_settings_say_how_the_span_is_chosen() -> None:
    evidence = make_evidence([[1, 2, 8, 9, 8, 7, 1]], range(0, 70, 10))
    tracks = tracks_of((1, range(100)))
    assert decide(evidence, tracks, THREE).span == Span(20, 40)
    assert decide(evidence, tracks, preset("gti", span_rule="rank-sum")).span == Span(20, 50)


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
    tube = decide(evidence, tracks_of((1, range(100)), (2, range(100))), THREE)
    assert (tube.track_id, tube.label, tube.span) == (2, "ball", Span(24, 74))
    assert tube.frame_indices.tolist() == list(range(24, 75))
    assert tube.track_frame_indices.tolist() == list(range(100))
    assert tube.boxes_xyxy.dtype == np.float32
    assert (tube.boxes_xyxy == BOX).all()


def test_the_track_score_decides_even_against_a_higher_frame_score() -> None:
    evidence = make_evidence([[9, 9], [1, 2]], [0, 50], track_scores=[1, 2])
    assert decide(evidence, tracks_of((1, range(100)), (2, range(100))), THREE).track_id == 2


@pytest.mark.parametrize(
    ("scores", "track", "span"),
    [
        ([0, 4, 5, 0, 0], range(20, 61), Span(20, 49)),  # of the two zeros the left one is taken
        ([0, 0, 5, 4, 0], range(40, 81), Span(40, 74)),  # the left one again
        ([9, 0, 0, 0, 0], range(9), Span(0, 8)),  # seen in one sampled frame, and gone
        ([0, 0, 9, 0, 0], range(45, 56), Span(45, 49)),
        ([1, 2, 9, 2, 1], range(100), Span(24, 74)),  # a track that goes on changes nothing
    ],
)
def test_the_span_ends_where_its_track_ends(scores: list[int], track: range, span: Span) -> None:
    evidence = make_evidence([scores], [0, 24, 49, 74, 99])
    tube = decide(evidence, tracks_of((1, track)), THREE)
    assert tube.span == span
    assert tube.frame_indices.tolist() == list(range(span.start_frame, span.end_frame + 1))
    assert tube.track_frame_indices.tolist() == list(track)


def test_a_tube_has_a_box_for_every_frame_of_its_span() -> None:
    frames, boxes = np.arange(5, 9), np.tile(np.float32(BOX), (4, 1))
    with pytest.raises(TracksError, match=r"frame 5 to 8 for frames 4 to 8"):
        Tube(1, "ball", Span(4, 8), frames, boxes, frames, boxes)


def test_a_one_frame_video_gives_a_span_of_one_frame() -> None:
    tube = decide(make_evidence([[2.0]], [0]), tracks_of((1, range(1))), MethodSettings())
    assert tube.span == Span(0, 0)
    assert tube.span.frame_count == len(tube.frame_indices) == 1


def test_attention_that_vanished_from_the_frames_is_refused() -> None:
    evidence = make_evidence([[0.0, 0.0]], [0, 50], track_scores=[1.0])
    with pytest.raises(NumericalError, match="all 0"):
        decide(evidence, tracks_of((1, range(100))), THREE)


def test_scores_and_tracks_of_different_videos_are_refused() -> None:
    with pytest.raises(TracksError, match="track id 1"):
        decide(make_evidence([[1.0]], [0]), tracks_of((2, range(100))), THREE)
    with pytest.raises(TracksError, match="no box in frames 0 to 0"):
        decide(make_evidence([[1.0]], [0]), tracks_of((1, range(5, 9))), THREE)


def test_without_an_action_the_whole_track_is_the_answer() -> None:
    evidence = make_evidence([[0, 1, 9, 1, 0]], [0, 24, 49, 74, 99])
    tracks = tracks_of((1, range(10, 91)))
    assert decide(evidence, tracks, preset()).span != Span(10, 90)
    assert decide(replace(evidence, has_action=False), tracks, preset()).span == Span(10, 90)
    assert decide(replace(evidence, has_action=False), tracks, THREE).span == Span(24, 74)


def test_of_a_single_sampled_frame_the_span_is_the_whole_track() -> None:
    evidence = make_evidence([[2.0]], [49])
    assert decide(evidence, tracks_of((1, range(10, 91))), preset()).span == Span(10, 90)


@pytest.mark.parametrize("track", [range(40, 61), range(90, 100)])
def test_a_cut_ends_where_its_track_ends(track: range) -> None:
    """Also where the run lies outside of it: then all of it is the answer."""
    frames = [0, 20, 40, 60, 80, 99]
    margins = np.array([-4.0, -4.0, 4.0, 4.0, 4.0, -4.0])
    scan = Scan(np.array(frames), np.array(frames), margins)
    evidence = replace(
        make_evidence([[1] * 6], frames), scan=scan, seen=np.isin(frames, list(track))[None]
    )
    span = decide(evidence, tracks_of((1, track)), preset()).span
    assert (span.start_frame, span.end_frame) == (track[0], track[-1])
