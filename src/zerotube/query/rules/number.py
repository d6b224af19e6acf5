"""A sentence about several objects as one about each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from zerotube.query.rules import words
from zerotube.query.rules.lexicon import Tag, third_person
from zerotube.query.rules.tokens import Token, join, normalise, spoken, tokenise, word
from zerotube.query.types import Query

_ONE_OF: Final = {"people": "person", "these": "this", "those": "that"}
_BE_OF_ONE: Final = {"were": "was", "'re": "'s"}
_JOINS: Final = frozenset(("and", "or", "but", "then", ","))
_RELATIVE: Final = frozenset(("who", "that", "which"))


def singular(query: Query) -> Query | None:
    """The query as it reads of one of the objects it means, or None if it means one.

    >>> one = singular(decompose("all the red circles move left"))
    >>> one.attribute, one.action, one.statement
    ('the red circle', 'the circle moves left', 'the red circle moves left')

    Only the noun that is meant counts: "a group of men" and "a man with two dogs" are one.

    Args:
        query: decomposed by anybody.
    """
    noun = spoken(query.noun)
    if not noun or not _several(noun[-1]):
        return None
    attribute = tokenise(normalise(query.attribute))
    head = _place_of(noun, attribute)
    if head is None or any(token.text == "of" for token in attribute[: head + 1]):
        return None
    name = join([*noun[:-1], word(_one(noun[-1].text))])
    described = _described(attribute, head)
    statement = tokenise(normalise(query.statement))
    same = [token.text for token in statement[: len(attribute)]] == [t.text for t in attribute]
    action = tokenise(normalise(query.action))
    place = _place_of(noun, action)
    return replace(
        query,
        attribute=described,
        noun=name,
        action=query.action if place is None else _told(join(_named(action, place)), action, place),
        statement=_told(described, statement, len(attribute) - 1) if same else described,
    )


def as_asked(query: Query, plurals: bool) -> Query:
    """The query that is asked: of one object where it means several, else the same.

    Args:
        query: decomposed by anybody.
        plurals: whether sentences about several objects are asked of one.
    """
    return (singular(query) if plurals else None) or query


def _several(token: Token) -> bool:
    """Whether a noun means more than one."""
    if token.text in words.PLURAL_OF_ONE or not (token.can(Tag.PLURAL) or token.text in _ONE_OF):
        return False
    return not token.can(Tag.NOUN) or token.text in _ONE_OF


def _one(noun: str) -> str:
    """Its singular."""
    from lemminflect import getLemma  # 0.4 s, for plural sentences alone

    return _ONE_OF.get(noun) or str(getLemma(noun, upos="NOUN")[0])


def _verb_of_one(verb: str) -> str:
    """As it agrees with one: "are" -> "is", "move" -> "moves"."""
    return _BE_OF_ONE.get(verb) or third_person(verb)


def _place_of(noun: Sequence[Token], tokens: Sequence[Token]) -> int | None:
    """Position of the noun's last word, where the whole noun stands first."""
    texts, wanted = [token.text for token in tokens], [token.text for token in noun]
    for start in range(len(texts) - len(wanted) + 1):
        if texts[start : start + len(wanted)] == wanted:
            return start + len(wanted) - 1
    return None


def _named(tokens: Sequence[Token], head: int) -> list[Token]:
    """The phrase up to its noun, of one: "all the two red circles" -> "the red circle"."""
    before = list(tokens[:head])
    counted = [token for token in before if not token.can(Tag.NUM) and token.text not in words.MANY]
    kept = [word(_ONE_OF.get(token.text, token.text)) for token in counted]
    rest = [*kept, word(_one(tokens[head].text))]
    if kept and kept[0].can(Tag.DET):
        return rest
    return [word("an" if rest[0].text[0] in "aeiou" else "a"), *rest]


def _described(tokens: Sequence[Token], head: int) -> str:
    """The attribute phrase of one, with what follows: "who wear red" -> "who wears red"."""
    return join([*_named(tokens, head), *_agreeing(tokens[head + 1 :], only_relative=True)])


def _finite(token: Token) -> bool:
    return token.text in _BE_OF_ONE or token.text in words.IRREGULAR_THIRD or token.can(Tag.BASE)


def _told(name: str, tokens: Sequence[Token], head: int) -> str:
    """A name, and what the tokens after ``head`` say of it, with the verbs of one."""
    return join([*tokenise(name), *_agreeing(tokens[head + 1 :])])


def _agreeing(after: Sequence[Token], only_relative: bool = False) -> list[Token]:
    """What is said of several, said of one: the first verb, those joined to it, and "who wear"."""
    told: list[Token] = []
    expected = joins = not only_relative
    for place, token in enumerate(after):
        before = after[place - 1].text if place else ""
        expected = expected or before in _RELATIVE or (joins and before in _JOINS)
        changes = expected and _finite(token)
        told.append(
            replace(word(_verb_of_one(token.text)), glued=token.glued) if changes else token
        )
        if expected and not changes and not token.can(Tag.ADV) and not token.can(Tag.PUNCT):
            joins = joins and before in _JOINS  # no verb here: "in the yard and walk"
        expected = expected and not changes and token.can(Tag.ADV)  # "quickly turn"
    return told
