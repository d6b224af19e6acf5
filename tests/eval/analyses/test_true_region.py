"""The true box on the grid, against pictures painted pixel by pixel and plain loops over cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.eval.analyses.region import Region, region_of
from zerotube.mllm.types import TokenLayout

SIZE = (40, 60)
"""Pixels of the picture; a cell of the 4 x 6 grid has 10 x 10."""


def layout(step_of_frame: list[int], view: tuple[float, ...] = (0, 0, 1, 1)) -> TokenLayout:
    steps = max(step_of_frame) + 1
    cells = np.arange(steps * 24, dtype=np.int64).reshape(steps, 4, 6)
    return TokenLayout(cells, steps * 24, np.array(step_of_frame), view)  # type: ignore[arg-type]


def whole_cells(top: int, left: int, bottom: int, right: int) -> list[float]:
    """A box that covers cells entirely, edges in cells."""
    return [left * 10.0, top * 10.0, right * 10.0, bottom * 10.0]


def test_ratio_of_hand_made_maps() -> None:
    boxes = np.array([whole_cells(0, 0, 2, 2), whole_cells(1, 1, 3, 4), [0, 0, 1, 1]])
    region = region_of(boxes, np.array([True, True, False]), layout([0, 1, 2]), SIZE)
    assert region.steps.tolist() == [0, 1]
    maps = np.full((2, 3, 4, 6), 0.1, np.float32)
    maps[0, 0, 1, 1] = 6.0  # inside
    maps[0, 1, 0, 0] = 1.5  # outside
    maps[0, 2, 0, 0] = 9.0  # at a step whose true box is not known: neither
    maps[1, 1, 2, 3] = 0.2  # inside, at the corner of the box
    maps[1, 0, 3, 5] = 0.8  # outside
    assert region.ratios(maps) == pytest.approx([6.0 / 1.5, 0.2 / 0.8])
    inside, outside = region.masses(maps[0]) or (math.nan, math.nan)
    assert inside == pytest.approx(6.0 + 0.1 * 3 + 0.1 * 6)
    assert outside == pytest.approx(1.5 + 0.1 * 20 + 0.1 * 17)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 4), st.integers(1, 6)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 1000),
)
def test_ratio_and_masses_are_those_of_a_plain_loop(
    corners: list[tuple[int, int, int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    edges = [(t, x, min(t + h, 4), min(x + w, 6)) for t, x, h, w in corners]
    known = rng.random(len(edges)) < 0.7
    steps = list(range(len(edges)))
    maps = rng.random((2, len(edges), 4, 6)).astype(np.float32)
    region = region_of(np.array([whole_cells(*e) for e in edges]), known, layout(steps), SIZE)
    for ratio, one in zip(region.ratios(maps), maps, strict=True):
        inside, outside = [], []
        for step in steps:
            for y, x in np.ndindex(4, 6):
                if known[step]:
                    top, left, bottom, right = edges[step]
                    within = top <= y < bottom and left <= x < right
                    (inside if within else outside).append(float(one[step, y, x]))
        if inside and outside:
            assert ratio == pytest.approx(max(inside) / max(outside))
        else:
            assert np.isnan(ratio)
        masses = region.masses(one)
        if known.any():
            assert masses == pytest.approx((sum(inside), sum(outside)))
        else:
            assert masses is None


def test_a_step_of_two_frames_holds_both_boxes() -> None:
    boxes = np.array([whole_cells(0, 0, 1, 1), whole_cells(3, 5, 4, 6)])
    region = region_of(boxes, np.array([True, True]), layout([0, 0]), SIZE)
    assert np.argwhere(region.weights).tolist() == [[0, 0, 0], [0, 3, 5]]
    first = region_of(boxes, np.array([True, False]), layout([0, 0]), SIZE)
    assert np.argwhere(first.weights).tolist() == [[0, 0, 0]]


def test_where_a_ratio_has_no_meaning() -> None:
    maps = np.ones((1, 1, 4, 6), np.float32)
    everywhere = np.array([whole_cells(0, 0, 4, 6)])
    right_half = np.array([whole_cells(0, 3, 4, 6)])
    one = np.array([True])
    assert np.isnan(region_of(everywhere, one, layout([0]), SIZE).ratios(maps)[0])
    # The model sees the left half alone: the box is out of view.
    hidden = region_of(right_half, one, layout([0], (0.0, 0.0, 0.5, 1.0)), SIZE)
    assert np.isnan(hidden.ratios(maps)[0])
    nothing = Region(np.zeros((0, 4, 6)), np.zeros(0, np.int64))
    assert np.isnan(nothing.ratios(maps)[0])
    # No attention outside: infinitely good is not a number either.
    maps[:, :, :, :3] = 0.0
    assert np.isnan(region_of(right_half, one, layout([0]), SIZE).ratios(maps)[0])
