"""JSON objects in which no key occurs twice: Python keeps the last value and says nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any


class RepeatedKeyError(ValueError):
    """A key occurs twice in one JSON object; readers turn it into an error that names the file.

    Args:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key!r} twice in one object")
        self.key = key


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, as ``object_pairs_hook`` of the standard library's reader.

    Raises:
        RepeatedKeyError: a key occurs twice.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise RepeatedKeyError(next(name for name, count in counts.items() if count > 1))
    return made
