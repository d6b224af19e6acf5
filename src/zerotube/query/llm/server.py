"""Any server that speaks OpenAI's chat protocol, as a model to ask (extra ``openai``).

The client of the package ``openai`` asks, and asks again where a failure may pass. What a server
sends never reaches a message, a log or a file unless it passed the check of
``zerotube.query.llm.answer``: an error body may repeat the key, in whatever spelling.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from zerotube.errors import AnswerError, MissingExtraError, QueryError, UsageError
from zerotube.query.llm.decomposer import LLMSettings, Patience

if TYPE_CHECKING:
    import httpx2
    import openai

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
_WANTED: Final = "a chat completion"
_FIX: Final = "check that the server runs and --llm-base-url names it"
DETERMINISTIC: Final[Mapping[str, Any]] = {"temperature": 0, "max_completion_tokens": 2048}


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


def secret_of(key: str | None) -> Secret | None:
    """A key as it can be sent; None where there is none.

    Raises:
        UsageError: it holds characters that no key has.
    """
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
        options: further fields of a request, for servers that take them.

    Raises:
        MissingExtraError: the package ``openai`` is not installed.
        UsageError: an address that is none, or no key for OpenAI itself.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        key: Secret | None,
        options: Mapping[str, Any],
    ) -> None:
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
        self._model = model
        self._options = options
        self._takes_options = True
        # A redirect would carry the sentence to a host that nobody named.
        transport = _client_in_time()(follow_redirects=False)
        try:
            self._client = openai.AsyncOpenAI(
                api_key=key.reveal() if key else "none", base_url=base_url, http_client=transport
            )
        except (httpx2.InvalidURL, ValueError):
            raise _no_address() from None

    def __repr__(self) -> str:
        return f"ChatServer({self.host!r}, {self._model!r})"

    def __call__(
        self, content: str | list[dict[str, Any]], patience: Patience, **options: Any
    ) -> str:
        """Ask, again where a failure may pass; without any options where those are refused.

        Args:
            content: of the user's message, a text or parts of the protocol.
            patience: what may be spent.
            options: in place of those of the same name.

        Raises:
            AnswerError: no answer, or none in time.
            QueryError: an answer that is not one.
        """
        with _quiet_logs():
            answer = self._reply(content, patience, {**self._options, **options})
            asked = asyncio.run_coroutine_threadsafe(answer, _loop(os.getpid()))
            try:
                reply = asked.result()
            finally:
                asked.cancel()  # if the user interrupts; an answer stays what it is
        if isinstance(reply, AnswerError):
            raise reply
        return _content(reply)

    async def _reply(
        self, content: str | list[dict[str, Any]], patience: Patience, options: dict[str, Any]
    ) -> bytes | AnswerError:
        """A body, or a problem. No exception of the client leaves here: it holds headers and
        bodies."""
        import httpx2
        import openai

        _PATIENCE.set(patience)
        left_s = patience.left_s
        try:
            async with asyncio.timeout(left_s):
                raw = await self._created(content, patience, options)
        except openai.APIStatusError as error:
            return _status(error.response)
        except openai.APITimeoutError:
            return _timeout(patience.request_s)
        except TimeoutError:
            return patience.failure or _timeout(left_s)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            kind = type(error.__cause__ or error).__name__
            return AnswerError(f"no connection, or a broken one ({kind})", wanted=_WANTED, fix=_FIX)
        patience.attempts -= raw.retries_taken
        body: bytes = raw.content
        return body

    async def _created(
        self, content: str | list[dict[str, Any]], patience: Patience, options: dict[str, Any]
    ) -> Any:
        import openai

        client = self._client.with_options(
            max_retries=patience.attempts, timeout=patience.request_s
        )
        create: Any = client.chat.completions.with_raw_response.create
        request = {"model": self._model, "messages": [{"role": "user", "content": content}]}
        if self._takes_options:
            try:
                return await create(**request, **options)
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                pass  # Not every server knows JSON schemas, and some models refuse a temperature.
        raw = await create(**request)
        self._takes_options = False
        return raw


_PATIENCE: ContextVar[Patience] = ContextVar("_PATIENCE")
"""What the chat in progress may still take."""


@cache
def _client_in_time() -> type[openai.DefaultAsyncHttpxClient]:
    """The client's transport, a class of a package that need not be installed."""
    import httpx2
    import openai

    class InTime(openai.DefaultAsyncHttpxClient):
        """Keeps a whole exchange in time, and lets nothing of a response through that is not used.

        The time limits of httpx start anew with every byte, so that a server which drips would
        never meet them.
        """

        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            patience = _PATIENCE.get()
            try:
                async with asyncio.timeout(patience.request_s):
                    response = await super().send(request, **(options | {"stream": True}))
                    try:
                        body = await _read(response)
                    finally:
                        await response.aclose()
            except TimeoutError:
                raise httpx2.ReadTimeout("the exchange took too long", request=request) from None
            headers = {}
            if (wait_s := _retry_after(response)) is not None:
                headers["retry-after"] = response.headers["retry-after"]
                if wait_s >= patience.left_s:
                    headers["x-should-retry"] = "false"  # the client obeys it
            status = response.status_code
            told = httpx2.Response(status, headers=headers, content=body, request=request)
            patience.failure = _status(told) if told.is_error else None
            return told

    return InTime


async def _read(response: httpx2.Response) -> bytes:
    """The body, or a little more than what is taken of it."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    return bytes(body)


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """A running event loop in a thread of its own, one per process: a caller may be inside a loop
    already, as in a notebook, and threads do not survive a fork."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=f"chats of {process}", daemon=True).start()
    return loop


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
        "a base URL that is not a web address",
        wanted="an address such as http://localhost:8000/v1",
        fix="correct --llm-base-url or OPENAI_BASE_URL",
    )


def _content(body: bytes) -> str:
    """The text of a chat completion.

    Raises:
        QueryError: it is not one.
    """
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        content = None
    if not isinstance(content, str) or not content.strip():
        endless = len(body) > MAX_BODY_BYTES
        what = "does not end" if endless else "is not a chat completion with text"
        raise QueryError(f"a response that {what}", wanted=_WANTED, fix=_FIX)
    return content


def _timeout(seconds: float) -> AnswerError:
    return AnswerError(
        f"no answer within {seconds:.3g} s",
        wanted="an answer in time",
        fix="raise --llm-request-s and --llm-total-s, or use a faster model",
    )


def _status(response: httpx2.Response) -> AnswerError:
    """The failure behind a status code."""
    status, wait_s = response.status_code, _retry_after(response)
    asked = f", which asks to wait {wait_s:.0f} s" if wait_s else ""
    fix = _FIXES.get(status, "look into the server's log")
    if 300 <= status < 400:
        fix = "pass the address that the server redirects to as --llm-base-url"
    return AnswerError(f"status {status} from the server{asked}", wanted=_WANTED, fix=fix)


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds in a Retry-After header: a number, or a date (RFC 9110, section 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    try:
        if value.replace(".", "", 1).isdigit():
            return float(value)
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """No record of the client's loggers inside the block.

    At level DEBUG they hold what the server sends, reason phrase and headers included, and that
    may repeat the key. A filter acts on the logger it is attached to alone, hence the children.
    """

    def silent(record: logging.LogRecord) -> bool:
        return False

    known = list(logging.root.manager.loggerDict)
    named = {*_LOGGERS, *(name for name in known if name.split(".")[0] in _LOGGERS)}
    loggers = [logging.getLogger(name) for name in named]
    for logger in loggers:
        logger.addFilter(silent)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(silent)
