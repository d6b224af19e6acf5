"""The area under the ROC curve: by hand, by its definition, by others, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zerotube.errors import InputError
from zerotube.eval import bootstrap
from zerotube.eval.auroc import auroc, auroc_interval


@pytest.mark.parametrize(
    ("present", "absent", "area"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5, 0.5], [0.5, 0.5], 0.5),
        ([0.9, 0.3], [0.5, 0.1], 0.75),  # three of four pairs
        ([0.9, 0.5], [0.5, 0.1], 0.875),  # 1 + 1 + 1/2 + 1 of four
        ([3.0], [1.0, 3.0, 4.0], 0.5),  # 1 + 1/2 + 0 of three
        ([math.inf, 0.0], [-math.inf, 0.0], 0.875),
    ],
)
def test_by_hand(present, absent, area) -> None:
    assert auroc(np.array(present), np.array(absent)) == area


def scores(seed: int, n: int, m: int):
    """Many ties within and between the two."""
    rng = np.random.default_rng(seed)
    return rng.integers(2, 12, n) / 10, rng.integers(0, 10, m) / 10


def by_definition(present, absent) -> float:
    above = present[:, None] > absent[None]
    return float((above + 0.5 * (present[:, None] == absent[None])).mean())


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_share_of_pairs_in_order(seed) -> None:
    present, absent = scores(seed, 40 + seed, 70)
    assert auroc(present, absent) == pytest.approx(by_definition(present, absent), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_statistic_of_mann_and_whitney(seed) -> None:
    stats = pytest.importorskip("scipy.stats")
    present, absent = scores(seed, 50, 30)
    u = stats.mannwhitneyu(present, absent).statistic
    assert auroc(present, absent) == pytest.approx(u / (50 * 30), abs=1e-12)


def test_resamples_draw_the_two_scores_of_a_clip_together(monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "DRAWS", 300)
    monkeypatch.setattr(bootstrap, "_BLOCK", 2_000)  # several blocks, the last one smaller
    present, absent = scores(7, 30, 30)
    found = auroc_interval(present, absent, seed=4)
    members = np.concatenate(list(bootstrap.resamples(30, seed=4)))
    assert members.shape == (300, 30)
    areas = [by_definition(present[one], absent[one]) for one in members]
    low, high = np.percentile(areas, [2.5, 97.5])
    assert found.mean == pytest.approx(by_definition(present, absent), abs=1e-12)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_the_interval_covers_the_true_area_about_as_often_as_it_says(monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "DRAWS", 400)
    rng = np.random.default_rng(2)
    # Two normal distributions one apart: Phi(1 / sqrt 2).
    area = 0.5 * (1 + math.erf(0.5))
    hits = 0
    for seed in range(200):
        found = auroc_interval(rng.normal(1, 1, 80), rng.normal(0, 1, 80), seed=seed)
        hits += found.low <= area <= found.high
    # 190 are expected; three standard deviations are 9, and few samples cover a little less.
    assert 178 <= hits <= 199


def test_the_same_seed_gives_the_same_interval() -> None:
    present, absent = scores(3, 40, 40)
    assert auroc_interval(present, absent) == auroc_interval(present, absent)
    assert auroc_interval(present, absent) != auroc_interval(present, absent, seed=1)
    perfect = auroc_interval(present + 5, absent)
    assert (perfect.mean, perfect.low, perfect.high) == (1.0, 1.0, 1.0)


def test_too_few_scores_say_nothing() -> None:
    one, none = np.array([0.4]), np.array([])
    assert math.isnan(auroc(none, one))
    assert math.isnan(auroc(one, none))
    alone = auroc_interval(one, np.array([0.1]))
    assert alone.mean == 1.0
    assert not alone.known
    assert math.isnan(auroc_interval(none, none).mean)


def test_scores_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InputError, match="1 scores that are NaN"):
        auroc(np.array([0.1, math.nan]), np.array([0.3]))
    with pytest.raises(InputError, match="2 present and 1 absent"):
        auroc_interval(np.array([0.1, 0.2]), np.array([0.3]))
