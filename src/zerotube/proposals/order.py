"""The order of work: candidates first, or the described time first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from zerotube.errors import UsageError

TimeFirst = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Order:
    """When candidates are looked for, and in which frames.

    Raises:
        UsageError: a value that makes no sense.
    """

    time_first: TimeFirst = "auto"
    """Find the described time before any candidate, and look for candidates only there: auto = with
    proposers that have models, unless the whole video's tracks are stored; on = with any."""

    span_margin_s: float = 1.0
    """Seconds before and after the described time in which candidates are looked for as well; one
    sampling step at least."""

    track_fps: float = 10.0
    """Frames per second that the proposer sees of that time, never more than the video has; 0 =
    every frame."""

    def __post_init__(self) -> None:
        if self.time_first not in get_args(TimeFirst):
            raise _wrong("time_first", self.time_first, f"one of {', '.join(get_args(TimeFirst))}")
        for name in ("span_margin_s", "track_fps"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value >= 0):
                raise _wrong(name, value, "a number, 0 or more")

    def refuse_without_proposer(self, source: str) -> None:
        """Refuse to look for nothing in a part of the video.

        Args:
            source: what the candidates are, where no proposer finds them.

        Raises:
            UsageError: time first was asked for by name.
        """
        if self.time_first == "on":
            raise UsageError(
                f"time_first 'on' with {source}",
                wanted="a proposer, whose work it saves",
                fix="leave --time-first out, or name a --proposer",
            )


def _wrong(name: str, value: Any, wanted: str) -> UsageError:
    return UsageError(
        f"{name} = {value!r}", wanted=wanted, fix=f"change --{name.replace('_', '-')}"
    )
