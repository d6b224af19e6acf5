"""The files of an ablation: a table for people, one for programs, and a plot."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zerotube.eval.ablations.plot import draw
from zerotube.eval.ablations.table import AblationTable
from zerotube.tube.serialize import format_json

OUTPUT_FILES = ("table.md", "table.json", "plot.png")
"""What ``save`` writes."""


def save(
    folder: Path, tables: Sequence[AblationTable], settings: Mapping[str, Any]
) -> tuple[Path, ...]:
    """Write an ablation; each file appears whole or not at all.

    Args:
        folder: where; files of an earlier run are replaced.
        tables: of the same rows, one per set of samples.
        settings: what was run.

    Returns:
        The files.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".table-", dir=folder))
    markdown, plain, picture = (scratch / name for name in OUTPUT_FILES)
    try:
        markdown.write_text(
            "\n\n".join(table.markdown() for table in tables) + "\n", encoding="utf-8"
        )
        content = {
            "zerotube_version": version("zerotube"),
            "settings": dict(settings),
            "tables": [table.to_dict() for table in tables],
        }
        plain.write_text(format_json(content) + "\n", encoding="utf-8")
        draw(tables, picture)
        for name in OUTPUT_FILES:
            (scratch / name).replace(folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tuple(folder / name for name in OUTPUT_FILES)
