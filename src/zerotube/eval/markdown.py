"""Tables for people, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; what would break a cell is escaped.

    Args:
        columns: headings.
        rows: as many texts each.
    """
    head, *lines = (f"| {' | '.join(map(_cell, line))} |" for line in (columns, *rows))
    return "\n".join([head, "|" + "---|" * len(columns), *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
