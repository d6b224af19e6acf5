"""Where files are kept between runs, and how files and folders appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from zerotube.errors import InputError

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
def replaced(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Where to write a file that gets its name once the block has ended well.

    An older file of that name is then replaced; of several writers the last one wins.

    Args:
        path: of the file; its folder exists.
        alone: whether a lock keeps other writers out. What a killed one left is then found and
            written anew.

    Yields:
        A hidden path in the same folder, since a rename must not cross file systems. Nothing is
        there yet, and nothing must be but a file when the block ends.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    mark = "" if alone else f".{secrets.token_hex(4)}"
    partial = path.with_name(f".{path.name}{mark}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path, *, errors: str = "strict") -> Iterator[TextIO]:
    """A text file that gets its name once the block has ended well, see ``replaced``.

    Args:
        path: of the file; its folder exists.
        errors: what happens to characters that UTF-8 has no form for, as in ``open``.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    with replaced(path) as partial, partial.open("w", encoding="utf-8", errors=errors) as stream:
        yield stream


def write_whole(path: Path, text: str, *, make_folder: bool = False) -> None:
    """Write a text file whole, or say why it cannot be.

    Args:
        path: of the file.
        text: may hold lone surrogates (an undecodable byte on the command line): they are written
            as escapes.
        make_folder: make the folder of the file where it does not exist; else that is an error.

    Raises:
        InputError: it cannot be written; nothing of it is left.
    """
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        raise InputError(
            f"{path}, which cannot be written ({error.strerror or error})",
            wanted="a file in a writable folder with space left",
            fix="choose another place, or make room",
        ) from error


@contextmanager
def whole_files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Where to write several files that get their places together once the block has ended well.

    Older files of these names are then replaced, others stay. Who finds the last file finds the
    others beside it: an older one is removed first, the new one comes last.

    Args:
        folder: made where it does not exist.
        names: of the files; the block writes each of them.

    Yields:
        A hidden folder inside ``folder``.

    Raises:
        OSError: they cannot be written; nothing new is left, not even a folder.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".zerotube-", dir=folder, ignore_cleanup_errors=True
        ) as scratch:
            yield Path(scratch)
            (folder / names[-1]).unlink(missing_ok=True)
            for name in names:
                (Path(scratch) / name).replace(folder / name)
    except BaseException:
        for one in made:
            with suppress(OSError):  # what others have put into it meanwhile stays
                one.rmdir()
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Where to write a folder that gets its name once the block has ended well.

    Args:
        path: of the folder; there is nothing, or an empty folder.

    Yields:
        A hidden folder beside it.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        if path.exists():
            path.rmdir()
        scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
