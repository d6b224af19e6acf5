"""The report of a check, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

from zerotube.check.types import CheckReport
from zerotube.files import whole_file

SUFFIXES = (".md", ".json")


def as_json(report: CheckReport) -> str:
    """The report as JSON."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: CheckReport) -> str:
    """The report as a table, with what a reader needs besides below it."""
    verdict = "every check passed" if not report.failed else f"failed: {', '.join(report.failed)}"
    if not report.finished:
        verdict += "; not finished"
    rows = [
        f"| {line.status} | {_cell(line.name)} | {_cell(line.figure)} | {line.seconds:.1f} |"
        for line in report.lines
    ]
    details = [f"- **{line.name}**: {_text(line.detail)}" for line in report.lines if line.detail]
    parts = [
        f"# zerotube check {report.model}",
        verdict[0].upper() + verdict[1:] + ".",
        "\n".join(["| | check | figure | seconds |", "|---|---|---|---|", *rows]),
        "\n".join(details),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_report(report: CheckReport, path: Path) -> None:
    """Write JSON or Markdown, by the ending; whole or not at all, over an earlier one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = as_json(report) if path.suffix.lower() == ".json" else as_markdown(report)
    # Whatever a tokenizer makes of a damaged vocabulary can be written.
    with whole_file(path, errors="backslashreplace") as stream:
        stream.write(text)


def _text(text: str) -> str:
    """Prompts hold angle brackets, which Markdown takes for HTML."""
    return text.replace("<", "\\<").replace("\n", " ")


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")
