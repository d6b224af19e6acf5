"""A run of a video's frames, read as if it were a video of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import VideoError
from zerotube.geometry.spans import Span
from zerotube.video.base import Video
from zerotube.video.timing import frame_ends_s
from zerotube.video.types import Frame
from zerotube.video.view import VideoView


class SegmentVideo(VideoView):
    """Some frames of an open video, numbered from 0 and timed from the first of them.

    ``info.first_frame`` says where they lie in the whole. Closing the segment leaves the whole
    open.

    Args:
        whole: an open video that is not a segment itself.
        span: frames of ``whole``, both ends included.

    Raises:
        VideoError: the span reaches beyond the video.
    """

    def __init__(self, whole: Video, span: Span) -> None:
        info = whole.info
        if span.end_frame >= info.frame_count:
            raise VideoError(
                f"frames {span.start_frame} to {span.end_frame} of {info.path!r}",
                wanted=f"frames up to {info.frame_count - 1}",
                fix="choose a segment inside the video",
            )
        self.span = span
        begin_s = whole.timestamps_s[span.start_frame]
        end_s = frame_ends_s(whole.timestamps_s, info.duration_s)[span.end_frame]
        part = replace(
            info,
            frame_count=span.frame_count,
            duration_s=max(float(end_s - begin_s), 0.0),
            first_frame=info.first_frame + span.start_frame,
        )
        times = whole.timestamps_s[span.start_frame : span.end_frame + 1] - begin_s
        super().__init__(whole, part, times)

    @property
    def in_file(self) -> NDArray[np.int64]:
        return self.whole.in_file[self.span.start_frame : self.span.end_frame + 1]

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        first = self.span.start_frame
        for frame in self.whole._read(wanted + first):
            self._check_open()
            index = frame.index - first
            yield Frame(index, float(self._timestamps_s[index]), frame.image)
