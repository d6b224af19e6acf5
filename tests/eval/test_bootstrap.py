"""Intervals: repeatable, of the right width, the same for one measure as for several."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zerotube.errors import InputError
from zerotube.eval import bootstrap
from zerotube.eval.bootstrap import interval, intervals


def test_the_width_is_that_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, 900)
    found = interval(values)
    assert found.mean == pytest.approx(values.mean(), abs=1e-15)
    # Of a mean of many samples, the interval is 1.96 standard errors to either side.
    half = 1.96 * values.std() / 30
    assert found.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_it_covers_the_true_mean_about_as_often_as_it_says(monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "DRAWS", 500)
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(300):
        found = interval(rng.uniform(0, 1, 60), seed=seed)
        hits += found.low <= 0.5 <= found.high
    # 285 are expected; three standard deviations are 11, and few samples cover a little less.
    assert 267 <= hits <= 297


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).uniform(0, 1, 50)
    assert interval(values) == interval(values)
    assert interval(values) != interval(values, seed=1)


def test_several_measures_are_resampled_together(monkeypatch) -> None:
    rng = np.random.default_rng(4)
    columns = {"a": rng.uniform(0, 1, 70), "b": rng.integers(0, 2, 70).astype(np.float64)}
    found = intervals(columns)
    assert found == {name: interval(values) for name, values in columns.items()}
    # How many resamples are in memory at a time changes nothing.
    monkeypatch.setattr(bootstrap, "_BLOCK", 1000)
    assert intervals(columns) == found


def test_values_that_do_not_vary() -> None:
    found = interval(np.ones(3))
    assert found.known
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)


def test_one_sample_has_a_mean_and_no_interval() -> None:
    found = interval(np.array([0.25]))
    assert found.mean == 0.25
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.known


def test_no_samples_and_uneven_measures() -> None:
    assert all(math.isnan(value) for value in vars(interval(np.zeros(0))).values())
    assert intervals({}) == {}
    with pytest.raises(InputError, match="same samples"):
        intervals({"a": np.zeros(3), "b": np.zeros(4)})
