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
from zerotube.geometry.masks import decode_mask, encode_mask

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
