"""An OpenAI-compatible server that splits sentences, or is asked about frames (extra ``openai``).

What reaches a server is the sentence, and for an asker the sampled frames and their times.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zerotube.errors import AnswerError, QueryError
from zerotube.geometry.spans import TimeNotation
from zerotube.query.llm.cache import PhraseCache, default_folder
from zerotube.query.llm.decomposer import LLMDecomposer, LLMSettings
from zerotube.query.llm.server import DETERMINISTIC, ChatServer, secret_of, server_named
from zerotube.query.prompts import DECOMPOSITION_SCHEMA
from zerotube.query.times import DRAWN

if TYPE_CHECKING:
    from zerotube.video.types import Clip

DECOMPOSITION: Final[Mapping[str, Any]] = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "decomposition", "strict": True, "schema": DECOMPOSITION_SCHEMA},
    },
    **DETERMINISTIC,
}

MAX_SIDE: Final = 768
"""Long side of the pictures that a server is sent, in pixels; larger frames are scaled down."""
JPEG_QUALITY: Final = 90


def openai_decomposer(
    settings: LLMSettings | None = None,
    *,
    key: str | None = None,
    cache_folder: Path | None = None,
) -> LLMDecomposer:
    """A decomposer that asks an OpenAI-compatible server.

    >>> decomposer = openai_decomposer(LLMSettings(model="my-model"))  # doctest: +SKIP

    Args:
        settings: see ``LLMSettings``.
        key: default OPENAI_API_KEY. Servers other than OpenAI's may need none.
        cache_folder: default ``zerotube.query.llm.cache.default_folder()``.

    Raises:
        MissingExtraError: the package ``openai`` is not installed.
        UsageError: no model, no key for OpenAI itself, or an address that is none.
    """
    chosen = settings or LLMSettings()
    server, model = _server(chosen, key, DECOMPOSITION)
    cache = None
    if chosen.cache:
        cache = PhraseCache(cache_folder or default_folder(), model, server.host)
    return LLMDecomposer(server, source=f"openai:{model}", cache=cache, settings=chosen)


def openai_asker(settings: LLMSettings | None = None, *, key: str | None = None) -> ServerAsker:
    """Who names times for `zerotube.method.ask`: an OpenAI-compatible server with a vision model.

    >>> asker = openai_asker(LLMSettings(model="my-model"))  # doctest: +SKIP

    Args:
        settings: see ``LLMSettings``; nothing is cached.
        key: default OPENAI_API_KEY. Servers other than OpenAI's may need none.

    Raises: as ``openai_decomposer``.
    """
    chosen = settings or LLMSettings()
    server, model = _server(chosen, key, DETERMINISTIC)
    return ServerAsker(server, f"openai:{model}", chosen)


class ServerAsker:
    """Sends a server the sampled frames, each behind its time in seconds, and a question.

    Args:
        server: who is asked.
        source: names it.
        settings: the limits of one answer.
    """

    notation: TimeNotation = "seconds"

    def __init__(self, server: ChatServer, source: str, settings: LLMSettings) -> None:
        self.source = source
        self._server = server
        self._limits = settings

    def __call__(self, clip: Clip, question: str, samples: int, /) -> list[str]:
        """The answers to a question about some frames.

        Args:
            clip: the frames.
            question: what is asked.
            samples: answers wanted; one is asked for at temperature 0, several are drawn.

        Raises:
            AnswerError: no answer, or none in time.
        """
        parts: list[dict[str, Any]] = []
        for frame, seconds in zip(clip.frames, clip.timestamps_s, strict=True):
            at_s = float(seconds - clip.timestamps_s[0])
            parts.append({"type": "text", "text": f"<{at_s:.1f} seconds>"})
            parts.append({"type": "image_url", "image_url": {"url": _data_uri(frame)}})
        parts.append({"type": "text", "text": question})
        options = {} if samples == 1 else {"temperature": DRAWN}
        return [self._answer(parts, options) for _ in range(samples)]

    def _answer(self, parts: list[dict[str, Any]], options: dict[str, Any]) -> str:
        patience = self._limits.patience()
        while True:
            patience.attempts -= 1
            try:
                return self._server(parts, patience, **options)
            except QueryError as refused:
                if patience.attempts <= 0 or patience.left_s <= 0:
                    raise AnswerError(
                        refused.got, wanted=refused.wanted, fix=refused.fix
                    ) from refused


def _server(
    settings: LLMSettings, key: str | None, options: Mapping[str, Any]
) -> tuple[ChatServer, str]:
    """The server of some settings, and the name of its model."""
    model, base_url = server_named(settings)
    secret = secret_of(key or os.environ.get("OPENAI_API_KEY"))
    return ChatServer(base_url, model, secret, options), model


def _data_uri(frame: Any) -> str:
    """A frame, uint8 ``(H, W, 3)`` RGB, as a JPEG in a data URI."""
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
