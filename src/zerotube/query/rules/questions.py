"""Turns a question into the statement it asks about (method section 6).

"who watches the baby?" -> "a person watches the baby"; "what does the child pat in the room?" ->
"the child pats an object in the room"; "who is the man next to on the sofa?" -> "the man is next
to a person on the sofa". The target of the search is then "a person", "an object", or what
"which ..." names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zerotube.query.rules import words
from zerotube.query.rules.grammar import Parser, Verbs
from zerotube.query.rules.lexicon import Tag, third_person
from zerotube.query.rules.modifiers import Unit, UnitKind, match_preposition, read_modifiers
from zerotube.query.rules.split import read_subject
from zerotube.query.rules.tokens import Token, join, word, words_of

_WH = frozenset({"who", "what", "which", "whom", "whose", "where", "when", "why", "how"})
_CIRCUMSTANCE = frozenset({"where", "when", "why", "how"})


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A question as a statement.

    Attributes:
        statement: its words.
        target: what is asked for ("a person"), or None if that is the statement's subject.
        existential: the question was "is there ...?".
    """

    statement: list[Token]
    target: str | None = None
    existential: bool = False


def is_question(tokens: Sequence[Token]) -> bool:
    """True for wh-questions and yes/no questions; a final "?" alone makes no question."""
    if not tokens:
        return False
    first = tokens[0].text
    if first in _CIRCUMSTANCE:
        # "when the man enters, ..." opens a statement.
        return len(tokens) > 1 and (tokens[1].can(Tag.AUX) or tokens[1].text in ("many", "much"))
    if first in _WH or (len(tokens) > 2 and tokens[0].can(Tag.PREP) and tokens[1].text == "whom"):
        return True
    if first in ("will", "can", "might"):
        # Nouns and names too: "can on the table".
        return len(tokens) > 1 and tokens[1].can(Tag.DET | Tag.PRON)
    return tokens[0].can(Tag.AUX) and len(tokens) > 1


def rewrite(tokens: Sequence[Token]) -> Rewrite:
    """The statement a question asks about."""
    items = list(tokens)
    fronted: list[Token] = []
    if items[0].can(Tag.PREP) and items[0].text not in _WH:
        fronted, items = items[:1], items[1:]
    first = items[0].text
    if first not in _WH:
        return _yes_no(items)
    if first in _CIRCUMSTANCE:
        return _circumstance(items)
    filler, rest = _filler(items)
    if not rest:
        return Rewrite(filler)
    if len(rest) > 2 and rest[0].can(Tag.AUX) and rest[1].text in ("you", "we", "i"):
        rest = rest[3:]  # "who can you see behind the sofa"
        if not rest:
            return Rewrite(filler)
    asks_kind = (
        first in ("which", "what", "whose") and len(filler) > 0 and join(filler) != "an object"
    )
    if rest[0].known in words.DO_FORMS and _starts_noun(rest, 1):
        result = _object_of_do(rest, [*fronted, *filler])
    elif rest[0].known in words.BE_FORMS and _starts_noun(rest, 1):
        result = _object_of_be(rest, filler)
    elif (
        rest[0].can(Tag.AUX)
        and rest[0].text not in ("has", "have", "had")
        and _starts_noun(rest, 1)
    ):
        result = _object_of_do(rest, [*fronted, *filler])
    else:
        # The wh-word is the subject: "which man walks" is split like "a man walks".
        statement = filler + _agreeing(rest, filler)
        return Rewrite(statement, None if asks_kind else join(filler))
    if result is None:
        return Rewrite([*filler, *rest], join(filler))
    return result


def _starts_noun(tokens: Sequence[Token], index: int) -> bool:
    """True if the subject follows the auxiliary: "is the man ...", but not "is next to ..."."""
    if index >= len(tokens):
        return False
    token, parser = tokens[index], Parser(tokens)
    if token.can(Tag.DET | Tag.POSSESSIVE | Tag.NUM | Tag.PRON):
        return True
    blocked = Tag.PREP | Tag.AUX | Tag.ADV | Tag.ING | Tag.PAST | Tag.CONJ
    # "who is lean on the toy": a verb that lost its ending, not a subject.
    plain = parser.opens_noun(index) and not token.can(blocked) and token.known not in words.ACTIONS
    return plain and index + 1 < len(tokens) and not token.can(Tag.COLOUR)


def _filler(items: list[Token]) -> tuple[list[Token], list[Token]]:
    """What stands in for the wh-phrase, and the rest of the question."""
    first = items[0].text
    if first in ("who", "whom"):
        return words_of("a person"), items[1:]
    if first == "whose":
        return [word("a"), word("person's")], items[1:]
    if len(items) > 3 and items[1].text in ("kind", "type", "sort") and items[2].text == "of":
        items = [items[0], *items[3:]]
    parser = Parser(items)
    following = parser.at(1)
    if following.text == "of":
        return [word("one")], items[1:]
    several = first == "which" and _several_act(parser, 2)
    named = several or (parser.opens_noun(1) and not parser.is_verb(1))
    named = named and not following.can(Tag.DET)
    if first == "what" and not (named and _names_kind(parser)):
        return words_of("an object"), items[1:]
    if not named:
        return words_of("an object"), items[1:]
    # The article replaces "which"; what describes the noun stays in the rest.
    phrase = parser.noun_phrase(1)
    stop = phrase.stop if phrase else 2
    stop = next((i for i in range(2, stop) if _several_act(parser, i)), stop)
    noun = items[1:stop]
    if parser.at(stop - 1).can(Tag.PLURAL):
        return noun, items[stop:]
    article = "an" if noun[0].text[0] in "aeiou" else "a"
    return [word(article), *noun], items[stop:]


def _several_act(parser: Parser, index: int) -> bool:
    """True at the verb of "which circles move": a base form behind a plural, no noun after it."""
    before = parser.at(index - 1)
    acts = before.can(Tag.PLURAL) and before.known[:-1] not in words.ACTIONS
    return acts and parser.at(index).can(Tag.BASE) and parser.ends_clause(index + 1)


def _names_kind(parser: Parser) -> bool:
    """True for "what animal is ...": a noun between "what" and a verb."""
    phrase = parser.noun_phrase(1)
    return (
        phrase is not None
        and parser.at(phrase.head).can(Tag.NOMINAL)
        and (parser.is_verb(phrase.stop))
    )


def _agreeing(rest: list[Token], filler: Sequence[Token]) -> list[Token]:
    """The predicate with its verb in the third person: "who hold it" -> "a person holds it"."""
    verb = rest[0]
    if filler and filler[-1].can(Tag.PLURAL):
        return rest
    if verb.text == "are":
        return [word("is"), *rest[1:]]
    # A base form directly after "who" can only be its verb.
    if verb.can(Tag.BASE) and not verb.can(Tag.PREP | Tag.THIRD | Tag.PAST | Tag.ADV):
        return [word(third_person(verb.text)), *rest[1:]]
    return rest


def _object_of_do(rest: list[Token], filler: list[Token]) -> Rewrite | None:
    """ "does the child pat in the room" -> "the child pats <filler> in the room"."""
    parser = Parser(rest)
    verb = _base_verb(parser)
    if verb is None:
        return None
    subject = rest[1:verb]
    tail = rest[verb + 1 :]
    if rest[verb].text == "do" and not any(t.can(Tag.NOMINAL) for t in tail[:1]):
        # "what does the man do": the man himself is sought.
        return Rewrite([*subject, word("does"), word("something"), *tail])
    single = rest[0].text != "do"
    # Past tense becomes present: the sub-query asks whether it is in the video at all.
    form = word(third_person(rest[verb].text)) if single else rest[verb]
    fronted = filler[0].can(Tag.PREP)  # "to whom does she speak": no gap to look for
    gap = 0 if fronted else _gap(tail) or 0
    statement = [*subject, form, *tail[:gap], *filler, *tail[gap:]]
    return Rewrite(statement, join(filler[1:] if fronted else filler))


def _base_verb(parser: Parser) -> int | None:
    """The base form that "does" goes with, after the subject starting at token 1."""
    parser.level = Verbs.ONLY_BASE
    subject = read_subject(parser, 1)
    start = subject[-1].stop if subject else 1
    found = read_modifiers(parser, start)
    if found.verb is not None:
        return found.verb
    bases = [i for i in range(start, len(parser.tokens)) if parser.at(i).can(Tag.BASE)]
    return bases[-1] if bases else None


def _gap(tail: Sequence[Token]) -> int | None:
    """Where the filler goes after a verb: behind a preposition without object, else None.

    "lean on | in the room", "hold hand of |", but "ride | on the road".
    """
    parser = Parser(tail)
    index = 0
    while index < len(tail):
        if not tail[index].can(Tag.PREP) or tail[index].can(Tag.DET):
            index += 1
            continue
        stop = match_preposition(parser, index)
        final_place = tail[index].known in words.PLACE_ADVERBS and stop == len(tail)
        if not final_place and _has_no_object(parser, stop):
            return stop
        index = stop
    return None


def _has_no_object(parser: Parser, index: int) -> bool:
    token = parser.at(index)
    if index >= len(parser.tokens) or token.can(Tag.PUNCT):
        return True
    if token.known in words.PLACE_ADVERBS or token.can(Tag.PREP | Tag.CONJ):
        return True
    return not parser.opens_noun(index) or parser.is_adverb(index)


def _object_of_be(rest: list[Token], filler: list[Token]) -> Rewrite | None:
    """ "is the man next to on the sofa" -> "the man is next to <filler> on the sofa"."""
    parser = Parser(rest)
    subject = read_subject(parser, 1)
    if subject is None:
        return None
    found = read_modifiers(parser, subject[-1].stop)
    be = word("is") if rest[0].text == "'s" else rest[0]
    if found.verb is not None:
        # "who is the man holds hand of": the verb is spent already.
        tail = rest[found.verb + 1 :]
        gap = _gap(tail) or 0
        statement = [*rest[1 : found.verb + 1], *tail[:gap], *filler, *tail[gap:]]
        return Rewrite(statement, join(filler))
    for unit in found.units:
        tail = rest[unit.start :]
        position = _gap_in_unit(parser, unit, found.units)
        if position is None:
            continue
        if tail[0].text == "doing" and position == 1:
            return Rewrite([*rest[1 : unit.start], be, tail[0], word("something"), *tail[1:]])
        statement = [*rest[1 : unit.start], be, *tail[:position], *filler, *tail[position:]]
        return Rewrite(statement, join(filler))
    # "who is the man in red?", "what color is the dog?": the subject itself is sought.
    return Rewrite(rest[1:])


def _gap_in_unit(parser: Parser, unit: Unit, units: Sequence[Unit]) -> int | None:
    """Where the filler goes, counted from the unit's start; None if the unit is complete.

    "next to | on the sofa", "holding | in the room", "talking to |"; but "in red" and "wearing a
    hat" describe the subject.
    """
    if parser.at(unit.start).can(Tag.PREP):
        stop = match_preposition(parser, unit.start)
        return stop - unit.start if _has_no_object(parser, stop) else None
    wears = parser.at(unit.start).known in words.DESCRIBING
    if not wears and unit.kind is not UnitKind.DOING:
        return None
    has_object = parser.opens_noun(unit.start + 1)
    if not has_object:
        later = _gap(parser.tokens[unit.start + 1 :])
        return 1 + (later or 0)
    related = any(u.kind is UnitKind.RELATION and u.start > unit.start for u in units)
    later = None if wears or related else _gap(parser.tokens[unit.start + 1 :])
    return None if later is None else 1 + later


def _circumstance(items: list[Token]) -> Rewrite:
    """ "where is the dog", "when does the man sit": the statement without its circumstance."""
    rest = items[1:]
    if items[0].text == "how" and rest and rest[0].text in ("many", "much", "often", "long"):
        rest = rest[1:]
    return _yes_no(rest) if rest else Rewrite(items)


def _yes_no(items: list[Token]) -> Rewrite:
    """ "is the man sitting", "does the man sit", "is there a man": the statement asked about."""
    first = items[0]
    rest = items[1:]
    if not first.can(Tag.AUX) or not rest:
        return Rewrite(items)
    if first.known in words.BE_FORMS and rest[0].text == "there":
        return Rewrite(strip_video(rest[1:]) or rest, existential=True)
    if first.text in ("can", "could") and rest[0].text in ("you", "i", "we") and len(rest) > 2:
        seeks = 2 if rest[1].can(Tag.BASE) or rest[1].text in ("see", "find") else 1
        return Rewrite(strip_video(rest[seeks:]) or rest)
    parser = Parser(rest)
    if first.known in words.DO_FORMS:
        with_do = [first, *rest]
        verb = _base_verb(Parser(with_do))
        if verb is not None:
            base = with_do[verb].text
            form = word(base if first.text == "do" else third_person(base))
            return Rewrite([*with_do[1:verb], form, *with_do[verb + 1 :]])
        return Rewrite(rest)
    subject = read_subject(parser)
    if subject is None:
        return Rewrite(rest)
    found = read_modifiers(parser, subject[-1].stop)
    predicates = [u.start for u in found.units if u.kind is not UnitKind.LOOKS]
    if not predicates and first.known in words.BE_FORMS and found.verb is None:
        return Rewrite(rest)  # "where is the red ball"
    place = predicates[0] if predicates else subject[-1].stop
    return Rewrite([*rest[:place], first, *rest[place:]])


def strip_video(tokens: Sequence[Token]) -> list[Token]:
    """Without a final "in the video", which the existence prompt says itself."""
    items = list(tokens)
    while items and items[-1].can(Tag.PUNCT):
        items.pop()
    is_tail = len(items) > 3 and items[-1].text in words.PICTURE and items[-2].can(Tag.DET)
    return items[:-3] if is_tail and items[-3].text == "in" else items
