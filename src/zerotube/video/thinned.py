"""Chosen frames of a video, read as if they were a video of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.video.base import Video
from zerotube.video.timing import frame_ends_s, frame_rate, is_variable
from zerotube.video.types import Frame
from zerotube.video.view import VideoView


class ThinnedVideo(VideoView):
    """Some frames of an open video, numbered from 0 and timed from the first of them.

    Only these frames are decoded, and what that takes. ``info.fps`` is their own rate; ``in_file``
    says which frames they are. Closing the view leaves the whole open.

    Args:
        whole: an open video, or a part of one.
        kept: strictly increasing frame numbers of ``whole``, at least one.

    Attributes:
        whole: as given.
        kept: int64 ``(frame_count,)``, the frame of ``whole`` that each frame of the view is.

    Raises:
        VideoError: a number is outside the video, or the numbers do not increase.
        UsageError: the video is closed.
    """

    def __init__(self, whole: Video, kept: Sequence[int] | NDArray[np.integer]) -> None:
        self.kept = whole._checked(kept)
        info, first, last = whole.info, int(self.kept[0]), int(self.kept[-1])
        begin_s = whole.timestamps_s[first]
        end_s = frame_ends_s(whole.timestamps_s, info.duration_s)[last]
        times = whole.timestamps_s[self.kept] - begin_s
        every_frame = last - first + 1 == len(self.kept)
        part = replace(
            info,
            fps=info.fps if every_frame else frame_rate([info.fps], times),
            frame_count=len(self.kept),
            duration_s=max(float(end_s - begin_s), 0.0),
            variable_frame_rate=info.variable_frame_rate or is_variable(times, 0.0),
            first_frame=int(whole.in_file[first]),
        )
        super().__init__(whole, part, times)

    @property
    def in_file(self) -> NDArray[np.int64]:
        return self.whole.in_file[self.kept]

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        for frame in self.whole._read(self.kept[wanted]):
            self._check_open()
            index = int(np.searchsorted(self.kept, frame.index))
            yield Frame(index, float(self._timestamps_s[index]), frame.image)
