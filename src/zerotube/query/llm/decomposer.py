"""Decomposition by a language model, with the rules behind it (method section 6).

The model itself is a callable, prompt in and text out: a server (``zerotube.query.llm.server``), or
the loaded multimodal model, which this package does not know.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from zerotube.errors import AnswerError, QueryError, UsageError
from zerotube.query.llm.answer import Phrases, read_answer
from zerotube.query.llm.cache import PhraseCache
from zerotube.query.prompts import decomposition_prompt, repeated_prompt
from zerotube.query.rules.decompose import decompose
from zerotube.query.rules.tokens import normalise
from zerotube.query.types import Query

PAUSE_AFTER: Final = 3
"""Sentences in a row that may fail before the model is left alone: with a dead server, a file of
a thousand sentences must not wait a thousand times."""
PAUSE_S: Final = 300.0
"""How long it is left alone."""


@dataclass
class Patience:
    """What may still be spent on one sentence.

    Attributes:
        request_s: longest one request may take, in seconds.
        end_s: time of the monotonic clock by which there is an answer, or none.
        attempts: requests that may still be made; whoever makes more than one counts them.
        failure: what the last one met that may pass; None = nothing.
    """

    request_s: float
    end_s: float
    attempts: int
    failure: AnswerError | None = None

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(self.end_s - time.monotonic(), 0.0)


Ask = Callable[[str, Patience], str]
"""A language model: a prompt in, its answer out. It raises ``AnswerError`` when it has none,
after trying again where that may help; and ``QueryError`` for an answer to be asked for again."""


@dataclass(frozen=True, slots=True)
class LLMSettings:
    """Which language model decomposes sentences, and how patiently it is asked.

    Raises:
        UsageError: a limit that is not positive.
    """

    base_url: str | None = None
    """Address of the OpenAI-compatible server; default OPENAI_BASE_URL, else OpenAI itself."""

    model: str | None = None
    """Name of the model on the server; default OPENAI_MODEL."""

    request_s: float = 20.0
    """Longest one request may take, in seconds."""

    total_s: float = 60.0
    """Longest all requests about one sentence may take, waits included, in seconds."""

    attempts: int = 3
    """Most requests about one sentence."""

    cache: bool = True
    """Keep answers in the cache folder and use those that are there."""

    def __post_init__(self) -> None:
        for name in ("request_s", "total_s", "attempts"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(
                    f"{name} {getattr(self, name)}",
                    wanted="a positive number",
                    fix=f"leave {name} out to keep its default",
                )

    def patience(self) -> Patience:
        """What may be spent on one answer, from now on."""
        return Patience(self.request_s, time.monotonic() + self.total_s, self.attempts)


class LLMDecomposer:
    """Asks a language model, checks what it says, and falls back to the rules.

    Args:
        ask: the model.
        source: goes into ``Query.source`` of what the model decomposed.
        cache: answers of earlier runs; None keeps none.
        settings: its limits; who answers is settled by ``ask``.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        source: str,
        cache: PhraseCache | None = None,
        settings: LLMSettings | None = None,
    ) -> None:
        self.source = source
        self._ask = ask
        self._cache = cache
        self._limits = settings or LLMSettings()
        self._failed = 0
        self._paused_until = 0.0
        self._reason: AnswerError | None = None

    def __call__(self, text: str, /) -> Query:
        """Decompose a sentence.

        Returns:
            The model's phrases with ``source`` naming it; or those of the rules with
            ``source="rules"`` and a warning that says why.

        Raises:
            QueryError: the sentence has no word in it or is too long.
        """
        rules = decompose(text)
        phrases = self._cache.read(rules) if self._cache else None
        warnings: tuple[str, ...] = ()
        if phrases is None:
            try:
                phrases = self._asked(rules)
            except AnswerError as caught:
                return replace(rules, warnings=(self._fallback(caught),))
            warnings = self._stored(rules, phrases)
        return replace(
            rules,
            attribute=phrases.attribute,
            action=phrases.action,
            noun=phrases.noun,
            source=self.source,
            warnings=warnings,
        )

    def _fallback(self, failure: AnswerError) -> str:
        return (
            f"the rules decomposed this sentence, because {self.source} did not: "
            f"got {failure.got}; wanted {failure.wanted}; {failure.fix}"
        )

    def _stored(self, rules: Query, phrases: Phrases) -> tuple[str, ...]:
        if self._cache is None:
            return ()
        try:
            self._cache.write(rules, phrases)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return (f"decomposition not cached in {self._cache.folder} ({reason})",)
        return ()

    def _asked(self, rules: Query) -> Phrases:
        """The model's phrases, or the failure; after too many in a row, without asking."""
        if self._reason is not None and time.monotonic() < self._paused_until:
            raise AnswerError(
                f"no request, because an earlier one met {self._reason.got}",
                wanted=self._reason.wanted,
                fix=self._reason.fix,
            )
        try:
            phrases = self._attempts(rules)
        except AnswerError as failure:
            self._failed += 1
            if self._failed >= PAUSE_AFTER:
                self._reason = failure
                self._paused_until = time.monotonic() + PAUSE_S
            raise
        self._failed, self._reason = 0, None
        return phrases

    def _attempts(self, rules: Query) -> Phrases:
        patience = self._limits.patience()
        sentence = normalise(rules.text)
        prompt = decomposition_prompt(sentence)
        while True:
            patience.attempts -= 1
            try:
                return read_answer(self._ask(prompt, patience), rules)
            except QueryError as refused:
                if patience.attempts <= 0 or patience.left_s <= 0:
                    raise AnswerError(
                        refused.got, wanted=refused.wanted, fix=refused.fix
                    ) from refused
                prompt = repeated_prompt(sentence, refused.got)
