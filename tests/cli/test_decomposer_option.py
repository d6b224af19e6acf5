"""``--decomposer`` of the verbs that take it; the server itself is tested beside the query code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

QUERY = "the red square moves right"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZEROTUBE_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--decomposer", "gpt"), "rules, openai, model"),
        (("--llm-model", "x"), "--llm-model with --decomposer rules"),
        (("--decomposer", "model", "--llm-base-url", "http://x"), "--llm-base-url with"),
        (("--decomposer", "openai"), "OPENAI_MODEL"),
        (("--decomposer", "openai", "--llm-model", "x"), "OPENAI_API_KEY"),
        (("--decomposer", "openai", "--llm-attempts", "0"), "attempts"),
    ],
)
def test_usage_errors(run, clip: Path, words: tuple[str, ...], named: str) -> None:
    if words[1] == "openai":
        pytest.importorskip("openai")
    for verb in (("decompose", QUERY), ("ground", clip, QUERY)):
        done = run(*verb, *words)
        assert done.code == 2
        assert named in done.error_line()


def test_ground_says_that_the_rules_stepped_in(run, clip: Path) -> None:
    """Nobody listens at that port; the key must not show."""
    pytest.importorskip("openai")
    server = ("--decomposer", "openai", "--llm-base-url", "http://127.0.0.1:9/v1")
    asked = (*server, "--llm-model", "m", "--llm-key", "sk-secret", "--llm-attempts", "1")
    done = run("ground", clip, QUERY, "--method", "gti", "--json", "--quiet", *asked)
    assert done.code == 0
    result = json.loads(done.out)
    assert result["sub_queries"]["source"] == "rules"
    assert "the rules decomposed this sentence" in result["warnings"][0]
    assert "zerotube: warning: the rules decomposed" in done.err
    assert "sk-secret" not in done.out + done.err

    both = ("--attribute", "the red square", "--action", "the square moves right")
    done = run("ground", clip, QUERY, "--method", "gti", "--json", "--quiet", *asked, *both)
    assert json.loads(done.out)["sub_queries"]["source"] == "override"
    assert done.err == ""  # nothing was left to ask


@pytest.mark.parametrize("model", ["bundled", "toy"])
def test_the_model_itself(run, toy_folder: Path, model: str) -> None:
    """Neither was taught to write JSON: the answer is refused, and the rules step in."""
    name = str(toy_folder) if model == "toy" else model
    words = ("--decomposer", "model", "--model", name, "--device", "cpu", "--llm-attempts", "1")
    done = run("decompose", "--json", *words, "the tall man in red sits down")
    assert done.code == 0
    assert json.loads(done.out)["action"] == "the man sits down"
    assert json.loads(done.out)["source"] == "rules"
    assert (
        f"zerotube: warning: query 1: the rules decomposed this sentence, because model:{name} "
        in done.err
    )


def test_ground_with_the_model_itself(run, clip: Path) -> None:
    words = (
        "--decomposer",
        "model",
        "--llm-attempts",
        "1",
        "--method",
        "gti",
        "--json",
        "--quiet",
    )
    done = run("ground", clip, QUERY, *words)
    assert done.code == 0
    assert json.loads(done.out)["sub_queries"]["source"] == "rules"
    assert "model:bundled" in json.loads(done.out)["warnings"][0]
