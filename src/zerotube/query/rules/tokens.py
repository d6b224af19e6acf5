"""From a raw sentence to tagged words, and back to text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from zerotube.query.rules.lexicon import Tag, spelling, tags_of

_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc\u0060\u00b4\uff07", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
)
_CONTRACTION = re.compile(r"^(who|what|where|there|it|he|she|that)('s)$|^(they|you|we)('re)$")


@dataclass(frozen=True, slots=True)
class Token:
    """One word or punctuation mark.

    Attributes:
        text: lower-case text, as the user spelt it.
        known: the spelling the word lists have it under, where the user made a slip.
        tags: everything the word can be.
        glued: no space stood before it.
    """

    text: str
    known: str
    tags: Tag
    glued: bool = False

    def can(self, tags: Tag) -> bool:
        """True if the word can be any of ``tags``."""
        return bool(self.tags & tags)


def normalise(text: str) -> str:
    """``text`` lower-cased, in composed Unicode, plain quotes, single spaces, nothing invisible."""
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN).lower()
    return " ".join("".join(_visible(char) for char in text).split())


def _visible(char: str) -> str:
    """Line breaks and other control characters separate words; zero-width ones do not."""
    category = unicodedata.category(char)
    if category in ("Cf", "Cs"):
        return ""
    return " " if category in ("Cc", "Zl", "Zp") else char


@lru_cache(maxsize=64)
def _pattern(marks: str) -> re.Pattern[str]:
    """Finds words and punctuation marks; ``marks`` are combining marks, which belong to words.

    A word keeps inner hyphens, slashes and apostrophes: "t-shirt", "bus/truck", "child's".
    """
    letter = rf"(?:[^\W_]|[{re.escape(marks)}])" if marks else r"[^\W_]"
    return re.compile(rf"{letter}+(?:[-/'.‐‑]{letter}+)*(?:(?<=s)'(?=\s\w))?|[^\w\s]|_+")


def tokenise(text: str) -> list[Token]:
    """Tagged words and punctuation marks of a normalised sentence; "who's" becomes two words."""
    tokens: list[Token] = []
    end = -1
    marks = {char for char in text if unicodedata.category(char)[0] == "M"}
    for match in _pattern("".join(sorted(marks))).finditer(text):
        piece, glued = match.group(), match.start() == end
        end = match.end()
        if parts := _CONTRACTION.match(piece):
            subject, verb = (part for part in parts.groups() if part)
            tokens.append(word(subject, glued=glued))
            piece, glued = ("is" if verb == "'s" else "are"), False
        tokens.append(word(piece, glued=glued))
    return tokens


def word(text: str, *, glued: bool = False) -> Token:
    """A tagged token."""
    return Token(text, spelling(text), tags_of(text), glued)


def words_of(text: str) -> list[Token]:
    """Tokens of a constant such as "a person"."""
    return [word(part) for part in text.split()]


def spoken(text: str) -> list[Token]:
    """The words of any text, without punctuation marks."""
    return [token for token in tokenise(normalise(text)) if not token.can(Tag.PUNCT)]


def trimmed(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without punctuation at the ends."""
    start, stop = 0, len(tokens)
    while start < stop and tokens[start].can(Tag.PUNCT):
        start += 1
    while stop > start and tokens[stop - 1].can(Tag.PUNCT):
        stop -= 1
    return tokens[start:stop]


def join(tokens: Sequence[Token]) -> str:
    """The text of ``tokens`` without punctuation at its ends."""
    text = ""
    for token in trimmed(tokens):
        text += token.text if token.glued or not text else f" {token.text}"
    return text
