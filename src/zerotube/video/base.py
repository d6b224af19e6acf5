"""What every source of frames offers, whatever it is stored in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import UsageError, VideoError
from zerotube.video.types import Clip, Frame, VideoInfo


class Video(ABC):
    """An open video. Use it in a ``with`` statement; `open_video` makes one.

    Frames are numbered from 0 in the order they are shown. Several iterators of one video may be
    in use at once; one `Video` must not be shared between threads.
    """

    def __init__(self, info: VideoInfo, timestamps_s: NDArray[np.float64]) -> None:
        if timestamps_s.shape != (info.frame_count,):
            raise VideoError(
                f"{timestamps_s.shape} timestamps",
                wanted=f"({info.frame_count},)",
                fix="give one timestamp per frame",
            )
        self._info = info
        self._timestamps_s = timestamps_s.astype(np.float64)
        self._timestamps_s.flags.writeable = False
        self._closed = False

    @property
    def info(self) -> VideoInfo:
        """Facts about the whole video. ``warnings`` may grow while frames are read."""
        return self._info

    @property
    def timestamps_s(self) -> NDArray[np.float64]:
        """(frame_count,) read-only: seconds at which each frame appears; the first is 0."""
        return self._timestamps_s

    @property
    def root(self) -> Video:
        """What a view looks at a part of; of any other video it is the video itself."""
        return self

    @property
    def in_file(self) -> NDArray[np.int64]:
        """(frame_count,) number of each frame in the file: of a view not those that count here."""
        return np.arange(self._info.frame_count, dtype=np.int64)

    @property
    def spacing(self) -> float:
        """Frames of the file from one frame to the next, on average; above 1 where thinned."""
        numbers = self.in_file
        return float(numbers[-1] - numbers[0]) / max(len(numbers) - 1, 1) or 1.0

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> Clip:
        """Decode the frames asked for and no more than that takes.

        Args:
            indices: strictly increasing frame numbers, at least one.

        Returns:
            A clip of these frames. In a damaged video a frame that turns out not to decode is
            left out, never replaced: ``Clip.frame_indices`` says which came, and a line in
            ``Clip.info.warnings`` says how many did not.

        Raises:
            VideoError: an index is out of range, the indices do not increase, or not one of the
                frames decodes.
            UsageError: the video is closed.
        """
        wanted = self._checked(indices)
        images = np.empty((len(wanted), self.info.height, self.info.width, 3), dtype=np.uint8)
        found: list[int] = []
        for frame in self._read(wanted):
            images[len(found)] = frame.image
            found.append(frame.index)
        if not found:
            raise VideoError(
                f"{self.info.path!r}, of which none of the {len(wanted)} wanted frames decodes",
                wanted="a readable video",
                fix="re-encode or replace the file",
            )
        read = np.array(found, dtype=np.int64)
        return Clip(self.info, images[: len(found)], read, self._timestamps_s[read])

    def stream(self, start: int = 0, stop: int | None = None, stride: int = 1) -> Iterator[Frame]:
        """Frames one after another, a few in memory at a time.

        Args:
            start: first frame, 0 <= start < frame_count.
            stop: frame to stop before; None for the end of the video.
            stride: step between frames, >= 1.

        Returns:
            An iterator; frames that do not decode are left out, as in `frames`.

        Raises:
            VideoError: a bound is out of range (at once, not at the first frame).
            UsageError: ``stride`` is below 1, or the video is closed.
        """
        count = self.info.frame_count
        end = count if stop is None else stop
        if stride < 1:
            raise UsageError(f"stride {stride}", wanted="1 or more", fix="step forwards")
        if not (0 <= start < end <= count):
            raise VideoError(
                f"frames {start} to {end} of {self.info.path!r}",
                wanted=f"0 <= start < stop <= {count}",
                fix="choose a range inside the video",
            )
        return self._read(self._checked(np.arange(start, end, stride, dtype=np.int64)))

    def close(self) -> None:
        """End the use of the video; reading from it afterwards raises `UsageError`."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        """Yield the ``wanted`` frames (checked, increasing), leaving out those that are lost."""

    def _checked(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        self._check_open()
        given = np.asarray(indices)
        if given.ndim != 1 or given.size == 0 or not np.issubdtype(given.dtype, np.integer):
            raise VideoError(
                f"indices {given.dtype}{given.shape}",
                wanted="a list of at least one whole number",
                fix="use uniform_indices(video.info.frame_count)",
            )
        wanted = given.astype(np.int64)
        outside = wanted[(wanted < 0) | (wanted >= self.info.frame_count)]
        if outside.size:
            raise VideoError(
                f"frame {outside[0]} of {self.info.path!r}",
                wanted=f"0 to {self.info.frame_count - 1}",
                fix="ask for frames the video has",
            )
        if np.any(np.diff(wanted) <= 0):
            raise VideoError(
                "frame indices that do not increase",
                wanted="each larger than the one before",
                fix="sort them and drop repeats: sorted(set(indices))",
            )
        return wanted

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(
                f"a closed video {self.info.path!r}",
                wanted="an open one",
                fix="read inside the with statement",
            )
