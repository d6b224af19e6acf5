"""How every benchmark keeps its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zerotube.files import whole_file


def keep(report: Mapping[str, Any], file: Path | None) -> None:
    """Write a report as JSON, whole or not at all; nothing if no file was asked for.

    Raises:
        ValueError: a figure is not a finite number.
    """
    if file is None:
        return
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as stream:
        stream.write(text)
