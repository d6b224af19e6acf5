"""Reading and checking what a language model answered: nothing it made up gets through."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from zerotube.errors import QueryError
from zerotube.query.rules.lexicon import Tag, bases_of, lemmas_of
from zerotube.query.rules.tokens import Token, join, normalise, spoken, tokenise
from zerotube.query.types import Query

MAX_ANSWER_CHARS: Final = 20_000
"""An answer is three short phrases; what is longer is not read."""

_FIELDS: Final = ("attribute", "action", "noun")
_ARTICLES: Final = frozenset({"a", "an", "the"})
_SLACK: Final = 2
"""Words a phrase may have more than its sentence: a question's stand-in such as "a person"."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """A checked decomposition.

    Attributes:
        attribute: see ``Query``.
        action: see ``Query``.
        noun: see ``Query``.
    """

    attribute: str
    action: str
    noun: str


def read_answer(answer: str, rules: Query) -> Phrases:
    """The phrases in a model's answer.

    The JSON object may stand between other text: a code fence, or the thoughts of a model that
    thinks aloud. Of several objects the last one with all three phrases counts.

    Args:
        answer: what the model wrote.
        rules: what the rules made of the same sentence.

    Raises:
        QueryError: there is no such object, or it fails ``checked_phrases``. The message never
            quotes the answer, which may hold anything.
    """
    if len(answer) > MAX_ANSWER_CHARS:
        raise _refused(f"an answer of {len(answer):,} characters")
    objects = _objects(re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL))
    if not objects:
        raise _refused("an answer without a JSON object")
    complete = [item for item in objects if all(name in item for name in _FIELDS)]
    if not complete:
        raise _refused("an answer whose JSON lacks one of the three names")
    return checked_phrases(complete[-1], rules)


def _objects(text: str) -> list[dict[str, Any]]:
    """Outermost JSON objects in a text, in order."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    start = text.find("{")
    while start >= 0:
        try:
            value, stop = decoder.raw_decode(text, start)
        except RecursionError:
            break  # brackets by the thousand are not an answer, and slow to read from every one
        except ValueError:
            stop = start + 1
        else:
            found.append(value)
        start = text.find("{", stop)
    return found


def checked_phrases(values: dict[str, Any], rules: Query) -> Phrases:
    """Phrases that consist of the sentence's words.

    Both phrases have a word in them, are no longer than the sentence, use its words or inflections
    of them, and name the noun. Articles are free, and so are the words of the rules' own phrases,
    which hold "a person" and "an object" where the sentence asks for them.

    Args:
        values: attribute, action and noun, of any type.
        rules: what the rules made of the sentence.

    Raises:
        QueryError: one of this does not hold.
    """
    source = (rules.text, rules.statement, rules.attribute, rules.action, rules.noun)
    words = {token.text for text in source for token in tokenise(normalise(text))}
    bases = bases_of(words)
    longest = len(tokenise(rules.statement)) + _SLACK
    tokens: dict[str, list[Token]] = {}
    for name in _FIELDS:
        if not isinstance(values.get(name), str):
            raise _refused(f"an answer whose {name} is not text")
        tokens[name] = spoken(values[name])
        if not tokens[name]:
            raise _refused(f"an answer with an empty {name}")
        if len(tokens[name]) > longest:
            raise _refused(f"an answer whose {name} is longer than the sentence")
        foreign = [token.text for token in tokens[name] if not _known(token.text, words, bases)]
        if foreign:
            count = f"{len(foreign)} word{'s' if len(foreign) > 1 else ''}"
            raise _refused(f"an answer whose {name} has {count} that the sentence does not have")
    noun = tokens["noun"]
    if noun[0].text in _ARTICLES or not any(
        token.can(Tag.NOMINAL | Tag.PRON | Tag.ING) for token in noun
    ):
        raise _refused("an answer whose noun is not a bare noun")
    for name in ("attribute", "action"):
        if not _contains(tokens[name], noun):
            raise _refused(f"an answer whose {name} does not name its noun")
    return Phrases(*(join(tokenise(normalise(values[name]))) for name in _FIELDS))


def _known(word: str, words: set[str], bases: frozenset[str]) -> bool:
    return word in _ARTICLES or word in words or bool(lemmas_of(word) & bases)


def _contains(phrase: list[Token], noun: list[Token]) -> bool:
    bases = bases_of(token.text for token in phrase)
    return all(lemmas_of(token.text) & bases for token in noun)


def _refused(got: str) -> QueryError:
    return QueryError(
        got,
        wanted='JSON {"attribute": ..., "action": ..., "noun": ...} in words of the sentence',
        fix="use a model that follows instructions better",
    )
