"""Frames of a sample for the page: chosen, decoded, reduced, and written into the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import ZerotubeError
from zerotube.eval.types import Sample
from zerotube.geometry.spans import Span

FRAMES = 6
"""Frames shown of a video."""

_LADDER = ((256, 82), (256, 70), (256, 55), (208, 50), (160, 45))
"""Long side in pixels and JPEG quality, tried in turn until a picture is small enough."""

_STILL_LADDER = ((560, 85), (560, 70), (480, 55), (360, 50))
"""The same where a sample is one image and shows larger."""

MOST_BYTES = 15_000
"""Of one JPEG: eighteen samples of six pictures stay below 2.2 MB in base64."""

MOST_STILL_BYTES = 60_000
"""Of the JPEG of a still sample."""


@dataclass(frozen=True)
class Picture:
    """One frame as it goes into the page.

    Attributes:
        frame: original 0-based number.
        second: when it is shown.
        data_uri: a JPEG as ``data:image/jpeg;base64,...``.
    """

    frame: int
    second: float
    data_uri: str


@dataclass(frozen=True)
class Footage:
    """What could be read of a sample's video.

    Attributes:
        pictures: in order of time; none where the video could not be read.
        width, height: pixels of the video; 0 where unknown.
        frame_count: frames of the video; None where unknown.
        fps: frames per second; None where unknown.
        problem: why there are no pictures, or what is wrong with them; None if all is well.
    """

    pictures: tuple[Picture, ...]
    width: int
    height: int
    frame_count: int | None
    fps: float | None
    problem: str | None = None


def frames_to_show(visible: Span, truth: Span, count: int = FRAMES) -> NDArray[np.int64]:
    """Frames spread evenly over what the method saw, at least two of them in the true span.

    Args:
        visible: frames that may be shown.
        truth: the true span.
        count: how many are wanted; fewer come where there are fewer.

    Returns:
        int64 ``(n,)``, strictly increasing.
    """
    step = visible.frame_count / count
    centres = visible.start_frame + (np.arange(count) + 0.5) * step
    chosen = np.unique(centres.astype(np.int64))
    first = max(truth.start_frame, visible.start_frame)
    last = min(truth.end_frame, visible.end_frame)
    if last < first:
        return chosen
    for wanted in np.unique(np.round(np.linspace(first, last, 4)[1:3])).astype(np.int64):
        inside = (chosen >= first) & (chosen <= last)
        if inside.sum() >= 2 or wanted in chosen:
            continue
        outside = np.flatnonzero(~inside)
        nearest = outside[np.argmin(np.abs(chosen[outside] - wanted))] if len(outside) else -1
        chosen = np.unique(np.append(np.delete(chosen, nearest), wanted))
    return chosen


def read_footage(sample: Sample, *, still: bool) -> Footage:
    """Decode the frames of one sample that are shown.

    A video that is missing or cannot be read is no reason to have no report: the problem is told.
    """
    if sample.video is None:
        return _without(sample, "the video was not found, or no folder of videos was given")
    from zerotube.video import open_video

    try:
        with open_video(sample.video) as video:
            info = video.info
            last = info.frame_count - 1
            visible = sample.segment or Span(0, last)
            if visible.start_frame > last:
                return _without(
                    sample,
                    f"the video has {info.frame_count} frames, the annotated segment begins at "
                    f"frame {visible.start_frame}",
                )
            visible = Span(visible.start_frame, min(visible.end_frame, last))
            clip = video.frames(frames_to_show(visible, sample.truth.span, 1 if still else FRAMES))
    except ZerotubeError as problem:
        return _without(sample, f"the video cannot be read: got {problem.got}")
    except OSError as problem:
        return _without(sample, f"the video cannot be read: {problem}")
    pictures = tuple(
        Picture(int(frame), float(second), _data_uri(image, still=still))
        for frame, second, image in zip(
            clip.frame_indices, clip.timestamps_s, clip.frames, strict=True
        )
    )
    return Footage(
        pictures,
        info.width,
        info.height,
        info.frame_count,
        float(Fraction(info.fps)),
        _size_problem(sample, info.width, info.height),
    )


def _without(sample: Sample, problem: str) -> Footage:
    width, height = sample.width or 0, sample.height or 0
    return Footage((), width, height, sample.frame_count, sample.fps, problem)


def _size_problem(sample: Sample, width: int, height: int) -> str | None:
    """Boxes are in pixels of the annotated size: on another size they would be drawn wrongly."""
    if sample.width in (None, width) and sample.height in (None, height):
        return None
    return (
        f"the video is {width}x{height} pixels, its annotation says "
        f"{sample.width}x{sample.height}: boxes are not drawn"
    )


def _data_uri(image: NDArray[np.uint8], *, still: bool) -> str:
    most = MOST_STILL_BYTES if still else MOST_BYTES
    encoded = b""
    for encoded in _smaller_and_smaller(image, _STILL_LADDER if still else _LADDER):
        if len(encoded) <= most:
            break
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode("ascii")


def _smaller_and_smaller(
    image: NDArray[np.uint8], ladder: tuple[tuple[int, int], ...]
) -> Iterator[bytes]:
    from PIL import Image

    # Each from the one before: a ladder only goes down.
    picture = Image.fromarray(image)
    for long_side, quality in ladder:
        picture.thumbnail((long_side, long_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        stream = io.BytesIO()
        picture.save(stream, format="JPEG", quality=quality, optimize=True)
        yield stream.getvalue()
