"""From a sentence to a ``Query``, by rules, offline (method section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from zerotube.errors import QueryError
from zerotube.query.rules import words
from zerotube.query.rules.lexicon import Tag
from zerotube.query.rules.questions import is_question, rewrite, strip_video
from zerotube.query.rules.split import Split, split_statement
from zerotube.query.rules.tokens import Token, join, normalise, tokenise, trimmed
from zerotube.query.types import Kind, Query

MAX_QUERY_CHARS: Final = 1000
"""Longest accepted query. The prompts of the method hold one sentence, not a page."""


def decompose(text: str, *, attribute: str | None = None, action: str | None = None) -> Query:
    """Split a sentence into the sub-queries of the method.

    >>> query = decompose("The man in red sits down, then turns.")
    >>> query.attribute, query.action, query.noun
    ('the man in red', 'the man sits down, then turns', 'man')

    Args:
        text: a statement, a question or a noun phrase, at most ``MAX_QUERY_CHARS`` characters.
        attribute: used as the attribute phrase instead of the one found.
        action: used as the action phrase instead of the one found.

    Raises:
        QueryError: a text has no word in it or is too long.
    """
    tokens = _checked(text, "query")
    kind: Kind = "interrogative" if is_question(tokens) else "declarative"
    statement, parts = _question(tokens) if kind == "interrogative" else _statement(tokens)
    # What cannot be told apart is stood in for by the whole statement (method section 6).
    found = Query(
        text=text,
        attribute=parts.attribute or statement,
        action=parts.action or statement,
        noun=parts.noun,
        statement=statement,
        kind=kind,
        source="rules",
        has_action=bool(parts.action) or not parts.attribute,
    )
    return override(found, attribute=attribute, action=action)


def override(query: Query, *, attribute: str | None = None, action: str | None = None) -> Query:
    """The query with phrases of the user's own; a new attribute phrase brings its noun along.

    Args:
        query: decomposed by anybody.
        attribute: used as the attribute phrase; None keeps the one there is.
        action: used as the action phrase; None keeps the one there is.

    Raises:
        QueryError: a phrase has no word in it or is too long.
    """
    if attribute is not None:
        tokens = _checked(attribute, "attribute")
        noun = split_statement(tokens).noun
        query = replace(query, attribute=join(tokens), noun=noun, source="override")
    if action is not None:
        phrase = join(_checked(action, "action"))
        query = replace(query, action=phrase, source="override", has_action=True)
    return query


def _checked(text: str, name: str) -> list[Token]:
    """The tokens of a text that has at least one word and is not too long."""
    if len(text) > MAX_QUERY_CHARS:
        raise QueryError(
            f"{name} of {len(text):,} characters",
            wanted=f"at most {MAX_QUERY_CHARS:,}",
            fix="shorten it to one sentence, such as 'the man in red sits down'",
        )
    tokens = list(trimmed(tokenise(normalise(text))))
    if not tokens:
        raise QueryError(
            f"empty {name}" if not text.strip() else f"{name} without a word in it: {text[:40]!r}",
            wanted="a sentence that says which object is meant",
            fix="describe it, such as 'the man in red sits down'",
        )
    return tokens


def _statement(tokens: list[Token]) -> tuple[str, Split]:
    tokens = _without_command(tokens)
    opening = _existential_opening(tokens)
    tokens = tokens[opening:]
    return join(tokens), split_statement(tokens, existential=opening > 0)


def _existential_opening(tokens: list[Token]) -> int:
    """Length of "there is", "in this video there are", "there has been"; 0 if it is not there."""
    there = next((i for i, token in enumerate(tokens) if token.text == "there"), len(tokens))
    before = [token for token in tokens[:there] if not token.can(Tag.PUNCT)]
    if before and (len(before) > 3 or before[-1].text not in words.PICTURE):
        return 0
    stop = there + 1
    while stop < len(tokens) and tokens[stop].can(Tag.AUX):
        stop += 1
    return stop if there + 1 < stop < len(tokens) else 0


def _question(tokens: list[Token]) -> tuple[str, Split]:
    asked = rewrite(tokens)
    statement = join(asked.statement)
    parts = split_statement(asked.statement, existential=asked.existential)
    if asked.target is None:
        return statement, parts
    noun = split_statement(tokenise(asked.target)).noun
    return statement, Split(asked.target, statement, noun)


def _without_command(tokens: list[Token]) -> list[Token]:
    """Without "find", "please show me": what is sought follows."""
    start = 1 if tokens[0].text == "please" else 0
    if start < len(tokens) and tokens[start].text in words.SEEKING:
        start += 1
        if start < len(tokens) and tokens[start].text in ("me", "us"):
            start += 1
        if start < len(tokens) and tokens[start].can(Tag.DET):
            return strip_video(tokens[start:])
    return tokens
