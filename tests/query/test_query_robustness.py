"""Overrides, bad input, arbitrary text, speed and lightness of the decomposer."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zerotube.errors import QueryError
from zerotube.query import Query, decompose


def test_attribute_override_changes_noun_and_source() -> None:
    query = decompose("the man sits", attribute="The old lady in red.")
    assert query.attribute == "the old lady in red"
    assert query.action == "the man sits"
    assert query.noun == "lady"
    assert query.source == "override"


def test_action_override_keeps_the_rest() -> None:
    query = decompose("the man in red sits", action="the man stands up")
    assert (query.attribute, query.action) == ("the man in red", "the man stands up")
    assert query.noun == "man"
    assert query.statement == "the man in red sits"
    assert query.source == "override"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "?!...", "\u200b", "\ud800", "🙂"])
def test_text_without_words(text: str) -> None:
    with pytest.raises(QueryError, match="wanted a sentence"):
        decompose(text)
    with pytest.raises(QueryError, match="wanted a sentence"):
        decompose("the man sits", action=text)


def test_text_too_long() -> None:
    with pytest.raises(QueryError) as caught:
        decompose("the man sits and " * 600)
    message = str(caught.value)
    assert "10,200 characters" in message
    assert "at most 1,000" in message
    assert "shorten" in message
    assert "\n" not in message
    with pytest.raises(QueryError, match="attribute of 1,001 characters"):
        decompose("the man sits", attribute="x" * 1001)
    assert decompose("x" * 1000).noun == "x" * 1000


def _holds_together(query: Query, text: str) -> None:
    assert query.text == text
    for phrase in (query.attribute, query.action, query.noun, query.statement):
        assert phrase == phrase.strip()
        assert phrase
        assert "\n" not in phrase


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=1000))
@example("हिन्दी में")
@example("穿红衣服的男人坐下")
@example("the\x00man\u202esits")
@example("who")
@example("is there")
@example("what does")
@example("of the")
@example("a's' s's 's")
@example("----")
def test_any_text_gives_a_query_or_a_query_error(text: str) -> None:
    try:
        query = decompose(text)
    except QueryError:
        return
    _holds_together(query, text)


VOCABULARY = """
    the a red man woman in with and or , who which that whose what is are does did do there of on
    by kicked left sitting riding walks lean watches watch her his child's one two some all to away
    from next front up then slowly while because how where can not room colour xqzt - ' ? hands seat
    light been being whom these
"""


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY.split()), max_size=40))
def test_any_order_of_known_words(parts: list[str]) -> None:
    text = " ".join(parts)
    try:
        query = decompose(text)
    except QueryError:
        assert not any(char.isalnum() for char in text)
        return
    _holds_together(query, text)


@pytest.mark.parametrize(
    "unit",
    [
        "kicked ",
        "who is ",
        "the ",
        "and a man ",
        "of ",
        "a, ",
        "in red ",
        "'",
        "a-",
        "1.",
        "\ufdfa",
    ],
)
def test_repetitive_text_is_fast(unit: str) -> None:
    text = ("who does the man " + unit * 1000)[:1000]
    decompose("warm up the word table")
    start = time.perf_counter()
    decompose(text)
    assert time.perf_counter() - start < 2.0


def test_importing_is_light() -> None:
    """``zerotube --help`` must answer at once, so nothing heavy may come in with the package."""
    code = (
        "import sys, zerotube.query; zerotube.query.decompose('the man sits');"
        "heavy = {'torch', 'numpy', 'lemminflect', 'spacy', 'transformers'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
