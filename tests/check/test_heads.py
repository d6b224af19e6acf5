"""Heads are found by where they look."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.check.heads import elbow, find_heads, frequencies, spatial_entropy
from zerotube.errors import UsageError
from zerotube.grounder import Grounder
from zerotube.mllm.base import VideoMLLM


def planted(*spots: tuple[int, int]) -> np.ndarray:
    step = np.zeros((6, 6), np.float32)
    for spot in spots:
        step[spot] = 1.0
    return step


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([planted((1, 1))], 0.0),
        ([planted((1, 1), (2, 2))], 0.0),  # one part: corners touch
        ([planted((0, 0), (3, 3))], np.log(2)),
        ([planted((0, 0), (0, 1), (0, 2), (5, 5))], -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))),
        ([planted((1, 1)), planted((0, 0), (3, 3))], np.log(2) / 2),
        ([np.full((6, 6), 0.5, np.float32)], np.log(36)),
    ],
)
def test_entropy_by_hand(steps: list[np.ndarray], expected: float) -> None:
    assert spatial_entropy(np.stack(steps)) == pytest.approx(expected, abs=1e-9)


def test_the_elbow_is_where_values_turn_steep() -> None:
    values = np.array([0.9, 0.02, 0.01, 0.5, 0.03, 0.04])
    assert elbow(values) == 0.04


def test_heads_that_hardly_look_at_the_video_do_not_count() -> None:
    attention = np.array([0.9, 0.01, 0.02, 0.8, 0.7, 0.03])
    entropy = np.array([[0.3, 0.0, 0.0, 0.2, 0.1, 0.0], [0.1, 0.0, 0.0, 0.2, 0.3, 0.0]])
    assert frequencies(attention, entropy, 1).tolist() == [1, -1, -1, 0, 1, -1]
    # Too few were left: those that look most.
    assert frequencies(attention, entropy, 5).tolist() == [2, -1, 2, 2, 2, 2]


def test_heads_of_a_toy(toy: VideoMLLM) -> None:
    told: list[tuple[str, int, int]] = []
    found = find_heads(Grounder(toy), 2, 3, lambda *step: told.append(step))
    assert told[-1] == ("clips", 2, 2)
    assert (found.chosen.layers, found.chosen.heads_per_layer) == (3, 4)
    assert len(set(found.chosen.chosen)) == 3
    assert [(one.layer, one.head) for one in found.figures] == list(found.chosen.chosen)
    often = [one.often for one in found.figures]
    assert often == sorted(often, reverse=True)
    assert all(0.0 < one.attention < 1.0 for one in found.figures)
    assert find_heads(Grounder(toy), 2, 3) == found


@pytest.mark.parametrize(("clips", "heads", "got"), [(0, 3, "0 clips"), (1, 13, "13 heads")])
def test_impossible_numbers_are_refused(toy: VideoMLLM, clips: int, heads: int, got: str) -> None:
    with pytest.raises(UsageError, match=got):
        find_heads(Grounder(toy), clips, heads)
