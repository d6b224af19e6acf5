"""What kind of word is it? Closed word classes by hand, open classes from lemminflect.

lemminflect ships two tables; one of them, surface form -> (part of speech, lemma), is all that is
needed here. The file is read without importing the package: the import costs four times as much
as the reading, and where spaCy is installed it pulls spaCy in and registers extensions on its
tokens, a side effect a user of this package has not asked for.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Iterable, Iterator
from enum import Flag, auto
from functools import lru_cache
from pathlib import Path

from zerotube.errors import UsageError
from zerotube.query.rules import words


class Tag(Flag):
    """What a word can be. A word has several tags where it is ambiguous ("watches")."""

    NONE = 0
    DET = auto()
    NUM = auto()
    PRON = auto()
    PREP = auto()
    CONJ = auto()
    REL = auto()
    AUX = auto()
    ADV = auto()
    ADJ = auto()
    COLOUR = auto()
    NOUN = auto()  # singular
    PLURAL = auto()
    POSSESSIVE = auto()
    BASE = auto()  # "walk"
    THIRD = auto()  # "walks"
    ING = auto()  # "walking"
    PAST = auto()  # "walked", "broken": past tense and past participle alike
    UNKNOWN = auto()
    PUNCT = auto()

    NOMINAL = NOUN | PLURAL | UNKNOWN


_REPAIRABLE = tuple(words.REPAIRABLE.split())
_OPEN_CLASS = {"noun": Tag.NOUN, "adj": Tag.ADJ, "adv": Tag.ADV}


@lru_cache(maxsize=1)
def _table() -> dict[str, Tag]:
    """Surface form -> tags, from lemminflect's lemma table (70,000 words, about 0.1 s).

    Raises:
        UsageError: the installation lacks the table. Going on without it would split sentences
            wrongly and say nothing.
    """
    table: dict[str, Tag] = {}
    for word, part, lemma in _rows():
        table[word] = table.get(word, Tag.NONE) | _row_tag(word, part, lemma)
    return table


@lru_cache(maxsize=1)
def _lemmas() -> dict[str, frozenset[str]]:
    """Surface form -> base forms, from the same table; read only when answers are checked."""
    table: dict[str, frozenset[str]] = {}
    for word, _, lemma in _rows():
        table[word] = table.get(word, frozenset()) | frozenset(lemma.split("/"))
    return table


def lemmas_of(word: str) -> frozenset[str]:
    """Every base form ``word`` (lower-case) may have, and the word itself.

    >>> sorted(lemmas_of("hugs"))
    ['hug', 'hugs']
    """
    stem = word.removesuffix("'s")
    return frozenset({word, stem}) | _lemmas().get(stem, frozenset())


def bases_of(words: Iterable[str]) -> frozenset[str]:
    """Every base form that some words may have, and the words themselves."""
    return frozenset().union(*map(lemmas_of, words))


def _rows() -> Iterator[tuple[str, str, str]]:
    """Lines of lemminflect's table: surface form, part of speech, base forms joined by "/"."""
    spec = importlib.util.find_spec("lemminflect")
    folders = (spec.submodule_search_locations if spec else None) or ["lemminflect"]
    path = Path(folders[0]) / "resources" / "lemma_lu.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                word, part, lemma = line.rstrip("\n").split(",", 2)
                yield word, part, lemma
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no readable word table at {path} ({error})",
            wanted="the data that lemminflect 0.2.3 ships",
            fix="run: pip install --force-reinstall lemminflect",
        ) from error


def _row_tag(word: str, part: str, lemma: str) -> Tag:
    if part == "verb":
        return verb_form(word, is_lemma=word in lemma.split("/"))
    if part == "noun":
        # "sports" and "glasses" are lemmas of their own, but inflect like plurals.
        is_plural = (lemma != word and word.endswith("s")) or word not in lemma.split("/")
        return Tag.PLURAL if is_plural else Tag.NOUN
    return _OPEN_CLASS.get(part, Tag.NONE)


def verb_form(word: str, *, is_lemma: bool) -> Tag:
    """The verb tag a form has by its ending."""
    if is_lemma:
        return Tag.BASE
    if word.endswith("ing"):
        return Tag.ING
    if word.endswith("s"):
        return Tag.THIRD
    return Tag.PAST


def _closed_class(word: str) -> Tag:
    """Tags of the hand-made lists; they replace the table's, which knows rare senses too."""
    tag = Tag.NONE
    for members, value in _CLOSED:
        if word in members:
            tag |= value
    return tag


_CLOSED: tuple[tuple[frozenset[str], Tag], ...] = (
    (words.DETERMINERS, Tag.DET),
    (words.NUMBERS, Tag.NUM),
    (words.PRONOUNS, Tag.PRON),
    (words.PREPOSITIONS, Tag.PREP),
    (words.CONJUNCTIONS, Tag.CONJ),
    (words.RELATIVES, Tag.REL),
    (words.AUXILIARIES, Tag.AUX),
    (words.ADVERBS, Tag.ADV),
    (words.COLOURS, Tag.COLOUR | Tag.ADJ | Tag.NOUN),
    (words.ADJECTIVES, Tag.ADJ),
)


@lru_cache(maxsize=4096)
def tags_of(word: str) -> Tag:
    """Everything ``word`` (lower-case) can be; ``Tag.UNKNOWN`` if nothing is known of it."""
    if not any(char.isalnum() for char in word):
        return Tag.PUNCT
    past = Tag.PAST if word in words.IRREGULAR_PAST else Tag.NONE
    if tag := _closed_class(word):
        return tag | past | (Tag.NOUN if word in words.THINGS | words.SIDES else Tag.NONE)
    if word[0].isdigit():
        return Tag.NUM
    if word.endswith(("'s", "s'")):
        return Tag.POSSESSIVE
    if is_thing(word):
        return Tag.PLURAL if is_plural_thing(word) else Tag.NOUN
    if tag := _table().get(word, Tag.NONE):
        return tag | past
    if "-" in word or "/" in word:
        return _compound(word)
    repaired = spelling(word)
    return tags_of(repaired) if repaired != word else _guess(word)


def _compound(word: str) -> Tag:
    """Tags of "black-haired", "bus/truck": those of the last part, never a verb."""
    last = word.replace("/", "-").rsplit("-", 1)[-1]
    if last in words.COLOURS:
        return Tag.COLOUR | Tag.ADJ | Tag.NOUN
    tag = tags_of(last) if last else Tag.UNKNOWN
    if tag & (Tag.PAST | Tag.ING | Tag.ADJ) or last == "hair":
        return Tag.ADJ | (tag & Tag.NOMINAL)
    return tag & Tag.NOMINAL or Tag.UNKNOWN


def is_thing(word: str) -> bool:
    """True for names of things that are verbs only in the dictionary ("a man in black suits")."""
    return word in words.THINGS or (is_plural_thing(word) and word not in words.VERBS_IN_S)


def is_plural_thing(word: str) -> bool:
    if word in words.PLURAL_THINGS:
        return True
    return (word.endswith("s") and word[:-1] in words.THINGS) or (
        word.endswith("es") and word[:-2] in words.THINGS
    )


def _guess(word: str) -> Tag:
    """Tags of a word found nowhere, by its ending; a misspelt verb still looks like one."""
    if word.endswith("ing") and len(word) > 4:
        return Tag.UNKNOWN | Tag.ING
    if word.endswith("ed") and len(word) > 3:
        return Tag.UNKNOWN | Tag.PAST
    if word.endswith("ly") and len(word) > 3:
        return Tag.ADV
    if word.endswith("s") and len(word) > 3:
        return Tag.UNKNOWN | Tag.THIRD | Tag.PLURAL
    return Tag.UNKNOWN


@lru_cache(maxsize=4096)
def spelling(word: str) -> str:
    """The word that a word found nowhere is one slip of the finger away from; else itself.

    Only the reading changes; phrases keep what the user wrote.
    """
    if word in _table() or _closed_class(word) or is_thing(word):
        return word
    if not 3 <= len(word) <= 12 or not word.isascii():
        return word
    return next((known for known in _REPAIRABLE if _one_slip(word, known)), word)


def _one_slip(left: str, right: str) -> bool:
    """One letter wrong, missing, doubled or swapped with its neighbour."""
    if abs(len(left) - len(right)) > 1:
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    a, b = left[start:], right[start:]
    swapped = len(a) > 1 and len(b) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or swapped


def third_person(verb: str) -> str:
    """The third person singular of a base form: "pat" -> "pats", "carry" -> "carries".

    Every English verb but these few is regular in this form.
    """
    if verb in words.IRREGULAR_THIRD:
        return words.IRREGULAR_THIRD[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in set("aeiou") and len(verb) > 1:
        return verb[:-1] + "ies"
    return verb + "s"
