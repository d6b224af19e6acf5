"""Any server that speaks OpenAI's chat protocol, as a model to ask (extra ``openai``).

What a server sends never reaches a message, a log or a file unless it passed the check of
``zerotube.query.llm.answer``: an error body may repeat the key, in whatever spelling.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from zerotube.errors import DecomposerError, MissingExtraError, UsageError
from zerotube.query.llm import LLMDecomposer, LLMSettings
from zerotube.query.llm.cache import PhraseCache, default_folder
from zerotube.query.prompts import DECOMPOSITION_SCHEMA

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
MAX_BODY_BYTES: Final = 1_000_000
"""Longest response that is read; a decomposition takes about a thousand."""

_LOGGERS: Final = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")
_FIXES: Final = {
    400: "check --llm-model, and that the server is one for chats",
    401: "check the key in OPENAI_API_KEY",
    403: "check what the key in OPENAI_API_KEY may use",
    404: "check --llm-model and --llm-base-url, which usually ends in /v1",
    429: "wait, or raise --llm-total-s",
}


class Secret:
    """A key that shows itself to nobody who does not ask for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def server_named(settings: LLMSettings) -> tuple[str, str]:
    """Model and base URL that some settings mean in this process's environment.

    Raises:
        UsageError: nothing names a model.
    """
    model = (settings.model or os.environ.get("OPENAI_MODEL", "")).strip()
    if not model:
        raise UsageError(
            "no name of a model for the server",
            wanted="a model that the server offers",
            fix="pass --llm-model or set OPENAI_MODEL",
        )
    base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    return model, base_url


def openai_decomposer(
    settings: LLMSettings | None = None,
    *,
    key: str | None = None,
    cache_folder: Path | None = None,
) -> LLMDecomposer:
    """A decomposer that asks an OpenAI-compatible server.

    >>> decomposer = openai_decomposer(LLMSettings(model="gpt-4o"))  # doctest: +SKIP

    Args:
        settings: see ``LLMSettings``.
        key: default OPENAI_API_KEY. Servers other than OpenAI's may need none.
        cache_folder: default ``zerotube.query.llm.cache.default_folder()``.

    Raises:
        MissingExtraError: the package ``openai`` is not installed.
        UsageError: no model, no key for OpenAI itself, or an address that is none.
    """
    chosen = settings or LLMSettings()
    model, base_url = server_named(chosen)
    server = ChatServer(base_url, model, _secret(key or os.environ.get("OPENAI_API_KEY")))
    cache = None
    if chosen.cache:
        cache = PhraseCache(cache_folder or default_folder(), model, server.host)
    return LLMDecomposer(
        server,
        source=f"openai:{model}",
        cache=cache,
        settings=chosen,
    )


def _secret(key: str | None) -> Secret | None:
    value = (key or "").strip()
    if not value:
        return None
    # A header cannot carry it, and the error about that would quote it.
    if not value.isascii() or not value.isprintable() or " " in value:
        raise UsageError(
            "a key with characters that no key has",
            wanted="printable ASCII without spaces",
            fix="copy the key into OPENAI_API_KEY again",
        )
    return Secret(value)


class ChatServer:
    """A callable, prompt in and answer out; see ``zerotube.query.llm.Ask``.

    Args:
        base_url: address up to and without ``/chat/completions``.
        model: name of the model on the server.
        key: None sends a placeholder, which local servers ignore.
    """

    def __init__(self, base_url: str, model: str, key: Secret | None) -> None:
        try:
            import httpx2
            import openai
        except ImportError:
            raise MissingExtraError("openai", extra="openai") from None
        self.host = host_of(base_url)
        if key is None and self.host == host_of(DEFAULT_BASE_URL):
            raise UsageError(
                "no key for OpenAI",
                wanted="a key in OPENAI_API_KEY, or a server of your own",
                fix="set OPENAI_API_KEY, or pass --llm-base-url http://localhost:8000/v1",
            )
        self._openai, self._transport = openai, httpx2
        self._base_url = base_url
        self._model = model
        self._key = key or Secret("none")
        self._structured = True
        self._client = self._connect()

    def __repr__(self) -> str:
        return f"ChatServer({self.host!r}, {self._model!r})"

    def __call__(self, prompt: str, seconds: float) -> str:
        """Ask once; without structured output where the server refuses that.

        Raises:
            DecomposerError: no answer in time, or one that is none.
        """
        deadline = time.monotonic() + seconds
        reply = self._in_time(prompt, seconds)
        if reply.status in (400, 422) and self._structured:
            # Not every server knows JSON schemas, and some models refuse a temperature.
            self._structured = False
            reply = self._in_time(prompt, max(deadline - time.monotonic(), 0.1))
            self._structured = reply.status in (400, 422)
        if reply.problem is not None:
            raise reply.problem
        return _content(reply.body)

    def _in_time(self, prompt: str, seconds: float) -> _Reply:
        """Send one request in a thread of its own: the client's own time limits start anew with
        every byte, so that a server which drips would never meet them."""
        client = self._client
        replies: list[_Reply] = []
        deadline = time.monotonic() + seconds
        thread = threading.Thread(
            target=lambda: replies.append(self._send(client, prompt, deadline)), daemon=True
        )
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._client = self._connect()  # the thread keeps the old one until it notices
            return _Reply(problem=_timeout(seconds))
        if not replies:
            raise RuntimeError("the request ended in an error that this code does not know")
        return replies[0]

    def _connect(self) -> Any:
        # A redirect would carry the sentence to a host that nobody named.
        transport = self._openai.DefaultHttpxClient(follow_redirects=False)
        try:
            return self._openai.OpenAI(
                api_key=self._key.reveal(),
                base_url=self._base_url,
                max_retries=0,
                http_client=transport,
            )
        except (self._transport.InvalidURL, ValueError):
            raise _no_address() from None

    def _send(self, client: Any, prompt: str, deadline: float) -> _Reply:
        """One request. No exception of the client leaves here: it holds headers and bodies."""
        seconds = max(deadline - time.monotonic(), 0.1)
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            "timeout": seconds,
        }
        if self._structured:
            schema = {"name": "decomposition", "strict": True, "schema": DECOMPOSITION_SCHEMA}
            request |= {
                "response_format": {"type": "json_schema", "json_schema": schema},
                "temperature": 0,
                "max_completion_tokens": 2048,
            }
        body = bytearray()
        chat = client.chat.completions.with_streaming_response
        try:
            with _quiet_logs(), chat.create(**request) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        return _Reply(problem=_no_answer("a response that does not end"))
                    if time.monotonic() > deadline:
                        return _Reply(problem=_timeout(seconds))
        except self._openai.APIStatusError as error:
            return _Reply(error.status_code, problem=_status(error.status_code, error.response))
        except (self._openai.APITimeoutError, self._transport.TimeoutException):
            return _Reply(problem=_timeout(seconds))
        except (self._openai.OpenAIError, self._transport.HTTPError, OSError) as error:
            kind = type(error).__name__
            return _Reply(problem=_no_answer(f"no connection, or a broken one ({kind})"))
        return _Reply(200, bytes(body))


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came of one request: a body, or a problem."""

    status: int = 0
    body: bytes = b""
    problem: DecomposerError | None = None


def host_of(base_url: str) -> str:
    """Host and port of an address, without the user and password it may hold.

    Raises:
        UsageError: it is not a web address.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise _no_address()
    return f"{host}:{port}" if port else host


def _no_address() -> UsageError:
    """Does not quote the address: people put keys there."""
    return UsageError(
        "a base URL that is no web address",
        wanted="an address such as http://localhost:8000/v1",
        fix="correct --llm-base-url or OPENAI_BASE_URL",
    )


def _content(body: bytes) -> str:
    """The text of a chat completion."""
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        content = None
    if not isinstance(content, str) or not content.strip():
        raise _no_answer("a response that is no chat completion with text")
    return content


def _no_answer(got: str) -> DecomposerError:
    return DecomposerError(
        got,
        wanted="a chat completion",
        fix="check that the server runs and --llm-base-url names it",
        retry=True,
    )


def _timeout(seconds: float) -> DecomposerError:
    return DecomposerError(
        f"no answer within {seconds:.3g} s",
        wanted="an answer in time",
        fix="raise --llm-request-s and --llm-total-s, or use a faster model",
        retry=True,
    )


def _status(status: int, response: Any) -> DecomposerError:
    """The failure behind a status code: too many requests and errors of the server may pass."""
    wait = _retry_after(response.headers) if status in (429, 503) else None
    asked = f", which asks to wait {wait:.0f} s" if wait else ""
    if 300 <= status < 400:
        fix = "pass the address that the server redirects to as --llm-base-url"
    else:
        fix = _FIXES.get(status, "look into the server's log")
    return DecomposerError(
        f"status {status} from the server{asked}",
        wanted="a chat completion",
        fix=fix,
        retry=status in (408, 409, 429) or status >= 500,
        wait_s=wait,
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in a Retry-After header: a number, or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        return float(value) if value.replace(".", "", 1).isdigit() else _until(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


class _Silent(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """No record of the client's loggers inside the block.

    At level DEBUG they hold what the server sends, reason phrase and headers included, and that
    may repeat the key. A filter acts on the logger it is attached to alone, hence the children.
    """
    silent = _Silent()
    known = [
        name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in _LOGGERS
    ]
    loggers = [logging.getLogger(name) for name in {*known, *_LOGGERS}]
    for logger in loggers:
        logger.addFilter(silent)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(silent)
