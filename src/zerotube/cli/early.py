"""Refusing wrong flags in milliseconds, before torch and a model are loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, TracksError

_PROBED_FILES, _PROBED_BYTES = 16, 4_000_000
"""Track files of a folder that are looked at, and how large each may be: thousands of them may be
gigabytes. What is wrong with another is the failure of its sample."""


def check_proposer(name: str | None, settings: Mapping[str, Any], *, model: str) -> None:
    """Refuse a proposer that cannot be made.

    Args:
        name: as the user gave it; None for that of the model.
        settings: its settings.
        model: value of --model.

    Raises:
        UsageError: an unknown proposer, setting or value.
    """
    from zerotube.proposals.registry import default_proposer, proposer

    # Its models load at the first use, so that to make one costs nothing.
    proposer(name or default_proposer(model), **settings)


def check_tracks_dir(folder: Path) -> None:
    """Refuse a folder in which no track file can be read.

    Raises:
        InputError: there is no such folder, or no JSON file in it.
        TracksError: one of the first files is not JSON.
    """
    wanted = "a folder of track files"
    if not folder.is_dir():
        raise InputError(f"no folder {folder}", wanted=wanted, fix="pass it")
    files = list(islice(folder.rglob("*.json"), _PROBED_FILES))
    if not files:
        raise InputError(
            f"no .json file below {folder}",
            wanted=wanted,
            fix="make them with `zerotube propose FOLDER --out DIR`",
        )
    for file in files:
        if file.stat().st_size > _PROBED_BYTES:
            continue
        try:
            json.loads(file.read_bytes())
        except ValueError as error:
            raise TracksError(
                f"{str(file)!r}, which is not JSON ({error})",
                wanted=wanted,
                fix="correct the file or write it again (zerotube propose VIDEO --out FILE)",
            ) from error
