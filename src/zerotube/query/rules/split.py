"""Splits a statement into what its subject looks like and what it does (method section 6).

Conventions, read off labelled real queries:

* the attribute is the subject with everything that describes it: "a child in yellow clothes";
* the action is the subject's bare noun, its determiner, and the rest: "a child leans on a sofa";
* without a verb, the first relation or activity opens the action: "a toy towards an adult".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zerotube.query.rules import words
from zerotube.query.rules.grammar import NounPhrase, Parser, Verbs
from zerotube.query.rules.lexicon import Tag
from zerotube.query.rules.modifiers import (
    EVENTS,
    Modifiers,
    UnitKind,
    match_preposition,
    read_modifiers,
)
from zerotube.query.rules.tokens import Token, join, word


@dataclass(frozen=True, slots=True)
class Split:
    """A statement taken apart; a phrase is empty where the statement has none.

    Attributes:
        attribute: what the subject looks like.
        action: what it does, with its bare noun in front.
        noun: its bare noun.
    """

    attribute: str
    action: str
    noun: str


def split_statement(tokens: Sequence[Token], *, existential: bool = False) -> Split:
    """Split a statement.

    Args:
        tokens: its words, without "there is".
        existential: "there is" stood in front, so the sentence's verb is already spent and a
            later one belongs to a clause ("there is a toy behind a child who sits").
    """
    front, tokens = _take_front(list(tokens))
    parser = Parser(tokens)
    reading = _read(parser, existential=existential)
    if reading is None:
        return Split("", "", _any_noun(parser))
    noun = _noun(parser, reading.subject)
    if reading.cut is None:
        return Split(join(tokens), "", noun)
    predicate = tokens[reading.cut :]
    if reading.is_clause and not predicate[1].can(Tag.DET | Tag.PRON | Tag.POSSESSIVE):
        predicate = predicate[1:]  # "a man who walks" -> "a man walks"
    words_before = [token for token in front if not token.can(Tag.PUNCT)]
    leading, trailing = ([], front) if not _is_adverbs(front) else (words_before, [])
    action = [*bare_subject(parser, reading.subject), *leading, *predicate, *trailing]
    return Split(join(tokens[: reading.cut]), join(action), noun)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a statement.

    Attributes:
        subject: its noun phrases.
        cut: the token where the action starts; None if nothing happens.
        is_clause: the action is a relative clause ("a man who walks").
    """

    subject: list[NounPhrase]
    cut: int | None
    is_clause: bool = False


def _read(parser: Parser, *, existential: bool) -> _Reading | None:
    """The first reading that has an action, from the clearest verbs to the doubtful ones.

    Common actions are tried before a relation is taken for the action of a sentence that should
    have a verb ("a baby lean on a chair near the door"); far-fetched verbs come last.
    """
    reading = None
    for level in (Verbs.CLEAR, Verbs.ACTION, Verbs.ANY):
        parser.level = level
        subject = read_subject(parser)
        if subject is None:
            return None
        found = read_modifiers(parser, subject[-1].stop)
        event = next((unit for unit in found.units if unit.kind in EVENTS), None)
        if found.verb is not None and not (existential and event is not None):
            return _Reading(_with_companions(parser, subject, found), found.verb)
        if event is not None and (level is not Verbs.CLEAR or existential):
            return _Reading(subject, event.start, event.kind is UnitKind.CLAUSE)
        place = next((u.start for u in found.units if u.kind is UnitKind.PLACE), None)
        if reading is None or reading.cut is None:
            reading = _Reading(subject, place)
    return reading


def _with_companions(
    parser: Parser, subject: list[NounPhrase], found: Modifiers
) -> list[NounPhrase]:
    """The subject with people joined after its modifiers: "the man in red and the woman walk".

    A verb in the third person singular shows that they belong to the modifier instead: "the man
    behind the boy and the girl walks".
    """
    verb = parser.at(found.verb if found.verb is not None else -1)
    if verb.can(Tag.THIRD | Tag.PLURAL) or verb.text in ("is", "was", "has"):
        return subject
    companions = []
    for unit in found.units:
        joined = parser.at(unit.start - 1).text == "and" and parser.at(unit.start).can(Tag.DET)
        phrase = parser.noun_phrase(unit.start) if joined else None
        if phrase is not None and parser.at(phrase.head).known in words.PEOPLE:
            companions.append(phrase)
    return [*subject, *companions]


def read_subject(parser: Parser, start: int = 0) -> list[NounPhrase] | None:
    """The noun phrases of the subject: one, or several joined by "and" or "of".

    "a group of people" and "one of the men" are one subject: their first noun says little.
    """
    phrase = parser.noun_phrase(start)
    if phrase is None or parser.at(phrase.head).can(Tag.PUNCT):
        return None
    phrases = [phrase]
    head = parser.at(phrase.head)
    measures = head.known in words.MEASURES | words.PARTITIVES or head.can(Tag.NUM)
    if parser.at(phrase.stop).text == "of" and measures:
        rest = parser.noun_phrase(phrase.stop + 1)
        if rest:
            phrases.append(rest)
    parser.plural_subject = head.can(Tag.PLURAL) or any(
        parser.at(i).known in words.PLURAL_NUMBERS for i in phrase.kept
    )
    while (further := _joined_noun(parser, phrases[-1].stop)) is not None:
        phrases.append(further)
        parser.plural_subject = True
    return phrases


def _joined_noun(parser: Parser, joint: int) -> NounPhrase | None:
    """The noun phrase after "and", or after a comma in a list that goes on."""
    opens = parser.at(joint + 1).can(Tag.DET | Tag.NUM | Tag.PRON)
    if parser.at(joint).text not in ("and", ",") or not opens:
        return None
    phrase = parser.noun_phrase(joint + 1)
    goes_on = phrase is not None and parser.at(phrase.stop).text in ("and", ",")
    return phrase if parser.at(joint).text == "and" or goes_on else None


def bare_subject(parser: Parser, subject: Sequence[NounPhrase]) -> list[Token]:
    """The subject's words without adjectives, the article adapted: "an adult man" -> "a man"."""
    result: list[Token] = []
    previous: NounPhrase | None = None
    for phrase in subject:
        if previous is not None:
            link = parser.at(phrase.start - 1)
            result.append(link if link.text in ("of", ",") else word("and"))
        kept = [parser.tokens[i] for i in phrase.kept]
        dropped = len(kept) < phrase.stop - phrase.start
        if dropped and len(kept) > 1 and kept[0].text in ("a", "an"):
            kept[0] = word("an" if kept[1].text[0] in "aeiou" else "a")
        result += kept
        previous = phrase
    return result


def _take_front(tokens: list[Token]) -> tuple[list[Token], list[Token]]:
    """Split off what stands before the subject: "then", "in the room,", "after sitting down,"."""
    parser = Parser(tokens)
    start = 0
    while parser.at(start).can(Tag.PUNCT) or parser.is_adverb(start):
        start += 1
    if not parser.at(start).can(Tag.PREP | Tag.CONJ) or parser.at(start).can(Tag.DET):
        return tokens[:start], tokens[start:]
    comma = next((i for i in range(start, len(tokens)) if tokens[i].text == ","), None)
    if comma is not None and parser.opens_noun(comma + 1):
        return tokens[:comma], tokens[comma + 1 :]
    phrase = parser.noun_phrase(match_preposition(parser, start))
    if phrase is not None and parser.at(phrase.stop).can(Tag.DET):
        return tokens[: phrase.stop], tokens[phrase.stop :]
    return [], tokens


def _is_adverbs(tokens: Sequence[Token]) -> bool:
    return all(token.can(Tag.ADV | Tag.PUNCT) for token in tokens)


def _noun(parser: Parser, subject: Sequence[NounPhrase]) -> str:
    """What a detector should look for: the bare head noun, the counted noun of "one of the men".

    A pronoun stands for a person or an object.
    """
    measured = len(subject) > 1 and parser.at(subject[1].start - 1).text == "of"
    phrase = subject[1] if measured else subject[0]
    head = parser.at(phrase.head)
    if head.known in words.PERSON_PRONOUNS:
        return "person"
    if head.known in words.THING_PRONOUNS:
        return "object"
    fixed = Tag.DET | Tag.NUM | Tag.POSSESSIVE
    kept = [parser.at(i) for i in phrase.kept]
    return join([token for token in kept if not token.can(fixed)]) or head.text


def _any_noun(parser: Parser) -> str:
    """Some noun of a sentence without subject; a detector needs one."""
    return next((t.text for t in parser.tokens if t.can(Tag.NOUN | Tag.PLURAL)), "object")
