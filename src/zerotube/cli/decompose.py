"""``zerotube decompose``: sentences into attribute phrase, action phrase and noun."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson, DecomposerFlags

if TYPE_CHECKING:
    from zerotube.query.llm import Decomposer


@with_flags(as_json="JSON lines {query, attribute, action, noun, source}.")
def decompose(
    queries: Annotated[
        list[str] | None, typer.Argument(metavar="QUERY...", help="Sentences to decompose.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="One sentence per line; - reads stdin."),
    ] = None,
    *,
    model: Annotated[
        str, typer.Option("--model", help="Multimodal LLM for --decomposer model.")
    ] = "bundled",
    device: Annotated[
        str | None, typer.Option("--device", help="Where --model runs; default: the best.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="Of --model; default: by device.")
    ] = None,
    as_json: AsJson = False,
    by: DecomposerFlags,
) -> None:
    """Split sentences into what the object is and what it does.

    A sentence that cannot be used is reported with its line; the others go on, and the exit code
    is 3 at the end. Where a language model gives no usable answer, the rules step in and a warning
    says so. The flags from --llm-base-url on are for --decomposer openai, which sends the
    sentences to that server.
    """
    from zerotube.errors import QueryError, UsageError

    if bool(queries) == (file is not None):
        raise UsageError(
            "sentences and --file" if queries else "neither a sentence nor --file",
            wanted="one of the two",
            fix='run: zerotube decompose "the man in red sits down"',
        )
    split = _chosen(by, model, device, dtype)
    failed = 0
    for place, text in _lines(file) if file is not None else _arguments(queries or []):
        try:
            query = split(text)
        except QueryError as caught:
            failed += 1
            console.error(f"{place}: {caught}")
            continue
        for warning in query.warnings:
            console.warn(f"{place}: {warning}")
        if as_json:
            record = {
                "query": query.text,
                "attribute": query.attribute,
                "action": query.action,
                "noun": query.noun,
                "source": query.source,
            }
            print(json.dumps(record, ensure_ascii=False))
        else:
            print(query.text)
            console.print_rows(
                [
                    ("attribute", query.attribute),
                    ("action", query.action),
                    ("noun", query.noun),
                    ("source", query.source),
                ],
                indent="  ",
            )
    if failed:
        raise typer.Exit(QueryError.exit_code)


def _chosen(by: DecomposerFlags, model: str, device: str | None, dtype: str | None) -> Decomposer:
    """The decomposer that was asked for, ready to be called."""
    if by.decomposer == "openai":
        from zerotube.query.llm.openai_clients import openai_decomposer

        return openai_decomposer(by.settings, key=by.llm_key)
    if by.decomposer == "model":
        from zerotube.grounder import model_decomposer
        from zerotube.mllm.loading import load

        return model_decomposer(load(model, device=device, dtype=dtype or "auto"), by.settings)
    from zerotube.query import decompose as rules

    return rules


def _arguments(queries: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(queries, start=1):
        yield f"query {number}", text


def _lines(file: str) -> Iterator[tuple[str, str]]:
    """Every line of the file that holds something, with its place; says how many did not."""
    name = "stdin" if file == "-" else file
    empty = 0
    for number, line in enumerate(_read(file, name).splitlines(), start=1):
        if line.strip():
            yield f"{name} line {number}", line.strip()
        else:
            empty += 1
    if empty:
        console.note(f"{empty} empty line{'s' if empty > 1 else ''} of {name} skipped")


def _read(file: str, name: str) -> str:
    from zerotube.errors import InputError

    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as caught:
        raise InputError(
            f"{name}: {caught.strerror}", wanted="a text file", fix="check the path of --file"
        ) from caught
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as caught:
        raise InputError(
            f"{name} with bytes that are not UTF-8", wanted="UTF-8 text", fix="convert the file"
        ) from caught
