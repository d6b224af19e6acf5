"""What the verbs that decompose sentences share: who does it, and which flags that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer

from zerotube.cli import console
from zerotube.errors import UsageError
from zerotube.query.llm import LLMSettings

if TYPE_CHECKING:
    from zerotube.eval.runner import RunRecord

_DECOMPOSERS = ("rules", "openai", "model")

DecomposerOption = Annotated[
    str,
    typer.Option(
        "--decomposer",
        metavar="|".join(_DECOMPOSERS),
        help="What splits a sentence: rules, an OpenAI-compatible server, or --model itself.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--llm-key",
        metavar="KEY",
        envvar="OPENAI_API_KEY",
        help="Key of the server; other users see a flag in the list of processes.",
    ),
]
DecompositionsOption = Annotated[
    Path | None,
    typer.Option(
        "--decompositions",
        metavar="FILE",
        help="Phrases by video, as the method's authors stored them; for a video without usable "
        "ones --decomposer stands in.",
    ),
]


def llm_settings(decomposer: str, changes: Mapping[str, Any]) -> LLMSettings:
    """The settings of a chosen decomposer.

    Args:
        decomposer: value of ``--decomposer``.
        changes: the ``--llm-...`` flags that the user set.

    Raises:
        UsageError: an unknown decomposer, or a flag that it does not read.
    """
    if decomposer not in _DECOMPOSERS:
        raise UsageError(
            f"--decomposer {decomposer}",
            wanted=f"one of {', '.join(_DECOMPOSERS)}",
            fix="choose one of these",
        )
    idle = {"rules": set(changes), "model": {"base_url", "model"}, "openai": set()}[decomposer]
    for name in changes:
        if name in idle:
            raise UsageError(
                f"--llm-{name.replace('_', '-')} with --decomposer {decomposer}",
                wanted="flags that the decomposer reads",
                fix="pass --decomposer openai, or leave the flag out",
            )
    return LLMSettings(**changes)


def warn_decomposed(record: RunRecord) -> None:
    """Say on stderr where others split the sentences of a run than were asked to."""
    from zerotube.eval.decomposition import decomposed

    note = decomposed(record).note
    if note is not None:
        console.warn(note)


def without_secrets(words: Sequence[str]) -> list[str]:
    """A command line that can be shown: without the key of a server, and without the user and
    password that its address may hold."""
    shown = list(words)
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        hide = {"--llm-key": lambda _: "...", "--llm-base-url": _without_user}.get(option)
        if hide is None:
            continue
        if equals:
            shown[at] = f"{option}={hide(value)}"
        elif at + 1 < len(words):
            shown[at + 1] = hide(words[at + 1])
    return shown


def _without_user(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "..."
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
