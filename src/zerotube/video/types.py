"""What the video stage hands on: plain NumPy, checked once when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import VideoError

_QUARTER_TURNS = (0, 90, 180, 270)


@dataclass(frozen=True)
class VideoInfo:
    """What is known about a video before any of its pictures is used.

    Raises:
        VideoError: a value is outside the range given here.
    """

    path: str
    """The file or image folder, as the user named it."""
    fps: Fraction
    """Frames per second, > 0; the average where the rate varies. Exact: 30000/1001, not 29.97."""
    frame_count: int
    """How many frames can be asked for, >= 1; indices run from 0 to ``frame_count - 1``."""
    width: int
    """Pixels, as shown: after the file's rotation has been applied."""
    height: int
    """Pixels, as shown: after the file's rotation has been applied."""
    duration_s: float
    """Seconds from the first frame's appearance to the last frame's end, >= 0."""
    rotation_deg: int
    """Clockwise turn already applied to the stored pictures: 0, 90, 180 or 270."""
    variable_frame_rate: bool
    """Whether ``index / fps`` misses a frame's true time; use ``Video.timestamps_s`` instead."""
    warnings: tuple[str, ...]
    """One line per thing the user should know, such as how much of a damaged file was usable."""
    first_frame: int = 0
    """Number, in the file, of frame 0: above 0 where only a part of the file is looked at."""

    def __post_init__(self) -> None:
        if self.fps <= 0:
            raise _wrong(f"fps {self.fps}", "fps > 0", "pass a positive Fraction")
        if self.frame_count < 1:
            raise _wrong(
                f"a video of {self.frame_count} frames", "at least one frame", "use another file"
            )
        if self.width < 1 or self.height < 1:
            raise _wrong(f"size {self.width}x{self.height}", "at least 1x1", "use another file")
        if not (math.isfinite(self.duration_s) and self.duration_s >= 0):
            raise _wrong(
                f"duration {self.duration_s} s", "a finite number >= 0", "use another file"
            )
        if self.first_frame < 0:
            raise _wrong(f"first frame {self.first_frame}", "0 or more", "count frames from 0")
        if self.rotation_deg not in _QUARTER_TURNS:
            raise _wrong(
                f"rotation {self.rotation_deg}", f"one of {_QUARTER_TURNS}", "round to a quarter"
            )


@dataclass(frozen=True, eq=False)
class Clip:
    """The frames that were asked for, and when each is shown.

    Raises:
        VideoError: a shape or dtype differs from what is given here, or indices do not increase.
    """

    info: VideoInfo
    """The whole video these frames come from."""
    frames: NDArray[np.uint8]
    """(N, H, W, 3) RGB, 0-255; H and W are ``info.height`` and ``info.width``; N >= 1."""
    frame_indices: NDArray[np.int64]
    """(N,) strictly increasing 0-based frame numbers of the video."""
    timestamps_s: NDArray[np.float64]
    """(N,) seconds since the video's first frame."""

    def __post_init__(self) -> None:
        shape = (len(self.frame_indices), self.info.height, self.info.width, 3)
        _check_array("frames", self.frames, np.uint8, shape)
        _check_array("frame_indices", self.frame_indices, np.int64, shape[:1])
        _check_array("timestamps_s", self.timestamps_s, np.float64, shape[:1])
        if shape[0] == 0:
            raise _wrong("a clip of 0 frames", "at least one frame", "ask for a frame")
        if np.any(np.diff(self.frame_indices) <= 0):
            raise _wrong(
                "frame_indices that do not increase", "each larger than the one before", "sort them"
            )
        if self.frame_indices[0] < 0 or self.frame_indices[-1] >= self.info.frame_count:
            raise _wrong(
                f"frame_indices {self.frame_indices[0]}..{self.frame_indices[-1]}",
                f"0..{self.info.frame_count - 1}",
                "ask for frames the video has",
            )
        if not np.all(np.isfinite(self.timestamps_s)):
            raise _wrong("non-finite timestamps_s", "seconds", "take them from Video.timestamps_s")

    def __len__(self) -> int:
        """Number of frames N."""
        return len(self.frame_indices)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Raises:
        VideoError: a shape, dtype or number differs from what is given here.
    """

    index: int
    """0-based frame number."""
    timestamp_s: float
    """Seconds since the video's first frame, >= 0."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB, 0-255."""

    def __post_init__(self) -> None:
        if self.index < 0:
            raise _wrong(f"frame index {self.index}", "0 or more", "count frames from 0")
        if not (math.isfinite(self.timestamp_s) and self.timestamp_s >= 0):
            raise _wrong(f"timestamp {self.timestamp_s} s", "0 or more", "count from frame 0")
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise _wrong(
                f"image {self.image.dtype}{self.image.shape}", "uint8 (H, W, 3)", "convert to RGB"
            )


def _check_array(
    name: str, array: np.ndarray, dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise _wrong(
            f"{name} {array.dtype}{array.shape}",
            f"{np.dtype(dtype)}{shape}",
            "build the clip with Video.frames",
        )


def _wrong(got: str, wanted: str, fix: str) -> VideoError:
    return VideoError(got, wanted=wanted, fix=fix)
