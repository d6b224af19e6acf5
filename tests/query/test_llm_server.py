"""Decomposition by a server: a real process that speaks the protocol, well and badly."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import pickle
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zerotube.errors import MissingExtraError, UsageError
from zerotube.query import Query, decompose
from zerotube.query.llm import LLMDecomposer, LLMSettings
from zerotube.query.llm.openai_clients import openai_decomposer
from zerotube.query.llm.server import Secret
from zerotube.query.prompts import decomposition_prompt

pytest.importorskip("openai", reason="needs the extra 'openai'")

TEXT = "The tall man in red sits down on the bench."
KEY = "sk-Zq81-aVeryPrivateKey"
RULES = decompose(TEXT)


NUMBERS = itertools.count()


class Server:
    """The process, and what it was asked."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        self.session = "none"

    def url(self, steps: str) -> str:
        """Address of a new session with these steps."""
        self.session = f"s{next(NUMBERS)}"
        return f"http://127.0.0.1:{self.port}/{steps}/{self.session}/v1"

    def asked(self, session: str | None = None) -> list[dict[str, Any]]:
        """Requests of the latest or a named session."""
        address = f"http://127.0.0.1:{self.port}/log/{session or self.session}"
        with urllib.request.urlopen(address) as reply:
            found: list[dict[str, Any]] = json.load(reply)
        return found

    def decomposer(self, steps: str, **settings: Any) -> LLMDecomposer:
        """A decomposer on a new session, without a cache unless asked for."""
        chosen = {"model": "some-model", "cache": False, **settings}
        made = LLMSettings(base_url=self.url(steps), **chosen)
        return openai_decomposer(made, key=KEY, cache_folder=self.folder)


@pytest.fixture(scope="module")
def process() -> Iterator[int]:
    """The server's port."""
    program = Path(__file__).with_name("chat_server.py")
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield int(running.stdout.readline())
        finally:
            running.kill()


@pytest.fixture
def server(process: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
    return Server(process, tmp_path / "cache")


def _is_good(query: Query) -> bool:
    assert query.text == TEXT
    assert (query.statement, query.kind) == (RULES.statement, RULES.kind)
    phrases = (query.attribute, query.action, query.noun)
    return (
        phrases == ("the tall man in red", "the man sat down on the bench", "man")
        and query.source == "openai:some-model"
        and query.warnings == ()
    )


def _warning(query: Query) -> str:
    """The one warning of a query that was left to the rules."""
    (warning,) = query.warnings
    assert (query.attribute, query.action, query.noun) == (
        RULES.attribute,
        RULES.action,
        RULES.noun,
    )
    assert query.source == "rules"
    assert "the rules decomposed this sentence" in warning
    assert KEY.lower() not in warning.lower()
    return warning


def test_what_is_sent(server: Server) -> None:
    assert _is_good(server.decomposer("good")(TEXT))
    (request,) = server.asked()
    assert request["key"] == KEY
    assert request["path"].endswith("/v1/chat/completions")
    body = request["body"]
    assert body["model"] == "some-model"
    sentence = "the tall man in red sits down on the bench."
    assert body["messages"] == [{"role": "user", "content": decomposition_prompt(sentence)}]
    shape = body["response_format"]["json_schema"]
    assert shape["strict"] is True
    assert shape["schema"]["required"] == ["attribute", "action", "noun"]


@pytest.mark.parametrize("steps", ["fenced", "thinking"])
def test_answers_with_text_around_them(server: Server, steps: str) -> None:
    assert _is_good(server.decomposer(steps)(TEXT))
    assert len(server.asked()) == 1


def test_a_server_without_structured_output(server: Server) -> None:
    ask = server.decomposer("plain")
    assert _is_good(ask(TEXT))
    assert ["response_format" in item["body"] for item in server.asked()] == [True, False]
    assert _is_good(ask(TEXT))
    assert len(server.asked()) == 3  # remembered: the second sentence takes one request


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("malformed", "without a JSON object"),
        ("nested", "without a JSON object"),
        ("missing", "lacks one of the three names"),
        ("types", "noun is not text"),
        ("foreign", "attribute has 2 words that the sentence does not have"),
        ("parrot", "attribute has"),
        ("blank", "empty action"),
        ("adjective", "not a bare noun"),
        ("other", "attribute does not name its noun"),
        ("repeating", "action is longer"),
        ("silent", "not a chat completion with text"),
        ("shapeless", "not a chat completion with text"),
        ("html", "not a chat completion with text"),
    ],
)
def test_bad_answers(server: Server, step: str, reason: str) -> None:
    assert reason in _warning(server.decomposer(step, attempts=1)(TEXT))
    assert len(server.asked()) == 1


def test_a_bad_answer_is_asked_for_again_with_the_reason(server: Server) -> None:
    assert _is_good(server.decomposer("malformed,foreign,good")(TEXT))
    prompts = [item["body"]["messages"][0]["content"] for item in server.asked()]
    assert len(prompts) == 3
    assert "refused: an answer without a JSON object." in prompts[1]
    assert "2 words that the sentence does not have." in prompts[2]
    assert "2 words" in _warning(server.decomposer("foreign", attempts=2)(TEXT))
    assert len(server.asked()) == 2


@pytest.mark.parametrize(
    ("step", "wait_s"), [("busy", 0.9), ("busydate", 1.0), ("status500", 0.37)]
)
def test_failures_that_pass_are_waited_for(server: Server, step: str, wait_s: float) -> None:
    assert _is_good(server.decomposer(f"{step},good")(TEXT))
    first, second = server.asked()
    assert second["time"] - first["time"] >= wait_s


@pytest.mark.parametrize(
    ("step", "total_s", "told"), [("busylong", 5, "999 s"), ("busy4", 3.5, "4 s")]
)
def test_a_wait_beyond_the_limit_is_not_begun(
    server: Server, step: str, total_s: float, told: str
) -> None:
    begin = time.monotonic()
    warning = _warning(server.decomposer(step, total_s=total_s)(TEXT))
    assert time.monotonic() - begin < 3
    assert "429" in warning
    assert told in warning
    assert len(server.asked()) == 1


def test_what_the_time_went_to_is_told(server: Server) -> None:
    warning = _warning(server.decomposer("status500", total_s=0.3)(TEXT))
    assert "status 500" in warning
    assert len(server.asked()) == 1


def test_retries_are_bounded(server: Server) -> None:
    assert "status 500" in _warning(server.decomposer("status500", attempts=2)(TEXT))
    assert len(server.asked()) == 2
    # Of all requests about a sentence, whatever each of them meets.
    for steps in ("status500,malformed", "malformed,status500", "silent"):
        _warning(server.decomposer(steps, attempts=2)(TEXT))
        assert len(server.asked()) == 2


def test_a_caller_may_be_inside_a_loop(server: Server) -> None:
    async def asked() -> Query:
        return server.decomposer("good")(TEXT)

    assert _is_good(asyncio.run(asked()))


@pytest.mark.parametrize(
    ("step", "status"), [("echo", "401"), ("status403", "403"), ("redirect", "307")]
)
def test_refusals_are_not_repeated(server: Server, step: str, status: str) -> None:
    assert f"status {status}" in _warning(server.decomposer(step)(TEXT))
    assert len(server.asked()) == 1
    assert server.asked("redirected") == []


@pytest.mark.parametrize("step", ["truncated", "closed"])
def test_broken_connections(server: Server, step: str) -> None:
    assert "broken" in _warning(server.decomposer(step, attempts=1)(TEXT))
    assert _is_good(server.decomposer(f"{step},good")(TEXT))


def test_nobody_listens(server: Server) -> None:
    settings = LLMSettings("http://127.0.0.1:9/v1", "some-model", attempts=1, cache=False)
    assert "no connection" in _warning(openai_decomposer(settings)(TEXT))


@pytest.mark.parametrize("step", ["slow", "drip", "dripbody"])
def test_time_limits(server: Server, step: str) -> None:
    """Every read of the dripping ones is quick: a limit per read would never be met."""
    ask = server.decomposer(step, request_s=0.4, total_s=0.7, attempts=9)
    begin = time.monotonic()
    assert "no answer within" in _warning(ask(TEXT))
    assert time.monotonic() - begin < 10  # the server would go on for 20
    assert len(server.asked()) <= 2


def test_an_answer_after_one_that_took_too_long(server: Server) -> None:
    assert _is_good(server.decomposer("drip,good", request_s=1.5)(TEXT))


def test_a_response_without_end_is_not_kept(server: Server) -> None:
    warning = _warning(server.decomposer("endless", attempts=1)(TEXT))
    assert "does not end" in warning


def test_a_dead_server_is_left_alone(server: Server) -> None:
    ask = server.decomposer("status403")
    warnings = [_warning(ask(TEXT)) for _ in range(5)]
    assert len(server.asked()) == 3
    assert "no request, because an earlier one met status 403" in warnings[-1]


def test_cache(server: Server) -> None:
    assert _is_good(server.decomposer("good", cache=True)(TEXT))
    assert _is_good(server.decomposer("status500", cache=True)(TEXT))
    assert server.asked() == []
    server.decomposer("status403", cache=True, model="another")(TEXT)
    assert len(server.asked()) == 1
    server.decomposer("status403", cache=True)("The tall man in red stands.")
    assert len(server.asked()) == 1
    assert len(list(server.folder.iterdir())) == 1  # what the rules made is not kept


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[1]",
        lambda text: text.replace("sat down", "sits down"),
        lambda text: text.replace("some-model", "best-model"),
        lambda text: "\x00" + text,
    ],
)
def test_damaged_entries_are_made_again(server: Server, damage: Any) -> None:
    server.decomposer("good", cache=True)(TEXT)
    (entry,) = server.folder.iterdir()
    whole = entry.read_text(encoding="utf-8")
    entry.write_text(damage(whole), encoding="utf-8")
    assert _is_good(server.decomposer("good", cache=True)(TEXT))
    assert len(server.asked()) == 1
    assert entry.read_text(encoding="utf-8") == whole
    assert [path.name for path in server.folder.iterdir()] == [entry.name]


def test_an_unwritable_cache_is_said(server: Server) -> None:
    server.folder.write_text("a file", encoding="utf-8")
    query = server.decomposer("good", cache=True)(TEXT)
    assert query.source == "openai:some-model"
    assert "not cached" in query.warnings[0]


def test_settings_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="OPENAI_MODEL"):
        openai_decomposer(key=KEY)
    monkeypatch.setenv("OPENAI_MODEL", "some-model")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        openai_decomposer()
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url("good"))
    assert _is_good(openai_decomposer(cache_folder=server.folder)(TEXT))
    assert server.asked()[0]["key"] == KEY
    for address in ("localhost:8000", "ftp://host/v1", f"http://u:{KEY}@host:x/v1"):
        with pytest.raises(UsageError, match="not a web address") as caught:
            openai_decomposer(LLMSettings(address))
        assert KEY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(UsageError) as caught:
        openai_decomposer(key=f"{KEY}\u2026")
    assert KEY not in "".join(traceback.format_exception(caught.value))
    for name in ("request_s", "total_s", "attempts"):
        with pytest.raises(UsageError, match=name):
            LLMSettings(**{name: 0})


STEPS = "echo,parrot,good,status500,busylong,good,redirect,truncated,good,malformed"


def test_the_key_is_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs at their most talkative, nor in the cache, nor in any object's repr."""
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    ask = server.decomposer(STEPS, attempts=1, cache=True)
    seen = [repr(ask), repr(ask.__dict__), repr(vars(ask._ask)), str(vars(ask._ask))]
    for number in range(len(STEPS.split(","))):
        seen.append(repr(ask(f"{TEXT[:-1]} {number}")))
    assert len(server.asked()) == 10
    assert {item["key"] for item in server.asked()} == {KEY}
    stored = [path.read_text(encoding="utf-8") for path in server.folder.iterdir()]
    assert len(stored) == 3
    for text in (*seen, *stored, caplog.text, *(str(vars(item)) for item in caplog.records)):
        assert KEY.lower() not in text.lower()
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert KEY not in f"{secret} {secret!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_the_key_is_nowhere_on_the_command_line(server: Server, tmp_path: Path) -> None:
    sentences = "".join(f"{TEXT[:-1]} {number}\n" for number in range(10))
    environment = {
        **os.environ,
        "OPENAI_API_KEY": KEY,
        "OPENAI_LOG": "debug",
        "OPENAI_BASE_URL": server.url(STEPS),
        "ZEROTUBE_CACHE": str(server.folder),
    }
    words = ("decompose", "--decomposer", "openai", "--llm-model", "m", "--llm-attempts", "1")
    done = subprocess.run(
        [sys.executable, "-m", "zerotube", "--debug", *words, "--json", "--file", "-"],
        input=sentences,
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    made = [json.loads(line)["source"] for line in done.stdout.splitlines()]
    assert [index for index, source in enumerate(made) if source == "openai:m"] == [2, 5, 8]
    assert done.stderr.count("zerotube: warning: stdin line") == 7
    assert len(server.asked()) == 10
    stored = [path.read_text() for path in server.folder.rglob("*.json")]
    assert len(stored) == 3
    for text in (done.stdout, done.stderr, *stored):
        assert KEY.lower() not in text.lower()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"zerotube\[openai\]"):
        openai_decomposer(LLMSettings(model="m"), key=KEY)
