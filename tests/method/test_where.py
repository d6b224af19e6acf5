"""Where: a product of shares, in which no single map has a veto."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.method.scoring import mean_while_seen
from zerotube.method.where import FLOOR, product

SEEN = np.ones((3, 4), bool)


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def test_a_product_is_a_geometric_mean_of_shares_of_the_best() -> None:
    found = product({"a": scores(4.0, 1.0, 2.0), "b": scores(0.1, 0.4, 0.2)}, SEEN)
    assert found == pytest.approx([0.5, 0.5, 0.5])


def test_the_unit_of_a_map_changes_nothing() -> None:
    one = product({"a": scores(3, 2, 1), "b": scores(1, 2, 2)}, SEEN)
    other = product({"a": 1e6 * scores(3, 2, 1), "b": 1e-9 * scores(1, 2, 2)}, SEEN)
    assert one == pytest.approx(other)


def test_no_map_excludes_a_track_alone() -> None:
    found = product({"a": scores(0.0, 1.0, 0.5), "b": scores(1.0, 1e-9, 0.5)}, SEEN)
    assert found.argmax() == 2
    assert found[0] == found[1] == pytest.approx(FLOOR**0.5)


def test_a_map_that_sees_nothing_decides_nothing() -> None:
    alone = product({"a": scores(1, 3, 2)}, SEEN)
    both = product({"a": scores(1, 3, 2), "b": np.zeros(3)}, SEEN)
    assert alone.argsort().tolist() == both.argsort().tolist()


def test_a_track_that_is_never_seen_scores_nothing() -> None:
    seen = SEEN.copy()
    seen[1] = False
    assert product({"a": scores(1, 3, 2)}, seen)[1] == 0.0


def test_the_mean_is_over_the_frames_that_show_the_track() -> None:
    frame_scores = np.array([[2.0, 4.0, 0.0, 0.0], [1.0, 1.0, 1.0, 5.0], [0.0] * 4])
    seen = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    assert mean_while_seen(frame_scores, seen).tolist() == [3.0, 2.0, 0.0]
    weights = np.array([1.0, 3.0, 1.0, 1.0])
    assert mean_while_seen(frame_scores, seen, weights) == pytest.approx([3.5, 10 / 6, 0.0])
