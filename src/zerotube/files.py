"""Where files are kept between runs, and how a file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

CACHE_VARIABLE = "ZEROTUBE_CACHE"
"""Environment variable that names another folder for everything zerotube keeps between runs."""


def cache_folder(name: str) -> Path:
    """Where one kind of thing is kept: ``$ZEROTUBE_CACHE/name``.

    Without the variable it is below the user's cache folder, on every system the one that the model
    weights are stored in as well: ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Args:
        name: of the kind, such as "proposals".
    """
    own = os.environ.get(CACHE_VARIABLE)
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "zerotube"
    return base.expanduser() / name


@contextmanager
def whole_file(path: Path, *, errors: str = "strict") -> Iterator[TextIO]:
    """A text file that gets its name once the block has ended well; an older one is then replaced.

    Args:
        path: of the file; its folder exists.
        errors: what happens to characters that UTF-8 has no form for, as in ``open``.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("w", encoding="utf-8", errors=errors) as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
