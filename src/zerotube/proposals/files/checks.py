"""What both formats of track files have in common: how they are checked against the video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import TracksError
from zerotube.geometry.masks import decode_mask
from zerotube.proposals.types import Track, TrackSet
from zerotube.video.types import VideoInfo

MAX_NUMBER = 2**31 - 1
"""Largest frame or track number taken from a file."""


def read_text(path: Path) -> str:
    """The text of a track file.

    Raises:
        TracksError: if it cannot be read or is not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TracksError(
            f"no readable track file {str(path)!r} ({reason})",
            wanted="a track file, .json or MOTChallenge .csv/.txt",
            fix="check the path",
        ) from error
    except UnicodeDecodeError as error:
        raise malformed(
            path, f"byte {error.start}", "bytes that are not text", "UTF-8 text"
        ) from error


def malformed(path: Path, place: str, got: str, wanted: str, fix: str | None = None) -> TracksError:
    """The error for something at one place of a file."""
    return TracksError(
        f"{got} at {place} of {str(path)!r}",
        wanted=wanted,
        fix=fix or "correct the file or write it again (zerotube propose VIDEO --out FILE)",
    )


def error_place(location: tuple[int | str, ...]) -> str:
    """Where in a JSON text a pydantic error happened, as one would write it in Python."""
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or "the top level"


def short_message(message: str) -> str:
    """One line of at most 200 characters."""
    return " ".join(message.split())[:200]


def check_mask(path: Path, place: str, mask: dict[str, Any], info: VideoInfo) -> None:
    """Check a COCO encoding against the picture's size, and that it can be decoded.

    Raises:
        TracksError: if it does not fit or is damaged.
    """
    if list(mask["size"]) != [info.height, info.width]:
        wanted = f"[{info.height}, {info.width}], height and width of the video"
        raise malformed(path, f"{place}.size", f"mask size {mask['size']}", wanted)
    try:
        decode_mask(mask)
    except TracksError as error:
        raise malformed(path, place, error.got, error.wanted) from error


def checked_track(
    path: Path,
    places: Sequence[str],
    track_id: int,
    frames: NDArray[np.int64],
    boxes: NDArray[np.float64],
    info: VideoInfo,
    *,
    observed: NDArray[np.bool_],
    scores: NDArray[np.float64],
    masks: tuple[dict[str, Any] | None, ...] | None = None,
    label: str = "object",
) -> tuple[Track, int]:
    """One track, and how many of its boxes had to be clipped to the picture.

    Args:
        path: of the file, for messages.
        places: where each box stands in it, for messages.
        track_id: positive number.
        frames: int64 ``(n,)``, 0-based.
        boxes: float64 ``(n, 4)``, pixels, x1, y1, x2, y2.
        info: of the video.
        observed: bool ``(n,)``.
        scores: float64 ``(n,)`` in [0, 1].
        masks: COCO encodings, or None.
        label: noun of the track.

    Raises:
        TracksError: if a frame or box does not fit the video.
    """

    def refuse(bad: NDArray[np.bool_], got: str, wanted: str) -> None:
        if np.any(bad):
            row = int(np.argmax(bad))
            box = [round(float(edge), 2) for edge in boxes[row]]
            text = got.format(frame=int(frames[row]), box=box, id=track_id)
            raise malformed(path, places[row], text, wanted)

    last = info.frame_count - 1
    refuse(frames > last, "frame {frame} (from 0)", f"frames 0 to {last}, those of {info.path!r}")
    steps = np.concatenate([[1], np.diff(frames)])
    refuse(steps == 0, "frame {frame} of track {id} again", "one box per track and frame")
    refuse(steps < 0, "frame {frame} after a later one", "frames in order")
    inverted = np.asarray((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    refuse(inverted, "box {box} (x1, y1, x2, y2)", "x1 < x2 and y1 < y2")
    inside = np.clip(boxes, 0.0, [info.width, info.height] * 2).astype(np.float32)
    outside = np.asarray((inside[:, 2:] <= inside[:, :2]).any(axis=1))
    wanted = f"boxes that meet the picture of {info.width}x{info.height}"
    refuse(outside, "box {box} (x1, y1, x2, y2)", wanted)
    clipped = int((np.abs(inside - boxes) > 0.01).any(axis=1).sum())
    made = Track(track_id, frames, inside, observed, scores.astype(np.float32), masks, label)
    return made, clipped


def checked_track_set(
    tracks: list[Track], info: VideoInfo, source: str, clipped: int, warnings: list[str]
) -> TrackSet:
    """The tracks of a file with what the reader should know."""
    if clipped:
        warnings.append(f"{clipped} boxes reached over the rim of the picture and were clipped")
    return TrackSet(
        tuple(tracks),
        info.frame_count,
        info.width,
        info.height,
        source,
        warnings=tuple(warnings),
    )
