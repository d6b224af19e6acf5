"""Answers of language models on disk: one small file per sentence, model and prompt."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from zerotube.errors import QueryError
from zerotube.files import cache_folder, whole_file
from zerotube.query.llm.answer import Phrases, checked_phrases
from zerotube.query.prompts import DECOMPOSITION_VERSION
from zerotube.query.rules.tokens import normalise
from zerotube.query.types import Query


def default_folder() -> Path:
    """``decompositions`` in ``ZEROTUBE_CACHE``, else in the user's cache folder."""
    return cache_folder("decompositions")


@dataclass(frozen=True)
class PhraseCache:
    """Decompositions that one model gave.

    An entry holds the sentence and its phrases, the model, the host and the prompt's version;
    nothing else, so no key can be in it.

    Attributes:
        folder: where the files are; made when the first one is written.
        model: name of the model.
        host: server it runs on, "local" for a model of this process.
    """

    folder: Path
    model: str
    host: str

    def read(self, rules: Query) -> Phrases | None:
        """The stored phrases of a sentence, checked like a fresh answer; None if there are none.

        A damaged entry is removed, so that it is made again.
        """
        path = self._path(rules)
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            values = entry["phrases"]
            if entry["identity"] == self._identity(rules) and entry["digest"] == _digest(values):
                return checked_phrases(values, rules)
        except OSError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError, QueryError):
            pass  # Whatever is wrong with the file, the answer is the same: ask again.
        with suppress(OSError):  # what cannot be removed cannot be replaced: writing says so
            path.unlink()
        return None

    def write(self, rules: Query, phrases: Phrases) -> None:
        """Store phrases, whole or not at all; the last of several writers wins.

        Raises:
            OSError: the folder cannot be written.
        """
        values = asdict(phrases)
        entry = {"identity": self._identity(rules), "phrases": values, "digest": _digest(values)}
        path = self._path(rules)
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(json.dumps(entry, ensure_ascii=False))

    def _identity(self, rules: Query) -> dict[str, str]:
        return {
            "model": self.model,
            "host": self.host,
            "prompt": DECOMPOSITION_VERSION,
            "sentence": normalise(rules.text),
        }

    def _path(self, rules: Query) -> Path:
        return self.folder / f"{_digest(self._identity(rules))}.json"


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()
