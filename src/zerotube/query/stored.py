"""Decompositions that the authors of the method made with GPT-4o and stored: phrases by video.

One JSON object, a key per video (HC-STVG's own keys, a file name with its suffix)::

    {"55_abc.mp4": {"decompose_attribute": ["the man in red"],
                    "decompose_action": ["the man sits down"]}}

There is no description of the format. What is assumed here follows from how the authors' own
reader uses it (github.com/zaiquanyang/LLaVA_Next_STVG, ``stvg/datasets/hcstvg.py`` and
``stvg/V_Tuning/utils.py``):

- phrases are found by the key of the video alone: HC-STVG has one sentence per video;
- each value is a list of phrases, as a rule of one; of several the reader keeps the last;
- a phrase with "please describe this video" in it marks a sentence that could not be split;
- other values of an entry are not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from zerotube.errors import InputError, QueryError
from zerotube.query.rules.decompose import decompose, override
from zerotube.query.rules.lexicon import Tag, bases_of, lemmas_of
from zerotube.query.rules.tokens import spoken
from zerotube.query.types import Decomposer, Query

NOT_SPLIT: Final = "please describe this video"
"""What the authors wrote in place of a phrase that they did not get."""

SHARED_WORDS: Final = 0.5
"""Least share of the phrases' words that the sentence has. Phrases of another sentence, of another
version of the data set say, share little more than "the man"; a model that splits a sentence may
still change a word of it."""

_WANTED: Final = 'JSON {"VIDEO": {"decompose_attribute": [...], "decompose_action": [...]}}'
_FIX: Final = "pass the file as the authors of the method published it"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    decompose_attribute: Annotated[list[str], Field(min_length=1)] | str
    decompose_action: Annotated[list[str], Field(min_length=1)] | str


_FILE: TypeAdapter[dict[str, _Entry]] = TypeAdapter(dict[str, _Entry])


@dataclass(frozen=True)
class StoredPhrases:
    """A file of stored decompositions.

    Attributes:
        name: of the file.
        digest: SHA-256 of its bytes, hexadecimal.
        phrases: attribute and action phrase as stored, by the key of the video.
    """

    name: str
    digest: str
    phrases: Mapping[str, tuple[str, str]]

    @property
    def source(self) -> str:
        """``Query.source`` of what these phrases decompose."""
        return f"stored:{self.name}"

    def knows(self, video_name: str) -> bool:
        """Whether there is an entry for a video."""
        return self._key(video_name) is not None

    def decomposer(self, video_name: str, otherwise: Decomposer = decompose) -> Decomposer:
        """A decomposer for sentences about one video.

        Args:
            video_name: key of the video, with or without its suffix.
            otherwise: splits a sentence for which there are no usable phrases; the query then has
                a warning that says why.
        """

        def split(text: str, /) -> Query:
            try:
                return self._query(video_name, text)
            except _NoPhrasesError as missing:
                found = otherwise(text)
                said = f"{found.source} decomposed this sentence: {missing.got}"
                return replace(found, warnings=(said, *found.warnings))

        return split

    def _key(self, video_name: str) -> str | None:
        """The video's own key, else the only one that is the same but for its suffix."""
        if video_name in self.phrases:
            return video_name
        stem = PurePosixPath(video_name).stem
        alike = [f"{stem}{suffix}" for suffix in ("", ".mp4", ".mkv") if stem]
        found = [key for key in alike if key in self.phrases]
        return found[0] if len(found) == 1 else None

    def _query(self, video_name: str, text: str) -> Query:
        rules = decompose(text)
        key = self._key(video_name)
        if key is None:
            raise _NoPhrasesError(f"{self.name} has no phrases for {video_name!r}")
        attribute, action = self.phrases[key]
        if any(NOT_SPLIT in phrase.lower() for phrase in (attribute, action)):
            raise _NoPhrasesError(f"{self.name} marks that of {key!r} as not split")
        try:
            query = override(rules, attribute=attribute, action=action)
        except QueryError as refused:
            raise _NoPhrasesError(f"{self.name} has for {key!r} an {refused.got}") from refused
        if _shared_words(f"{attribute} {action}", text) < SHARED_WORDS:
            raise _NoPhrasesError(f"the phrases that {self.name} has for {key!r} do not fit it")
        return replace(query, source=self.source)


class _NoPhrasesError(QueryError):
    """No usable phrases for a sentence; it never leaves this module."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, wanted="stored phrases", fix="decompose the sentence otherwise")


def read_stored(path: Path) -> StoredPhrases:
    """Read such a file.

    Raises:
        InputError: it cannot be read, or is malformed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"no readable file of decompositions {str(path)!r} ({error.strerror})",
            wanted=_WANTED,
            fix="check the path",
        ) from error
    try:
        entries = _FILE.validate_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise _malformed(path, error) from error
    if not entries:
        raise InputError(f"{path} without an entry", wanted=_WANTED, fix=_FIX)
    return StoredPhrases(
        path.name,
        hashlib.sha256(content).hexdigest(),
        {
            key: (_last(entry.decompose_attribute), _last(entry.decompose_action))
            for key, entry in entries.items()
        },
    )


def _last(stored: list[str] | str) -> str:
    return stored if isinstance(stored, str) else stored[-1]


def _malformed(path: Path, error: ValidationError) -> InputError:
    first = error.errors(include_url=False, include_input=False)[0]
    # The names of the members of a union are pydantic's, not the file's.
    where = ".".join(str(part) for part in first["loc"][:2])
    problem = " ".join(first["msg"].split())[:200]
    return InputError(
        f"{path}, malformed at {where[:80] or 'the top level'} ({problem})",
        wanted=_WANTED,
        fix=_FIX,
    )


def _shared_words(phrases: str, text: str) -> float:
    """Share of the words of some phrases, articles aside, that a sentence has in any inflection."""
    known = bases_of(_words(text))
    asked = _words(phrases)
    return sum(bool(lemmas_of(word) & known) for word in asked) / max(len(asked), 1)


def _words(text: str) -> list[str]:
    return [token.text for token in spoken(text) if not token.can(Tag.DET)]
