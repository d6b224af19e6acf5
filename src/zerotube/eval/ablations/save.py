"""The files of an ablation: a table for people, one for programs, and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zerotube.eval.ablations.plot import draw
from zerotube.eval.ablations.table import AblationTable
from zerotube.files import whole_files
from zerotube.tube.serialize import format_json

OUTPUT_FILES = ("table.md", "plot.png", "table.json")
"""What ``save`` writes, in the order in which it is put into place."""


def save(
    folder: Path, tables: Sequence[AblationTable], settings: Mapping[str, Any]
) -> tuple[Path, ...]:
    """Write an ablation; the files appear together or not at all.

    Args:
        folder: where; files of an earlier run are replaced.
        tables: of the same rows, one per set of samples.
        settings: what was run.

    Returns:
        The files.

    Raises:
        OSError: they cannot be written.
    """
    content = {
        "zerotube_version": version("zerotube"),
        "settings": dict(settings),
        "tables": [table.to_dict() for table in tables],
    }
    with whole_files(folder, OUTPUT_FILES) as scratch:
        markdown, picture, plain = (scratch / name for name in OUTPUT_FILES)
        text = "\n\n".join(table.markdown() for table in tables) + "\n"
        markdown.write_text(text, encoding="utf-8")
        draw(tables, picture)
        plain.write_text(format_json(content) + "\n", encoding="utf-8")
    return tuple(folder / name for name in OUTPUT_FILES)
