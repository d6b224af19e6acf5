"""When: the best run is the one of largest between-class variance, and nothing but the track."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.typing import NDArray

from tube.scene import make_evidence
from zerotube.method.config import preset
from zerotube.method.types import Evidence, NamedTimes, Scan
from zerotube.method.when import cut, runs_of, span_of, spans_of, standardised, timeline

EVEN = preset(attention_weight=1.0)
SCAN_ALONE = preset(attention_weight=0.0)


def scan_of(moments: list[int], margins: list[float]) -> Scan:
    """Windows of one frame."""
    frames = np.asarray(moments, np.int64)
    return Scan(frames, frames, np.asarray(margins, np.float64))


def by_hand(values: NDArray[np.float64], lengths: NDArray[np.float64]) -> float:
    """Largest between-class variance over all runs whose mean is above that of the rest."""
    best = 0.0
    total = lengths.sum()
    for first, last in combinations_with_replacement(range(len(values)), 2):
        inside = np.zeros(len(values), bool)
        inside[first : last + 1] = True
        if inside.all():
            continue
        means = [np.average(values[part], weights=lengths[part]) for part in (inside, ~inside)]
        shares = [lengths[part].sum() / total for part in (inside, ~inside)]
        if means[0] > means[1]:
            best = max(best, shares[0] * shares[1] * (means[0] - means[1]) ** 2)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_cut_is_the_run_of_largest_between_class_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, lengths = rng.normal(size=9), rng.uniform(0.2, 3.0, size=9)
    first, last = cut(values, lengths)
    inside = np.zeros(9, bool)
    inside[first : last + 1] = True
    share = lengths[inside].sum() / lengths.sum()
    means = [np.average(values[part], weights=lengths[part]) for part in (inside, ~inside)]
    assert share * (1 - share) * (means[0] - means[1]) ** 2 == pytest.approx(
        by_hand(values, lengths)
    )
    assert means[0] > means[1]


def test_a_cut_needs_no_scale() -> None:
    values = np.array([0.0, 0.1, 3.0, 2.5, 2.8, 0.2, 0.0])
    lengths = np.ones(7)
    assert cut(values, lengths) == cut(5.0 * values - 3.0, 0.1 * lengths) == (2, 4)


def test_what_is_even_is_not_cut() -> None:
    assert cut(np.full(6, 2.0), np.ones(6)) == (0, 5)
    assert cut(np.array([1.0]), np.array([1.0])) == (0, 0)


def test_a_long_stretch_counts_more_than_many_short_ones() -> None:
    """Windows lie densely around ends: they must not outvote the rest of the clip."""
    values = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    dense = np.array([4.0, 4.0, 0.1, 0.1, 4.0, 4.0])
    assert cut(values, dense) == (0, 3)


def test_what_happens_twice_is_found_twice() -> None:
    values = np.array([0.0, 5.0, 5.0, 5.0, 0.0, 0.0, 0.0, 0.0, 4.5, 4.0, 0.0, 1.0, 0.0])
    assert runs_of(values, np.ones(13), 3) == [(1, 3), (8, 9)]
    assert runs_of(values, np.ones(13), 1) == [(1, 3)]


def test_what_happens_once_is_found_once() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = np.where(np.isin(np.arange(20), range(6, 12)), 4.0, 0.0) + rng.normal(0, 0.3, 20)
        assert runs_of(values, np.ones(20), 5) == [(6, 11)]


def test_an_even_curve_has_one_run() -> None:
    assert runs_of(np.zeros(5), np.ones(5), 3) == [(0, 4)]
    assert runs_of(np.array([1.0]), np.ones(1), 3) == [(0, 0)]


def test_runs_of_one_curve_never_meet() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        runs = runs_of(rng.normal(size=15), rng.uniform(0.5, 2.0, 15), 9)
        inside = [set(range(one, other + 1)) for one, other in runs]
        assert sum(map(len, inside)) == len(set().union(*inside))


def test_standardised_curves_have_mean_0_and_deviation_1_over_time() -> None:
    lengths = np.array([1.0, 2.0, 1.0])
    found = standardised(np.array([0.0, 3.0, 1.0]), lengths)
    assert np.average(found, weights=lengths) == pytest.approx(0.0)
    assert np.average(found**2, weights=lengths) == pytest.approx(1.0)
    assert standardised(np.full(3, 1e6), lengths).tolist() == [0.0, 0.0, 0.0]


def with_scan(margins: list[float], scores: list[float]) -> Evidence:
    frames = list(range(0, 10 * len(scores), 10))
    return replace(make_evidence([scores], frames), scan=scan_of(frames, margins))


def test_the_ends_lie_half_way_to_the_windows_outside() -> None:
    evidence = with_scan([-4, -4, 4, 4, -4, -4], [1, 1, 1, 1, 1, 1])
    assert span_of(evidence, 0, SCAN_ALONE) == (15, 35)


def test_scan_and_attention_are_added() -> None:
    evidence = with_scan([-4, -4, 4, 4, 4, -4], [1, 1, 1, 8, 8, 1])
    assert span_of(evidence, 0, SCAN_ALONE) == (15, 45)
    assert span_of(evidence, 0, preset(attention_weight=3.0)) == (25, 45)


def test_margins_beyond_doubt_are_alike() -> None:
    """One window of which the model is absurdly sure does not outweigh all others."""
    evidence = with_scan([-6, 6, 6, 900, 6, -6], [1, 1, 1, 1, 1, 1])
    assert span_of(evidence, 0, SCAN_ALONE) == (5, 45)


def test_where_the_track_is_not_seen_nothing_is_found() -> None:
    evidence = with_scan([4, 4, -4, -4, 4, 4], [0, 0, 0, 1, 1, 1])
    found = timeline(evidence, 0, SCAN_ALONE)
    assert (found.values[:3] == found.values.min()).all()
    assert span_of(evidence, 0, SCAN_ALONE) == (35, 50)


def test_spans_are_those_of_the_runs() -> None:
    margins = [-4.0, 4.0, 4.0, 4.0, -4.0, -4.0, -4.0, -4.0, 3.0, -4.0]
    evidence = with_scan(margins, [1.0] * 10)
    assert spans_of(evidence, 0, SCAN_ALONE, 2) == [(5, 35), (75, 85)]
    assert spans_of(evidence, 0, SCAN_ALONE, 1) == [span_of(evidence, 0, SCAN_ALONE)]


def test_without_a_scan_the_sampled_frames_are_the_moments() -> None:
    evidence = make_evidence([[1, 1, 9, 9, 1, 1]], range(0, 60, 10))
    assert span_of(evidence, 0, EVEN) == (15, 35)
    assert span_of(make_evidence([[2.0]], [7]), 0, EVEN) == (7, 7)


def test_two_scans_are_joined_in_the_order_of_time() -> None:
    coarse = scan_of([0, 10, 20], [1.0, 2.0, 3.0])
    joined = coarse.joined(scan_of([5, 10, 15], [7.0, 8.0, 9.0]))
    assert joined.moments.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert joined.margins.tolist() == [1.0, 7.0, 2.0, 9.0, 3.0]


def test_presence_between_windows_is_linear_in_the_margins() -> None:
    scan = scan_of([0, 10], [-8.0, 8.0])
    presence = scan.presence_at(np.array([0, 5, 10, 20]))
    assert presence[1] == pytest.approx(0.5)
    assert presence[0] + presence[2] == pytest.approx(1.0)
    assert presence[2] == presence[3] > 0.85


def test_a_scan_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="do not increase"):
        scan_of([10, 0], [1.0, 2.0])


def test_a_named_time_is_an_end_to_the_frame() -> None:
    """Words alone: the span is the window that was named, not the nearest sampled frames."""
    alone = preset("asked")
    evidence = make_evidence(np.ones((1, 10)), range(0, 100, 10))
    assert evidence.frame_indices.tolist() == list(range(0, 100, 10))
    named = NamedTimes((((23.4, 57.8),),), (), "model:toy")
    assert span_of(replace(evidence, named=named), 0, alone) == (23, 58)
    # Two that differ: what both name counts twice.
    both = NamedTimes((((20.0, 50.0),), ((30.0, 60.0),)), (), "model:toy")
    assert span_of(replace(evidence, named=both), 0, alone) in [(20, 50), (20, 60), (30, 50)]
    nothing = NamedTimes((), ("an answer that names no time",), "model:toy")
    assert span_of(replace(evidence, named=nothing), 0, alone) == (0, 90)


def test_a_named_time_changes_nothing_but_where_it_ends() -> None:
    evidence = replace(
        make_evidence(np.ones((1, 10)), range(0, 100, 10)),
        scan=scan_of([15, 35, 55, 75], [-3.0, 4.0, 4.0, -3.0]),
    )
    plain = timeline(evidence, 0, SCAN_ALONE)
    named = NamedTimes((((40.0, 66.0),),), (), "model:toy")
    told = timeline(replace(evidence, named=named), 0, SCAN_ALONE.changed(time="ask"))
    assert set(plain.edges) | {40.0, 66.0} == set(told.edges)
    assert told.lengths.sum() == pytest.approx(plain.lengths.sum())
    assert set(plain.moments) - set(told.moments) == {35.0, 75.0, 55.0} - set(told.moments)
    unread = timeline(replace(evidence, named=named), 0, preset(ask_weight=0.0, time="ask"))
    at = np.interp(unread.moments, plain.moments, plain.values)
    inside = (unread.moments > plain.moments[0]) & (unread.moments < plain.moments[-1])
    assert np.corrcoef(unread.values[inside], at[inside])[0, 1] > 0.99
