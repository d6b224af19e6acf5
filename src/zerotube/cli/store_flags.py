"""The two flags of the proposal store, alike in every verb that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerotube.errors import InputError, UsageError

STORE_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Where candidate tracks are kept between runs. "
        "(default $ZEROTUBE_CACHE/proposals, else ~/.cache/zerotube/proposals)",
    ),
]
NO_STORE_OPTION = Annotated[
    bool, typer.Option("--no-store", help="Neither look for kept tracks nor keep new ones.")
]


def chosen_store(folder: Path | None, *, off: bool) -> Path | bool:
    """What the two flags come to: a folder, True for the user's own, False for none.

    Raises:
        UsageError: both are given.
        InputError: the folder is a file.
    """
    if folder is None:
        return not off
    if off:
        raise UsageError(
            "--store together with --no-store", wanted="one of them", fix="leave one out"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"a file at {folder}", wanted="a folder", fix="pass another --store")
    return folder
