"""Which answers of a language model are accepted, and the prompt that asks for them."""

from __future__ import annotations

import json

import pytest

from zerotube.errors import QueryError
from zerotube.query import decompose
from zerotube.query.llm.answer import checked_phrases, read_answer
from zerotube.query.prompts import (
    DECOMPOSITION_EXAMPLES,
    decomposition_prompt,
    repeated_prompt,
)


def test_the_prompt_is_frozen() -> None:
    prompt = decomposition_prompt('a "man"')
    task, first, *_, last = prompt.split("\n\n")
    assert task.startswith("Split a sentence about one object in a video into three parts:\n")
    assert task.endswith("Answer with one JSON object and nothing else.")
    assert first == (
        'Sentence: "the waiter in a black vest pours some tea and walks away"\n'
        'Answer: {"attribute": "the waiter in a black vest", '
        '"action": "the waiter pours some tea and walks away", "noun": "waiter"}'
    )
    assert last == 'Sentence: "a \\"man\\""\nAnswer:'
    again = repeated_prompt('a "man"', "an answer with an empty noun")
    assert again.startswith(task)
    assert again.endswith(f"was refused: an answer with an empty noun.\n\n{last}")


@pytest.mark.parametrize("example", DECOMPOSITION_EXAMPLES, ids=lambda item: item[0])
def test_the_examples_pass_the_check(example: tuple[str, str, str, str]) -> None:
    text, attribute, action, noun = example
    values = {"attribute": attribute, "action": action, "noun": noun}
    found = read_answer(json.dumps(values), decompose(text))
    assert (found.attribute, found.action, found.noun) == (attribute, action, noun)


@pytest.mark.parametrize(
    ("text", "attribute", "action", "noun"),
    [
        ("two men in hats are walking", "a man in a hat", "the man walks", "man"),
        ("the woman's dog ran off", "the dog of the woman", "", ""),
        ("he is wearing glasses and leaves", "he wearing glasses", "he left", "he"),
        ("what does the child pat?", "an object", "the child patting an object", "object"),
        ("the boy in a T-Shirt runs", "The boy in a t-shirt.", "the boy running", "boy"),
    ],
)
def test_inflections_are_the_sentence_s_words(
    text: str, attribute: str, action: str, noun: str
) -> None:
    values = {"attribute": attribute, "action": action, "noun": noun}
    if "" in values.values():  # "of" is no form of a word in it
        with pytest.raises(QueryError, match="1 word that"):
            checked_phrases(values, decompose(text))
        return
    found = checked_phrases(values, decompose(text))
    assert found.attribute == attribute.lower().rstrip(".")


@pytest.mark.parametrize("value", [None, 3, ["man"], {"a": 1}, "", "  ", "?!", "\u200b"])
@pytest.mark.parametrize("name", ["attribute", "action", "noun"])
def test_phrases_that_are_none(name: str, value: object) -> None:
    good = {"attribute": "the man in red", "action": "the man sits", "noun": "man"}
    with pytest.raises(QueryError, match=name):
        checked_phrases({**good, name: value}, decompose("the man in red sits"))


@pytest.mark.parametrize("noun", ["the man", "the", "in", "red and"])
def test_nouns_that_are_none(noun: str) -> None:
    values = {"attribute": "the man in red", "action": "the man sits", "noun": noun}
    with pytest.raises(QueryError, match="noun"):
        checked_phrases(values, decompose("the man in red and blue sits"))


def test_a_refusal_does_not_quote_the_answer() -> None:
    with pytest.raises(QueryError) as caught:
        read_answer('{"attribute": "sesame", "action": "sesame", "noun": "x"}', decompose("a man"))
    assert "sesame" not in str(caught.value)
    with pytest.raises(QueryError, match="30,000 characters"):
        read_answer("{" * 30_000, decompose("a man"))
