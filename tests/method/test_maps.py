"""Relative attention, token choice and assembling against brute force."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zerotube.method.assembling import assemble, consistency, unreverse
from zerotube.method.config import TokenRule
from zerotube.method.relevance import contrasted
from zerotube.method.tokens import choose_token, token_weights
from zerotube.method.types import TokenChoice

weights = st.floats(0, 1, width=32)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@given(st.data(), shapes)
def test_relative_divides_cell_by_cell(data: st.DataObject, shape: tuple[int, ...]) -> None:
    maps = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    generic = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    got = contrasted(torch.from_numpy(maps), torch.from_numpy(generic), "ratio").numpy()
    for index in np.ndindex(*shape):
        assert got[index] == pytest.approx(maps[index] / (generic[index] + 1e-4), rel=1e-12)


@given(st.data(), shapes)
def test_a_difference_is_never_below_0(data: st.DataObject, shape: tuple[int, ...]) -> None:
    maps = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    generic = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    tensors = torch.from_numpy(maps), torch.from_numpy(generic)
    for contrast in ("difference", "excluding"):
        got = contrasted(*tensors, contrast).numpy()
        for index in np.ndindex(*shape):
            assert got[index] == max(maps[index] - generic[index], 0.0)
    assert contrasted(*tensors, "none") is tensors[0]


def test_relative_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="shapes"):
        contrasted(torch.ones(2, 1, 1, 1), torch.ones(1, 1, 1, 1), "ratio")


@given(st.data(), shapes)
def test_highest_activation_wins_and_ties_go_to_the_first(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    maps = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    texts = tuple(f"token {k}" for k in range(shape[0]))
    peaks = [max(maps[k].ravel().tolist()) for k in range(shape[0])]
    best = next(k for k in range(shape[0]) if peaks[k] == max(peaks))
    chosen, record = choose_token(torch.from_numpy(maps), texts, "highest")
    assert record.chosen == best
    assert record.text == texts[best]
    assert record.activations.tolist() == peaks
    assert np.array_equal(chosen.numpy(), maps[best])
    averaged, record = choose_token(torch.from_numpy(maps), texts, "mean")
    assert record.weights.tolist() == pytest.approx([1 / shape[0]] * shape[0])
    assert record.text == ("mean of tokens" if shape[0] > 1 else texts[0])
    np.testing.assert_allclose(averaged.numpy(), maps.mean(axis=0), rtol=1e-12)


@given(st.data(), shapes, st.sampled_from(get_args(TokenRule)))
def test_the_map_is_the_weighted_sum_of_the_maps(
    data: st.DataObject, shape: tuple[int, ...], rule: TokenRule
) -> None:
    maps = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    got, record = choose_token(torch.from_numpy(maps), ("a",) * shape[0], rule)
    assert record.weights.sum() == pytest.approx(1)
    assert record.weights.min() >= 0
    expected = sum(share * one for share, one in zip(record.weights, maps, strict=True))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("rule", "activations", "expected", "text"),
    [
        ("weighted", [3, 1, 2], [2 / 3, 0, 1 / 3], "2 tokens"),
        ("weighted", [2, 2, 2], [1 / 3, 1 / 3, 1 / 3], "mean of tokens"),
        ("weighted", [1, 1, 5], [0, 0, 1], "c"),
        ("weighted", [1e-310, 2e-310, 3e-310], [0, 1 / 3, 2 / 3], "2 tokens"),
        ("top-2", [3, 1, 2], [0.5, 0, 0.5], "2 tokens"),
        ("top-2", [1, 1, 1], [0.5, 0.5, 0], "2 tokens"),  # equals: the earlier ones
        ("top-2", [0, 9], [0.5, 0.5], "mean of tokens"),
        ("top-2", [4], [1], "a"),
        ("weighted", [4], [1], "a"),
        ("highest", [1, 2, 2], [0, 1, 0], "b"),
    ],
)
def test_weights_by_hand(
    rule: TokenRule, activations: list[float], expected: list[float], text: str
) -> None:
    values = np.array(activations, float)
    shares = token_weights(values, rule)
    assert shares.tolist() == pytest.approx(expected, rel=1e-9)
    assert TokenChoice(("a", "b", "c")[: len(values)], values, shares).text == text


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.5, 0.4, 0.2], [1.5, -0.5, 0], [np.nan, 0, 1]])
def test_weights_that_are_no_shares_of_the_tokens_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        TokenChoice(("a", "b", "c"), np.ones(3), np.array(shares))


@given(hnp.arrays(np.float64, st.tuples(*[st.integers(1, 4)] * 3), elements=weights))
def test_unreversal_is_an_involution(spatial: np.ndarray) -> None:
    tensor = torch.from_numpy(spatial)
    assert np.array_equal(unreverse(tensor).numpy(), spatial[::-1])
    assert torch.equal(unreverse(unreverse(tensor)), tensor)


@given(
    hnp.arrays(np.float64, (2, 3, 2), elements=weights),
    hnp.arrays(np.float64, (2, 3, 2), elements=weights),
)
def test_assembling_is_the_mean_and_consistency_the_cosine(a: np.ndarray, b: np.ndarray) -> None:
    one, other = torch.from_numpy(a), torch.from_numpy(b)
    np.testing.assert_allclose(assemble(one, other).numpy(), (a + b) / 2, rtol=1e-12)
    norms = math.sqrt((a**2).sum() * (b**2).sum())
    if norms > 1e-6:
        assert consistency(one, other) == pytest.approx((a * b).sum() / norms, abs=1e-9)
