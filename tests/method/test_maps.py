"""Relative attention, token choice and assembling against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zerotube.method.assembling import assemble, consistency, unreverse
from zerotube.method.relevance import relative
from zerotube.method.tokens import choose_token

weights = st.floats(0, 1, width=32)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@given(st.data(), shapes)
def test_relative_divides_cell_by_cell(data: st.DataObject, shape: tuple[int, ...]) -> None:
    maps = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    generic = data.draw(hnp.arrays(np.float64, shape, elements=weights))
    got = relative(torch.from_numpy(maps), torch.from_numpy(generic)).numpy()
    for index in np.ndindex(*shape):
        assert got[index] == pytest.approx(maps[index] / (generic[index] + 1e-4), rel=1e-12)


def test_relative_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="shapes"):
        relative(torch.ones(2, 1, 1, 1), torch.ones(1, 1, 1, 1))


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
    assert record.chosen is None
    assert record.text == "mean of tokens"
    np.testing.assert_allclose(averaged.numpy(), maps.mean(axis=0), rtol=1e-12)


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
