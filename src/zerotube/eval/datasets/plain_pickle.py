"""Pickles of plain data from strangers, read without running anything that they bring along."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

from zerotube.errors import InputError

_DAMAGED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the standard library raises for bytes that are not a whole pickle."""


def read_plain_pickle(content: bytes, path: Path) -> Any:
    """The value of a pickle of lists, tuples, sets, dictionaries, texts, bytes and numbers.

    A pickle is a program: it may name any function of any module and have it called. This reader
    knows no name at all, so that such a pickle is refused before anything happens.

    Args:
        content: the pickle; byte strings of Python 2 are read as Latin-1 text.
        path: where it comes from, for messages.

    Raises:
        InputError: it names a class or function, or is damaged.
    """
    try:
        return _PlainUnpickler(content, path).load()
    except _DAMAGED as error:
        raise InputError(
            f"{path}, a damaged pickle ({type(error).__name__}: {error})",
            wanted="a whole pickle of plain data",
            fix="get the file again",
        ) from error


class _PlainUnpickler(pickle._Unpickler):
    # The one in Python: that in C takes as much memory as the file claims to need, up to all there
    # is. It reads the largest of these files, of 50,000 references, in about three seconds.

    def __init__(self, content: bytes, path: Path) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """Refuse, whatever is asked for."""
        raise InputError(
            f"{self._path}, a pickle that asks for {module}.{name}",
            wanted="plain lists, dictionaries, texts and numbers",
            fix="do not open this file with anything else; get it from its publisher",
        )
