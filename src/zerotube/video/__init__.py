"""Video in, frames out; frames in, video out.

Importing this package loads neither PyAV nor Pillow: they are loaded when a video is opened or
written.
"""

from zerotube.video.base import Video
from zerotube.video.reader import open_video
from zerotube.video.sampling import uniform_indices
from zerotube.video.segment import SegmentVideo
from zerotube.video.thinned import ThinnedVideo
from zerotube.video.types import Clip, Frame, VideoInfo
from zerotube.video.writer import write_video

__all__ = [
    "Clip",
    "Frame",
    "SegmentVideo",
    "ThinnedVideo",
    "Video",
    "VideoInfo",
    "open_video",
    "uniform_indices",
    "write_video",
]
