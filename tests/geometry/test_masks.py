"""COCO run-length masks against a plain transcription of the format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zerotube.errors import TracksError
from zerotube.geometry.masks import decode_mask, encode_mask, moved_mask

masks = arrays(np.bool_, st.tuples(st.integers(1, 17), st.integers(1, 17)))


def brute_force_counts(mask: np.ndarray) -> str:
    """The compressed string, pixel by pixel down the columns, from the definition."""
    runs, current = [0], False
    for value in mask.T.ravel().tolist():
        if value != current:
            runs.append(0)
            current = value
        runs[-1] += 1
    text = ""
    for index, run in enumerate(runs):
        rest = run - runs[index - 2] if index > 2 else run
        while True:
            digit = rest & 31
            rest >>= 5
            last = rest == (-1 if digit & 16 else 0)
            text += chr(48 + (digit if last else digit | 32))
            if last:
                break
    return text


@given(masks)
def test_encoding_is_the_coco_string_and_decodes_to_the_same_mask(mask: np.ndarray) -> None:
    rle = encode_mask(mask)
    assert rle == {"size": list(mask.shape), "counts": brute_force_counts(mask)}
    np.testing.assert_array_equal(decode_mask(json.loads(json.dumps(rle))), mask)


def test_uncompressed_counts_are_read_too() -> None:
    mask = decode_mask({"size": [2, 2], "counts": [1, 2, 1]})
    assert mask.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    "rle",
    [
        {"counts": "04"},
        {"size": [2], "counts": "04"},
        {"size": [2, -2], "counts": "04"},
        {"size": [2, 2], "counts": 4},
        {"size": [2, 2], "counts": "05"},
        {"size": [2, 2], "counts": "0P"},
        {"size": [2, 2], "counts": [5, -1]},
    ],
)
def test_a_damaged_encoding_is_refused(rle: dict[str, Any]) -> None:
    with pytest.raises(TracksError, match="wanted"):
        decode_mask(rle)


starts = st.integers(-4, 20)
old_edges = st.tuples(starts, st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair)))
# Powers of two divide exactly, so that floating point cannot fall on the wrong side of a pixel.
new_edges = st.tuples(starts, st.sampled_from([1, 2, 4, 8, 16])).map(
    lambda pair: (pair[0], sum(pair))
)


@given(masks, old_edges, new_edges, old_edges, new_edges)
def test_a_moved_mask_against_its_definition(mask, x_from, x_to, y_from, y_to) -> None:
    """Pixel by pixel in whole numbers: where in the old box does the centre of the pixel lie?"""
    height, width = mask.shape
    expected = np.zeros_like(mask)
    for row, column in np.ndindex(height, width):
        y, x = (
            (2 * a * (d - c) + (2 * pixel + 1 - 2 * c) * (b - a)) // (2 * (d - c))
            for pixel, (a, b), (c, d) in ((row, y_from, y_to), (column, x_from, x_to))
        )
        if 0 <= y < height and 0 <= x < width:
            expected[row, column] = mask[y, x]
    old, new = (
        np.array([x[0], y[0], x[1], y[1]], np.float32) for x, y in ((x_from, y_from), (x_to, y_to))
    )
    assert np.array_equal(moved_mask(mask, old, new), expected)


def test_a_mask_moves_and_grows_with_its_box() -> None:
    ring = np.ones((4, 4), dtype=bool)
    ring[1:3, 1:3] = False
    picture = np.zeros((20, 30), dtype=bool)
    picture[2:6, 3:7] = ring
    box = np.array([3, 2, 7, 6])
    shifted = moved_mask(picture, box, box + np.tile((10, 5), 2))
    assert np.array_equal(shifted, np.roll(picture, (5, 10), (0, 1)))
    doubled = moved_mask(picture, box, np.array([11, 5, 19, 13]))
    expected = np.zeros_like(picture)
    expected[5:13, 11:19] = np.kron(ring, np.ones((2, 2))).astype(bool)
    assert np.array_equal(doubled, expected)
    cut = moved_mask(picture, box, box - np.tile((5, 0), 2))
    assert np.array_equal(cut[:, :2], picture[:, 5:7])
    assert not cut[:, 2:].any()
    assert np.array_equal(moved_mask(picture, box, box), picture)
