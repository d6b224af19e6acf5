"""A shallow parser: which words are verbs here, and where a noun phrase ends.

It reads from left to right and never backtracks, so its time is linear in the sentence.
Source of the conventions: method section 6 and labelled examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from zerotube.query.rules import words
from zerotube.query.rules.lexicon import Tag
from zerotube.query.rules.tokens import Token

_END = Token("", "", Tag.NONE)


class Verbs(IntEnum):
    """Which ambiguous words may be the main verb; each level adds to the one before."""

    CLEAR = 0  # "is", "walks", "walked"
    ACTION = 1  # and base forms of common actions: "a baby lean on a chair"
    ANY = 2  # and every other base form that stands where a verb can stand
    ONLY_BASE = 3  # after "does": base forms only


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """Tokens ``start:stop`` of a sentence.

    Attributes:
        start: index of the first token.
        stop: index after the last token.
        head: index of the noun.
        kept: indices that remain when everything that describes is dropped.
    """

    start: int
    stop: int
    head: int
    kept: tuple[int, ...]


class Parser:
    """Reads one tokenised sentence."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.plural_subject = False
        self.level = Verbs.CLEAR

    def at(self, index: int) -> Token:
        """The token at ``index``; an empty one outside the sentence."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else _END

    # ---- words in context -------------------------------------------------------------------

    def opens_noun(self, index: int) -> bool:
        """True if a noun phrase can start here."""
        token = self.at(index)
        if token.can(Tag.DET | Tag.NUM | Tag.PRON | Tag.POSSESSIVE):
            return True
        if token.can(Tag.PREP | Tag.AUX | Tag.CONJ | Tag.REL):
            return False
        if token.tags is Tag.UNKNOWN and self.at(index + 1).can(Tag.DET):
            return False  # a misspelt preposition: "iin the room"
        return token.can(Tag.NOMINAL | Tag.ADJ | Tag.COLOUR) and not self.is_adverb(index)

    def is_adverb(self, index: int) -> bool:
        """True for an adverb that is not plainly something else."""
        token = self.at(index)
        return token.can(Tag.ADV) and not token.can(Tag.NOMINAL | Tag.ADJ | Tag.PREP | Tag.DET)

    def ends_clause(self, index: int) -> bool:
        """True where, after a verb, no bare noun follows: particle, preposition, article, end."""
        token = self.at(index)
        # "move left": a side after a verb is a direction.
        direction = token.text in ("left", "right")
        return (
            token is _END
            or direction
            or token.can(
                Tag.PREP | Tag.DET | Tag.ADV | Tag.PRON | Tag.CONJ | Tag.PUNCT | Tag.POSSESSIVE
            )
        )

    def is_verb(self, index: int, *, complete: bool = True, bare: bool = False) -> bool:
        """True if the word is read as a verb (finite or participle) and not as part of a noun.

        Args:
            index: the token.
            complete: a noun phrase stands before it and could end here.
            bare: that phrase is a colour alone ("in red").
        """
        token, after = self.at(index), self.at(index + 1)
        if token.can(Tag.AUX):
            return self._is_auxiliary(index)
        if token.can(Tag.DET | Tag.PREP | Tag.CONJ | Tag.REL | Tag.PRON | Tag.COLOUR):
            return False
        if token.can(Tag.THIRD) and self.level is not Verbs.ONLY_BASE:
            if not token.can(Tag.PLURAL):
                return True
            # "a tie shakes hands": of two candidates a common action comes first.
            acts = token.known[:-1] in words.ACTIONS and after.can(Tag.PLURAL)
            return complete and after.text != "of" and (acts or not self._surely_finite(index + 1))
        if not complete:
            return False
        if token.can(Tag.ING):
            names_kind = token.known in words.GERUND_MODIFIERS and after.can(Tag.NOMINAL)
            return not names_kind or after.can(Tag.DET)
        if token.text == "left":
            return after.can(Tag.DET | Tag.POSSESSIVE)
        if token.can(Tag.PAST):
            noun_follows = after.can(Tag.NOMINAL | Tag.ADJ) and not self.ends_clause(index + 1)
            return not (noun_follows and (bare or token.can(Tag.ADJ)))
        return self.is_base_verb(index)

    def _is_auxiliary(self, index: int) -> bool:
        # "a can", "the will": the only auxiliaries that are nouns too.
        text = self.at(index).text
        return not (text in ("can", "will", "might") and self.at(index - 1).can(Tag.DET | Tag.ADJ))

    def _surely_finite(self, index: int) -> bool:
        token = self.at(index)
        if token.can(Tag.DET | Tag.PREP | Tag.CONJ | Tag.ADV):
            return False
        return token.can(Tag.AUX) or (token.can(Tag.THIRD) and self.level is not Verbs.ONLY_BASE)

    def is_base_verb(self, index: int) -> bool:
        """True if a base form ("lean") is read as the verb at the present level."""
        token, after = self.at(index), self.at(index + 1)
        if self.level is Verbs.ONLY_BASE and token.text in ("do", "have", "be"):
            return True
        if not token.can(Tag.BASE):
            return False
        pure = not token.can(Tag.NOMINAL | Tag.ADJ)
        if self.level is Verbs.ONLY_BASE:
            # "does the man in the dress touch": of two candidates the first is a noun.
            later = after.can(Tag.BASE) and not self.ends_clause(index + 1)
            return pure or not later
        if self.level is Verbs.CLEAR and not self.plural_subject:
            return False
        action = token.known in words.ACTIONS
        # "hold hand of", "shake hands": the one object that comes without an article. Nouns in
        # the plural form no compounds, so "children play" is one noun and a verb.
        ends = self.ends_clause(index + 1) or (
            action and (after.text in ("hand", "hands") or self.at(index - 1).can(Tag.PLURAL))
        )
        return pure or (ends and (action or self.level is Verbs.ANY or self.plural_subject))

    # ---- noun phrases -----------------------------------------------------------------------

    def noun_phrase(self, start: int, *, colour_alone: bool = False) -> NounPhrase | None:
        """The longest noun phrase at ``start``; None if there is none.

        Args:
            start: index of its first token.
            colour_alone: a colour suffices ("in red"), so a verb may follow it directly.
        """
        index, head = start, -1
        fixed: list[int] = []  # determiners, numbers, possessors
        body: list[int] = []  # adjectives and nouns
        while index < len(self.tokens):
            token = self.at(index)
            bare = colour_alone and bool(body) and self._all_colours(body)
            if token.can(Tag.DET) and not (token.can(Tag.REL) and (body or index > start)):
                if body or (token.text == "her" and not self._goes_on(index + 1)):
                    break
                fixed.append(index)
            elif token.can(Tag.POSSESSIVE):
                fixed, body, head = fixed + body + [index], [], -1
            elif token.can(Tag.NUM):
                if token.known not in words.ORDINALS and not body:
                    fixed.append(index)
                else:
                    body.append(index)
                    if token.text == "one":  # "the red one"
                        head = index
            elif token.can(Tag.CONJ) or token.text == ",":
                if not self._joins_adjectives(index, body, head):
                    break
                if head == index - 1:
                    head = -1  # "a round and pink seat": what looked like the noun is none
                body.append(index)
            elif token.can(Tag.PRON) and not body:
                head = index
                body.append(index)
                index += 1
                break
            elif self._counted_verb(index, fixed, head) or self._stops(index, body, head, bare):
                break
            else:
                body.append(index)
                stray_letter = head >= 0 and len(token.text) == 1
                if token.can(Tag.NOMINAL) and not token.can(Tag.COLOUR) and not stray_letter:
                    head = index
            index += 1
        if not body:
            last = self.at(index - 1)
            counts = last.known in words.PARTITIVES and self.at(index).text == "of"
            if index > start and (counts or last.can(Tag.POSSESSIVE | Tag.NUM)):
                return NounPhrase(start, index, index - 1, tuple(range(start, index)))
            her = self.at(start).text == "her"
            return NounPhrase(start, start + 1, start, (start,)) if her else None
        if head < 0:
            head = body[-1]
        return NounPhrase(start, index, head, self._kept(fixed, body, head))

    def _goes_on(self, index: int) -> bool:
        token = self.at(index)
        if token.can(Tag.PREP | Tag.CONJ | Tag.AUX | Tag.DET | Tag.PUNCT):
            return False
        return token.can(Tag.NOMINAL | Tag.ADJ | Tag.NUM)

    def _all_colours(self, body: Sequence[int]) -> bool:
        return all(self.at(i).can(Tag.COLOUR | Tag.CONJ | Tag.PUNCT) for i in body)

    def _joins_adjectives(self, index: int, body: Sequence[int], head: int) -> bool:
        """True for "and" in "red and white toy", "in black and white", "dog white and brown"."""
        if not body or self.at(index).known not in words.JOINERS | {","}:
            return False
        before, after = self.at(index - 1), self.at(index + 1)
        if before.can(Tag.PUNCT):
            before = self.at(index - 2)
        if self.at(index).text == "," and after.known in words.JOINERS:
            after = self.at(index + 2)
        if before.can(Tag.COLOUR) and after.can(Tag.COLOUR):
            return True
        described = after.can(Tag.ADJ) and not after.can(Tag.DET | Tag.PREP | Tag.ING)
        open_phrase = head < 0 or (head == index - 1 and before.can(Tag.ADJ))
        return open_phrase and described and not self.is_adverb(index + 1)

    def _counted_verb(self, index: int, fixed: Sequence[int], head: int) -> bool:
        """True for the verb of "the two circles move and stop": what is counted ends with its
        plural, and a base form behind it that no noun follows is what they do."""
        counted = any(self.at(i).known in words.PLURAL_NUMBERS for i in fixed)
        if not counted or head != index - 1 or not self.at(head).can(Tag.PLURAL):
            return False
        return self.at(index).can(Tag.BASE) and self.ends_clause(index + 1)

    def _stops(self, index: int, body: Sequence[int], head: int, bare: bool) -> bool:
        token = self.at(index)
        if token.can(Tag.PREP | Tag.REL | Tag.PUNCT | Tag.PRON):
            return True
        if self.is_adverb(index):
            # "very tall man": an adverb inside; anywhere else it ends the phrase.
            return head >= 0 or not self._goes_on(index + 1)
        if self.is_verb(index, complete=head >= 0 or bare, bare=bare):
            return True
        if head >= 0 and token.known in words.PLACE_ADVERBS:
            return True
        # A singular noun followed by an adjective that is not a noun ends: "a child alone".
        only_adjective = token.can(Tag.ADJ) and not token.can(Tag.NOMINAL | Tag.COLOUR)
        return head >= 0 and only_adjective and not self._goes_on(index + 1)

    def _kept(self, fixed: list[int], body: list[int], head: int) -> tuple[int, ...]:
        """Determiner, numbers, and the head with the nouns that form a compound with it.

        "a female adult" -> "a adult", "an adult man" -> "an man" (the article is adapted later),
        "a sports ball" stays.
        """
        compound = [head]
        generic = self.at(head).known in words.PEOPLE
        for index in reversed([i for i in body if i < head]):
            token = self.at(index)
            named = (token.known, self.at(head).known) in words.COMPOUNDS
            if generic or (not named and self._describes(token)):
                break
            compound.append(index)
        tail = [i for i in body if i > head and self.at(i).can(Tag.NUM)]
        return (*fixed, *sorted(compound), *tail)

    @staticmethod
    def _describes(token: Token) -> bool:
        """True if a word before a noun says what it is like, False if it is part of its name."""
        if token.can(Tag.ADJ | Tag.COLOUR | Tag.ING | Tag.PAST):
            return True
        return token.known in words.MATERIALS | words.PEOPLE or not token.can(Tag.NOUN | Tag.PLURAL)
