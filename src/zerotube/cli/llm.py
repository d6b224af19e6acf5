"""What the verbs say about who decomposed the sentences, and what they must not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from zerotube.cli import console

if TYPE_CHECKING:
    from zerotube.eval.runner import RunRecord


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
