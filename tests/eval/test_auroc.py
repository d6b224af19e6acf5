"""The area under the ROC curve is the share of pairs in the right order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from zerotube.errors import InputError
from zerotube.eval.auroc import auroc


def test_by_hand() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([1.0, 0.0])).mean == 1.0
    assert auroc(np.array([1.0, 3.0]), np.array([2.0, 0.0])).mean == 0.75
    assert auroc(np.array([1.0]), np.array([1.0])).mean == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_statistic_of_mann_and_whitney(seed: int) -> None:
    rng = np.random.default_rng(seed)
    present, absent = rng.normal(1.0, 1.0, 40).round(1), rng.normal(0.0, 1.0, 25).round(1)
    expected = mannwhitneyu(present, absent).statistic / (40 * 25)
    found = auroc(present, absent)
    assert found.mean == pytest.approx(expected)
    assert found.low < found.mean < found.high


def test_the_interval_is_as_wide_as_it_should_be() -> None:
    """Of many repetitions about 95% have the true value inside; the draw is coarse."""
    rng = np.random.default_rng(1)
    true = 0.7602  # of two normals one deviation apart: Phi(1 / sqrt 2)
    inside = 0
    for seed in range(60):
        found = auroc(rng.normal(1.0, 1.0, 60), rng.normal(0.0, 1.0, 60), seed=seed)
        inside += found.low <= true <= found.high
    assert inside >= 51


@pytest.mark.parametrize(("present", "absent"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_what_has_no_answer_is_refused(present: list[float], absent: list[float]) -> None:
    with pytest.raises(InputError):
        auroc(np.array(present), np.array(absent))


def test_one_of_each_has_no_interval() -> None:
    assert not auroc(np.array([1.0]), np.array([0.0, 2.0])).known
