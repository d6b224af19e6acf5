"""Some frames of an open video, as a video of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zerotube.video.base import Video
from zerotube.video.types import VideoInfo


class VideoView(Video):
    """What the views of a video share; closing one leaves the whole open.

    Args:
        whole: the open video.
        info: facts about the view.
        timestamps_s: float64 ``(frame_count,)``, from the first of its frames on.

    Attributes:
        whole: as given.
    """

    def __init__(self, whole: Video, info: VideoInfo, timestamps_s: NDArray[np.float64]) -> None:
        self.whole = whole
        super().__init__(info, timestamps_s)

    @property
    def info(self) -> VideoInfo:
        """Facts about the view; its ``warnings`` are those of the whole, which may grow."""
        return replace(self._info, warnings=self.whole.info.warnings)

    @property
    def root(self) -> Video:
        return self.whole.root
