"""What follows a noun: which modifiers, and where the sentence's verb is (method section 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from zerotube.query.rules import words
from zerotube.query.rules.grammar import Parser, Verbs
from zerotube.query.rules.lexicon import Tag


class UnitKind(Enum):
    """What a modifier after the noun does."""

    LOOKS = "looks"  # "in red", "with a hat", "wearing a hat", "on the left"
    PLACE = "place"  # "in the room"
    RELATION = "relation"  # "behind a child"
    DOING = "doing"  # "riding a horse"
    CLAUSE = "clause"  # "who rides a horse"
    OTHER = "other"  # an adverb, a further noun, or something not understood


@dataclass(frozen=True, slots=True)
class Unit:
    """A modifier, tokens ``start:stop``."""

    start: int
    stop: int
    kind: UnitKind


@dataclass(slots=True)
class Modifiers:
    """What follows a noun: its modifiers, then the finite verb at token ``verb``, if any.

    ``verb`` points at the adverb where one stands before the verb ("then walks").
    """

    units: list[Unit] = field(default_factory=list)
    verb: int | None = None


EVENTS = frozenset({UnitKind.RELATION, UnitKind.DOING, UnitKind.CLAUSE})
"""Modifiers that say what the target does rather than what it looks like."""


def read_modifiers(parser: Parser, start: int) -> Modifiers:
    """Modifiers from token ``start``, directly after a noun phrase, up to the main verb.

    A past form ("leaned", "kicked") is the main verb unless a clearer one follows ("the man
    dressed in red runs").
    """
    return _Reader(parser).read(start)


class _Reader:
    """The state of one reading from left to right."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser
        self.found = Modifiers()
        self.past: int | None = None  # first past form that could be the main verb
        self.agent_past: int | None = None  # first past form followed by "by"

    def read(self, start: int) -> Modifiers:
        index = start
        while index < len(self.parser.tokens):
            step = self._step(index)
            if step is None:
                break
            index = step
        if self.found.verb is None:
            self.found.verb = self.past if self.past is not None else self.agent_past
        return self.found

    def _step(self, index: int) -> int | None:
        """Consume one unit; None when the main verb or the end of the subject is reached."""
        parser = self.parser
        token = parser.at(index)
        if parser.level is Verbs.ONLY_BASE:
            if parser.is_base_verb(index) and not token.can(Tag.PREP | Tag.DET):
                self.found.verb = index
                return None
        elif self._is_finite(index):
            self.found.verb = index
            return None
        if token.can(Tag.PUNCT):
            return index + 1
        if token.known in words.JOINERS:
            return self._joined(index)
        if token.can(Tag.REL) and parser.at(index + 1).tags and not token.can(Tag.PREP):
            return self._clause(index)
        place = token.known in words.PLACE_ADVERBS and not parser.opens_noun(index + 1)
        if place or parser.is_adverb(index):
            return self._adverb(index)
        if token.can(Tag.PREP):
            return self._prepositional(index)
        if token.can(Tag.CONJ):
            # "while", "when": another clause begins, the subject is over.
            return None
        if token.known in words.DESCRIBING or parser.is_verb(index):
            return self._participle(index)
        return self._further_noun(index)

    def _add(self, start: int, stop: int, kind: UnitKind) -> int:
        self.found.units.append(Unit(start, stop, kind))
        return stop

    def _is_finite(self, index: int) -> bool:
        token = self.parser.at(index)
        if token.can(Tag.AUX):
            return self.parser.is_verb(index)
        if token.known in words.DESCRIBING:
            return False
        if token.can(Tag.THIRD):
            return self.parser.is_verb(index)
        return not token.can(Tag.PREP | Tag.DET) and self.parser.is_base_verb(index)

    def _joined(self, index: int) -> int | None:
        """After "and": a further modifier, a further noun, or the verb."""
        parser, after = self.parser, index + 1
        while parser.is_adverb(after) or parser.at(after).can(Tag.PUNCT):
            after += 1
        if parser.is_verb(after) and (self._is_finite(after) or parser.at(after).can(Tag.PAST)):
            # "a man riding a horse and holds a cup": the riding was the predicate already.
            self.found.verb = None if self._has_event() else after
            return None
        return index + 1

    def _adverb(self, index: int) -> int | None:
        """Adverbs before a verb belong to the verb; others are part of the description."""
        after = index
        while self.parser.is_adverb(after):
            after += 1
        if after > index and self._is_finite(after):
            # "who moves left then grows" goes on with the clause; "sitting there then stands"
            # more likely describes, unless a comma sets the sequel apart.
            last = self.found.units[-1].kind if self.found.units else None
            then = self.parser.at(index).text == "then" and last is UnitKind.CLAUSE
            sequel = then or self.parser.at(index - 1).text == ","
            self.found.verb = None if sequel and self._has_event() else index
            return None
        return self._add(index, max(after, index + 1), UnitKind.OTHER)

    def _has_event(self) -> bool:
        """True if something already read can be the predicate of what a verb now continues."""
        return self.past is not None or any(unit.kind in EVENTS for unit in self.found.units)

    def _further_noun(self, index: int) -> int:
        phrase = self.parser.noun_phrase(index)
        return self._add(index, phrase.stop if phrase else index + 1, UnitKind.OTHER)

    def _object(self, index: int, *, colour_alone: bool = False) -> int:
        """End of the noun phrase at ``index``, or ``index`` itself."""
        phrase = self.parser.noun_phrase(index, colour_alone=colour_alone)
        return phrase.stop if phrase else index

    # ---- one unit each ----------------------------------------------------------------------

    def _participle(self, index: int) -> int:
        """ "wearing a hat", "riding a horse", "kicked by the boy"."""
        token, after = self.parser.at(index), self.parser.at(index + 1)
        looks = token.known in words.DESCRIBING
        if token.can(Tag.PAST) and not token.can(Tag.ING) and not looks:
            if after.text == "by":
                self.agent_past = index if self.agent_past is None else self.agent_past
            elif self.past is None:
                self.past = index
        stop = index + 1
        while self.parser.is_adverb(stop):
            stop += 1
        if token.known not in words.POSTURES or not self.parser.at(stop).can(Tag.THIRD):
            stop = self._object(stop, colour_alone=looks)
        return self._add(index, stop, UnitKind.LOOKS if looks else UnitKind.DOING)

    def _clause(self, index: int) -> int:
        """ "who wears a hat", "that the woman hugs": to the end of its verb's object."""
        parser, stop = self.parser, index + 1
        whose = parser.at(index).text == "whose"
        if whose or parser.at(stop).can(Tag.DET | Tag.PRON | Tag.POSSESSIVE):
            stop = self._object(stop)
        verbs: list[str] = []
        while parser.is_adverb(stop) or parser.is_verb(stop) or parser.at(stop).can(Tag.BASE):
            if not parser.is_adverb(stop):
                verbs.append(parser.at(stop).text)
            stop += 1
            # "who holds watches": one full verb is enough, "is walking" and "has been" are one.
            if verbs and verbs[-1] not in words.AUXILIARIES:
                break
        last = verbs[-1] if verbs else ""
        looks = whose or last in words.HAVING
        if last in words.BE_FORMS:
            # "who is tall and bald": adjectives without a noun.
            described = stop
            while parser.at(described).can(Tag.ADJ) and not parser.at(described).can(Tag.PREP):
                described += 1
            if described > stop and not parser.at(described).can(Tag.NOUN):
                return self._add(index, described, UnitKind.LOOKS)
        if last in words.BE_FORMS and parser.at(stop).can(Tag.PREP):
            end = self._prepositional(stop)
            kind = self.found.units.pop().kind
            looks, stop = kind is UnitKind.LOOKS, end
        else:
            # "who is seated leans on it": a passive has no object.
            passive = len(verbs) > 1 and verbs[-2] in words.BE_FORMS
            if not (passive and parser.at(stop - 1).can(Tag.PAST)):
                stop = self._object(stop, colour_alone=looks)
            while parser.at(stop).can(Tag.COLOUR):
                stop += 1
        return self._add(index, stop, UnitKind.LOOKS if looks else UnitKind.CLAUSE)

    def _prepositional(self, index: int) -> int:
        parser = self.parser
        stop = match_preposition(parser, index)
        first = parser.at(index).text
        # A stranded preposition may stand before the verb: "an adult behind is ..."
        particle = first in words.PARTICLES and parser.at(stop).can(Tag.THIRD)
        phrase = None if particle else parser.noun_phrase(stop, colour_alone=first == "in")
        kind = self._preposition_kind(index, stop, phrase.head if phrase else None)
        return self._add(index, phrase.stop if phrase else stop, kind)

    def _preposition_kind(self, start: int, stop: int, head: int | None) -> UnitKind:
        parser, first = self.parser, self.parser.at(start).text
        if stop - start > 1 or first in words.RELATIONS:
            return UnitKind.RELATION
        if first in ("with", "without", "of"):
            return UnitKind.LOOKS
        if head is None or first not in ("in", "on", "at", "to", "from"):
            return UnitKind.PLACE
        noun = parser.at(head)
        if noun.known in words.SIDES:
            after = head + (3 if parser.at(head + 2).can(Tag.DET) else 2)
            picture = parser.at(after).known in words.PICTURE
            beside = parser.at(head + 1).text == "of" and not picture
            return UnitKind.RELATION if beside else UnitKind.LOOKS
        if first != "in":
            return UnitKind.PLACE
        last = noun.text.rsplit("-", 1)[-1]
        if noun.can(Tag.COLOUR) or last in words.LOOKS or noun.known in words.LOOKS:
            return UnitKind.LOOKS
        # "in grene": without an article an unknown word is a misspelt colour, not a place.
        typo = noun.can(Tag.UNKNOWN) and head == stop
        return UnitKind.LOOKS if typo else UnitKind.PLACE


def match_preposition(parser: Parser, index: int) -> int:
    """End of the preposition at ``index``, which may have several words ("in front of")."""
    for parts in words.COMPLEX_PREPOSITIONS:
        if all(parser.at(index + i).text == part for i, part in enumerate(parts)):
            return index + len(parts)
    return index + 1
