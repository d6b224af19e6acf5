"""Rank correlation against SciPy's own, groups against their definition."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from zerotube.eval.analyses.statistics import (
    CORRELATION_DRAWS,
    equal_groups,
    mean_of,
    spearman,
)
from zerotube.eval.bootstrap import Interval
from zerotube.eval.plain_values import plain


def test_correlation_is_scipys_and_its_interval_that_of_resamples() -> None:
    rng = np.random.default_rng(4)
    first = rng.random(40).round(1)  # with ties
    second = (first + rng.normal(0, 0.4, 40) > 0.5).astype(float)
    found = spearman(first, second)
    assert found.mean == pytest.approx(spearmanr(first, second).statistic)
    drawn = []
    for _ in range(CORRELATION_DRAWS):
        at = rng.integers(0, 40, 40)
        drawn.append(spearmanr(first[at], second[at]).statistic)
    assert (found.low, found.high) == pytest.approx(np.nanpercentile(drawn, [2.5, 97.5]), abs=0.06)
    assert spearman(first, second) == found


def test_a_perfect_order_and_its_inverse() -> None:
    values = np.arange(12.0)
    assert spearman(values, values**3) == Interval(*[pytest.approx(1.0)] * 3)
    assert spearman(values, -values).mean == pytest.approx(-1.0)


def test_no_correlation_where_one_side_never_changes() -> None:
    values = np.arange(5.0)
    assert np.isnan(spearman(values, np.ones(5)).mean)
    assert np.isnan(spearman(np.ones(1), np.ones(1)).low)


@given(st.lists(st.integers(0, 6), min_size=10, max_size=47), st.integers(2, 10))
def test_groups_share_all_samples_evenly_in_order(values: list[int], count: int) -> None:
    array = np.array(values, dtype=float)
    groups = equal_groups(array, count)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(values)))
    sizes = [len(group) for group in groups]
    assert len(groups) == count
    assert max(sizes) - min(sizes) <= 1
    for lower, upper in pairwise(groups):
        assert array[lower].max() <= array[upper].min()


def test_plain_values_are_strict_json() -> None:
    value = {"a": (mean_of([]), mean_of([1.0, 3.0])), "b": float("nan"), "c": None}
    found = json.loads(json.dumps(plain(value), allow_nan=False))
    assert found["a"][0] == {"mean": None, "low": None, "high": None}
    assert found["a"][1]["mean"] == 2.0
    assert found["b"] is None
