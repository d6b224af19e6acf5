"""Spans of frames and their overlap."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from zerotube.errors import InputError

TimeNotation = Literal["seconds", "clock", "frames"]
"""How a time is named in words: in seconds, as minutes and seconds, or by the numbers of frames."""


@dataclass(frozen=True, order=True)
class Span:
    """A run of original frames, both ends included.

    In seconds, wherever they are printed, drawn or written, a span begins when its first frame
    appears and ends when its last one does: when the next frame appears, or with the video.

    Attributes:
        start_frame: first frame, 0-based.
        end_frame: last frame, 0-based, ``>= start_frame``.

    Raises:
        InputError: if the ends are negative or in the wrong order.
    """

    start_frame: int
    end_frame: int

    def __post_init__(self) -> None:
        if self.start_frame < 0 or self.end_frame < self.start_frame:
            raise InputError(
                f"a span from frame {self.start_frame} to frame {self.end_frame}",
                wanted="0 <= start_frame <= end_frame",
                fix="check the order of the two numbers",
            )

    def __contains__(self, frame: int) -> bool:
        return self.start_frame <= frame <= self.end_frame

    @property
    def frame_count(self) -> int:
        """Number of frames, both ends counted."""
        return self.end_frame - self.start_frame + 1

    def seconds(self, fps: Fraction | float) -> tuple[float, float]:
        """Begin and end at an even frame rate > 0; see `zerotube.video.timing.frame_ends_s`."""
        return float(self.start_frame / fps), float((self.end_frame + 1) / fps)

    def t_iou(self, other: Span) -> float:
        """Overlap of two spans on *lengths* (end - start), as the field computes it.

        A shared stretch of at most one frame counts as 0; two equal one-frame spans, whose
        lengths are both 0, therefore also give 0 (method section 10).
        """
        shared = min(self.end_frame, other.end_frame) - max(self.start_frame, other.start_frame)
        if shared <= 0:
            return 0.0
        union = max(self.end_frame, other.end_frame) - min(self.start_frame, other.start_frame)
        return shared / union
