"""Golden prompts: the method is its prompts, so a changed character must fail a test."""

from __future__ import annotations

import pytest

from zerotube.query import CAPTION_PROMPT, decompose, existence_prompt
from zerotube.query.prompts import excluding_prompt


def test_caption_prompt() -> None:
    assert CAPTION_PROMPT == "Describe this video in details."


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("the man in red", "Is there the man in red in this video?"),
        ("a {phrase} in braces", "Is there a {phrase} in braces in this video?"),
    ],
)
def test_existence_prompt(phrase: str, prompt: str) -> None:
    assert existence_prompt(phrase) == prompt


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("the man in red", "Describe everything in this video except the man in red."),
        ("a {phrase} in braces", "Describe everything in this video except a {phrase} in braces."),
    ],
)
def test_excluding_prompt(phrase: str, prompt: str) -> None:
    assert excluding_prompt(phrase) == prompt


def test_prompts_of_the_papers_example() -> None:
    query = decompose("The man in purple clothes takes a step forward and sits on the bench.")
    assert [existence_prompt(p) for p in (query.attribute, query.action, query.statement)] == [
        "Is there the man in purple clothes in this video?",
        "Is there the man takes a step forward and sits on the bench in this video?",
        "Is there the man in purple clothes takes a step forward and sits on the bench"
        " in this video?",
    ]


def test_whole_statement_stands_in_for_a_missing_phrase() -> None:
    query = decompose("The yellow ball.")
    assert existence_prompt(query.action) == "Is there the yellow ball in this video?"
