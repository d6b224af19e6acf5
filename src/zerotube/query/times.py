"""The time that a model names in words: read strictly, or refused with the reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from zerotube.errors import QueryError
from zerotube.geometry.spans import TimeNotation

MAX_ANSWER_CHARS: Final = 20_000
"""An answer is two numbers; what is longer is not read."""

SLACK_S: Final = 1.0
"""A window may end this much after the video: models round, and some count frames from 1."""

DRAWN: Final = 0.7
"""Temperature of answers that are drawn, where several are asked for."""

_NUMBER: Final = r"\d{1,6}(?:\.\d{1,6})?"
_CLOCK: Final = r"(?:\d{1,2}:)?\d{1,3}:\d{2}(?:\.\d{1,6})?"
_UNIT: Final = r"s(?:ec(?:ond)?s?)?\b\.?"
_TO: Final = r"\s*(?:to|until|till|and|-|\u2013|\u2014)\s*"
_PATTERNS: Final[dict[TimeNotation, tuple[re.Pattern[str], ...]]] = {
    "seconds": (
        re.compile(rf"(?<![\d.:-])({_NUMBER})\s*(?:{_UNIT})?{_TO}({_NUMBER})\s*{_UNIT}", re.I),
        re.compile(rf"(?<![\d.:-])({_CLOCK}){_TO}({_CLOCK})(?![\d:])", re.I),
    ),
    "clock": (
        re.compile(rf"(?<![\d.:-])({_CLOCK}){_TO}({_CLOCK})(?![\d:])", re.I),
        re.compile(rf"(?<![\d.:-])({_NUMBER})\s*(?:{_UNIT})?{_TO}({_NUMBER})\s*{_UNIT}", re.I),
    ),
    "frames": (
        re.compile(
            rf"\bframes?\s*(?:no\.?|number|\#)?\s*(\d{{1,6}}){_TO}(?:frames?\s*)?(\d{{1,6}})"
            r"(?!\d|[.:]\d)",
            re.I,
        ),
    ),
}
_BARE: Final = re.compile(rf"\W*(?:from\s+)?({_NUMBER}|{_CLOCK}){_TO}({_NUMBER}|{_CLOCK})\W*", re.I)
_START: Final = ("start", "start_time", "start_s", "start_frame")
_END: Final = ("end", "end_time", "end_s", "end_frame")
_FORM: Final[dict[TimeNotation, str]] = {
    "seconds": "from S to E seconds",
    "clock": "from MM:SS to MM:SS",
    "frames": "frames A to B",
}


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """A stretch of time as a model named it.

    Attributes:
        start, end: seconds from the first frame that it was shown; or, in the notation "frames",
            numbers of frames counted from 1, the last one included. start <= end.
    """

    start: float
    end: float


def read_windows(
    answer: str, notation: TimeNotation, *, frame_count: int, duration_s: float
) -> tuple[NamedWindow, ...]:
    """The windows that an answer names, in its order.

    The form that was asked for may stand between other words; so may JSON with "start" and "end",
    a list of two numbers, and, if nothing else is said, two bare numbers. What a model thinks aloud
    is not read.

    Args:
        answer: what the model said.
        notation: how it was asked to name times.
        frame_count: frames that it was shown.
        duration_s: length of the video in seconds.

    Returns:
        One window or more, inside the video.

    Raises:
        QueryError: no window is named, or one that is not in the video or ends before it starts.
            The message never quotes the answer, which may hold anything.
    """
    if len(answer) > MAX_ANSWER_CHARS:
        raise _refused(f"an answer of {len(answer):,} characters", notation)
    said = re.sub(r"<think>.*?(</think>|\Z)", "", answer, flags=re.DOTALL)
    pairs = _pairs(said, notation)
    if not pairs:
        raise _refused("an answer that names no time", notation)
    limit = float(frame_count) if notation == "frames" else duration_s + SLACK_S
    least = 1.0 if notation == "frames" else 0.0
    found = []
    for first, second in pairs:
        if notation == "frames" and not (first + second).isdigit():
            raise _refused("an answer whose numbers are not those of frames", notation)
        start, end = _value(first), _value(second)
        if end < start:
            raise _refused("an answer whose time ends before it starts", notation)
        if start < least or end > limit or (notation != "frames" and start >= duration_s):
            raise _refused("an answer whose time is not in the video", notation)
        if notation != "frames":
            end = min(end, duration_s)
        found.append(NamedWindow(start, end))
    return tuple(dict.fromkeys(found))


def _pairs(said: str, notation: TimeNotation) -> list[tuple[str, str]]:
    """Start and end of every window in a text, as written."""
    if pairs := _json_pairs(said):
        return pairs
    for pattern in _PATTERNS[notation]:
        if pairs := [(match[1], match[2]) for match in pattern.finditer(said)]:
            return pairs
    bare = _BARE.fullmatch(said)
    return [] if bare is None else [(bare[1], bare[2])]


def _json_pairs(said: str) -> list[tuple[str, str]]:
    """Pairs in the JSON values of a text: objects with a start and an end, lists of two."""
    decoder, found, place = json.JSONDecoder(), list[tuple[str, str]](), 0
    while (match := re.search(r"[\[{]", said[place:])) is not None:
        place += match.start()
        try:
            value, place = decoder.raw_decode(said, place)
        except RecursionError:
            break  # brackets by the thousand are not an answer
        except ValueError:
            place += 1
            continue
        found += _flat(value)
    return found


def _flat(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        start, end = (
            next((value[name] for name in names if name in value), None) for names in (_START, _END)
        )
        pair = [start, end]
    elif isinstance(value, list):
        if any(isinstance(item, (dict, list)) for item in value):
            return [pair for item in value for pair in _flat(item)]
        pair = value
    else:
        return []
    texts = [str(item) for item in pair if isinstance(item, (int, float, str))]
    good = [text for text in texts if re.fullmatch(rf"{_NUMBER}|{_CLOCK}", text)]
    return [(good[0], good[1])] if len(good) == len(pair) == 2 else []


def _value(text: str) -> float:
    """Seconds of ``12.5``, ``1:02.5`` or ``1:02:03``; a number of a frame as it is."""
    total = 0.0
    for part in text.split(":"):
        total = 60.0 * total + float(part)
    return total


def _refused(got: str, notation: TimeNotation) -> QueryError:
    return QueryError(
        got,
        wanted=f'a time in the form "{_FORM[notation]}"',
        fix="use a model that follows instructions better, or leave --time ask out",
    )
