"""Refusing an output path before the heavy work rather than after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from zerotube.errors import InputError, UsageError


def check_out_dir(out_dir: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Refuse a folder that cannot be written, or that holds one of the files already.

    Args:
        out_dir: need not exist yet.
        names: files that will be written into it.
        overwrite: existing files may be replaced.

    Raises:
        UsageError: one of the files exists and ``overwrite`` is False.
        InputError: the folder is a file or cannot be written.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise InputError(f"a file at {out_dir}", wanted="a folder", fix="pass another --out")
    _check_writable(out_dir)
    for name in names:
        if (out_dir / name).exists() and not overwrite:
            raise UsageError(
                f"an existing {out_dir / name}",
                wanted="a folder without a result",
                fix="pass --overwrite or another --out",
            )


def check_out_file(out_file: Path, *, overwrite: bool, suffixes: Sequence[str]) -> None:
    """Refuse a file that exists, or that cannot be written.

    Args:
        out_file: its folder need not exist yet.
        overwrite: an existing file may be replaced.
        suffixes: endings that name a known format.

    Raises:
        UsageError: it exists and ``overwrite`` is False, or its ending names no known format.
        InputError: it is a folder or cannot be written.
    """
    if out_file.is_dir():
        raise InputError(f"a folder at {out_file}", wanted="a file name", fix="pass another --out")
    if out_file.suffix.lower() not in suffixes:
        raise UsageError(
            f"the file name {out_file}",
            wanted=f"a name that ends in {', '.join(suffixes)}",
            fix=f"pass for example --out {out_file.with_suffix(suffixes[0])}",
        )
    if out_file.exists() and not overwrite:
        raise UsageError(
            f"an existing {out_file}",
            wanted="a new file",
            fix="pass --overwrite or another --out",
        )
    _check_writable(out_file.parent)


def _check_writable(folder: Path) -> None:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        # Tried rather than asked for: root may write everywhere, but not into /proc.
        with tempfile.TemporaryFile(dir=nearest):
            return
    except OSError as error:
        raise InputError(
            f"{folder}, which cannot be written ({error.strerror})",
            wanted="a folder that can be written",
            fix="pass another --out",
        ) from error
