"""The query type's checks and the phrase score."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.errors import QueryError
from zerotube.query import Query, phrase_f1

FIELDS: dict[str, Any] = {
    "text": "The man sits.",
    "attribute": "the man",
    "action": "the man sits",
    "noun": "man",
    "statement": "the man sits",
    "kind": "declarative",
    "source": "rules",
}


def test_query_is_frozen() -> None:
    query = Query(**FIELDS)
    with pytest.raises(AttributeError):
        query.noun = "woman"  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "kind"])
@pytest.mark.parametrize("value", ["", " \n"])
def test_query_refuses_blank_fields(name: str, value: str) -> None:
    with pytest.raises(QueryError, match=name):
        Query(**(FIELDS | {name: value}))


def test_query_refuses_unknown_kind() -> None:
    with pytest.raises(QueryError, match="declarative, interrogative"):
        Query(**(FIELDS | {"kind": "imperative"}))


@pytest.mark.parametrize(
    ("predicted", "truth", "score"),
    [
        ("the man", "the man", 1.0),
        ("The MAN.", "the, man!", 1.0),
        ("the man in red", "the man", 2 / 3),
        ("the the man", "the man man", 2 / 3),
        ("rainbow-colored toy", "rainbow-colored toy", 1.0),
        ("a dog", "the cat", 0.0),
        ("", "the cat", 0.0),
        ("the cat", "...", 0.0),
        ("", "", 1.0),
    ],
)
def test_phrase_f1(predicted: str, truth: str, score: float) -> None:
    assert phrase_f1(predicted, truth) == pytest.approx(score)


@given(st.text(max_size=60), st.text(max_size=60))
def test_phrase_f1_is_symmetric_and_bounded(left: str, right: str) -> None:
    assert phrase_f1(left, right) == phrase_f1(right, left)
    assert 0.0 <= phrase_f1(left, right) <= 1.0
    assert phrase_f1(left, left) == 1.0
