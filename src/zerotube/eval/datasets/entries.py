"""Values of one entry of an annotation, checked; and how an entry that cannot be used is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError

_MAX_WHOLE = 2**31 - 1
"""Largest frame, pixel or object number taken from a file."""


class Unusable(InputError):
    """One entry of an annotation cannot be used; the others can.

    The loaders turn it into a `Skipped`, so no user meets it as an error.

    Args:
        reason: what is wrong with it, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason, wanted="a usable entry", fix="correct or leave it out")


def as_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value if it is a JSON object.

    Raises:
        Unusable: it is something else.
    """
    if not isinstance(value, dict):
        raise Unusable(f"{what} is not a JSON object")
    return value


def sentence(entry: Mapping[str, Any], *keys: str) -> str:
    """The text under the first of some keys that is there, as annotated.

    Raises:
        Unusable: none is there, or the value is blank or not text.
    """
    key = next((key for key in keys if key in entry), None)
    if key is None:
        raise Unusable(f"no key {' or '.join(map(repr, keys))}")
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"{key!r} holds no sentence")
    return value


def whole(entry: Mapping[str, Any], key: str, *, least: int = 0) -> int:
    """A whole number; 12.0 counts as 12.

    Raises:
        Unusable: it is missing, not a whole number, or below ``least``.
    """
    if key not in entry:
        raise Unusable(f"no key {key!r}")
    return checked_whole(entry[key], repr(key), least=least)


def checked_whole(value: Any, what: str, *, least: int = 0) -> int:
    """See `whole`."""
    wanted = isinstance(value, int | float) and not isinstance(value, bool)
    if not wanted or value != value or abs(value) > _MAX_WHOLE or int(value) != value:
        raise Unusable(f"{what} is {shown(value)}, not a whole number")
    if value < least:
        raise Unusable(f"{what} is {int(value)}, less than {least}")
    return int(value)


def positive(entry: Mapping[str, Any], key: str) -> float:
    """A finite number above 0.

    Raises:
        Unusable: it is missing or something else.
    """
    if key not in entry:
        raise Unusable(f"no key {key!r}")
    value = entry[key]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise Unusable(f"{key!r} is {shown(value)}, not a number above 0")
    return float(value)


def boxes_from_xywh(raw: Any) -> NDArray[np.float64]:
    """Boxes [x, y, width, height] as corners.

    Args:
        raw: a list of lists of four numbers; a width or height of 0 is allowed.

    Returns:
        float64 ``(n, 4)``, x1, y1, x2, y2.

    Raises:
        Unusable: another form, no box at all, a number that is not finite, or a negative width or
            height.
    """
    if not isinstance(raw, list) or not raw:
        raise Unusable("no list of boxes, or an empty one")
    try:
        boxes = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        boxes = np.zeros(0)
    if boxes.shape != (len(raw), 4):
        raise Unusable("boxes that are not four numbers each")
    _refuse(boxes[:, 2:] < 0, boxes, "has a negative width or height")
    with np.errstate(invalid="ignore", over="ignore"):
        boxes[:, 2:] += boxes[:, :2]
    _refuse(~np.isfinite(boxes), boxes, "is not finite")
    return boxes


def check_corners(boxes_xyxy: NDArray[np.float64]) -> None:
    """Refuse boxes ``(n, 4)`` that are not finite or inverted.

    Raises:
        Unusable: naming the first of them.
    """
    _refuse(~np.isfinite(boxes_xyxy), boxes_xyxy, "is not finite")
    _refuse(boxes_xyxy[:, 2:] < boxes_xyxy[:, :2], boxes_xyxy, "is inverted")


def _refuse(bad: NDArray[np.bool_], boxes: NDArray[np.float64], what: str) -> None:
    rows = np.flatnonzero(bad.any(axis=1))
    if len(rows):
        raise Unusable(f"box {rows[0]} (from 0) {what}: {boxes[rows[0]].tolist()}")


def shown(value: Any) -> str:
    """A value in a message: one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
