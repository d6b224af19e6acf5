"""The project's own track files: JSON. The format is described in `zerotube.proposals.files`."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from zerotube.geometry.boxes import short_numbers
from zerotube.proposals.files.checks import (
    MAX_NUMBER,
    check_mask,
    checked_track,
    checked_track_set,
    error_place,
    malformed,
    short_message,
)
from zerotube.proposals.types import TrackSet
from zerotube.video.types import VideoInfo

SCHEMA = "zerotube.tracks/1"
"""Name and version of the format."""

_Box = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _MaskPart(_Part):
    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    counts: str


class _TrackPart(_Part):
    id: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    label: str = "object"
    frames: Annotated[list[Annotated[int, Field(ge=0, le=MAX_NUMBER)]], Field(min_length=1)]
    boxes_xyxy: list[_Box]
    observed: list[bool] | None = None
    scores: list[Annotated[FiniteFloat, Field(ge=0, le=1)]] | None = None
    masks_rle: list[_MaskPart | None] | None = None


class _VideoPart(_Part):
    frame_count: int
    width: int
    height: int
    fps: str


class _FilePart(_Part):
    schema_: Annotated[Literal["zerotube.tracks/1"], Field(alias="schema")]
    video: _VideoPart
    source: str = "file"
    tracks: list[_TrackPart]


def read_json(path: Path, text: str, info: VideoInfo, *, trusted: bool = False) -> TrackSet:
    """The tracks of a JSON text; see `zerotube.proposals.files.read_tracks`.

    Args:
        path: of the file, for messages.
        text: what it holds.
        info: of the video.
        trusted: the text is what `json_text` wrote, a checksum says so: masks are not decoded to
            check them, which takes longer than all the rest, and there may be no track at all.

    Raises:
        TracksError: if the text is malformed or does not fit the video.
    """
    try:
        content = _FilePart.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise malformed(
            path, error_place(first["loc"]), short_message(first["msg"]), f"JSON of {SCHEMA}"
        ) from error
    video = content.video
    pairs = (
        ("frame_count", video.frame_count, info.frame_count),
        ("width", video.width, info.width),
        ("height", video.height, info.height),
    )
    for name, got, expected in pairs:
        if got != expected:
            raise malformed(
                path,
                f"video.{name}",
                f"{name} {got}",
                f"{expected}, that of {info.path!r}",
                "give the tracks that were made from this very video",
            )
    try:
        fps = Fraction(video.fps)
    except (ValueError, ZeroDivisionError) as error:
        raise malformed(
            path, "video.fps", repr(video.fps), 'a fraction such as "30000/1001"'
        ) from error
    if fps <= 0:
        raise malformed(path, "video.fps", repr(video.fps), "frames per second above 0")
    if not content.tracks and not trusted:
        raise malformed(path, "tracks", "an empty list", "at least one track")
    tracks, clipped, seen = [], 0, set()
    for number, part in enumerate(content.tracks):
        place = f"tracks[{number}]"
        if part.id in seen:
            raise malformed(path, f"{place}.id", f"track id {part.id} again", "one id per track")
        seen.add(part.id)
        for name in ("boxes_xyxy", "observed", "scores", "masks_rle"):
            values = getattr(part, name)
            if values is not None and len(values) != len(part.frames):
                wanted = f"{len(part.frames)}, one per frame"
                raise malformed(path, f"{place}.{name}", f"{len(values)} values", wanted)
        for row, mask in enumerate(part.masks_rle or ()):
            if mask is not None and not trusted:
                check_mask(path, f"{place}.masks_rle[{row}]", mask.model_dump(), info)
        count = len(part.frames)
        track, cut = checked_track(
            path,
            [f"{place} frame {frame}" for frame in part.frames],
            part.id,
            np.array(part.frames, dtype=np.int64),
            np.array(part.boxes_xyxy, dtype=np.float64),
            info,
            observed=np.array([True] * count if part.observed is None else part.observed),
            scores=np.array([1.0] * count if part.scores is None else part.scores),
            masks=None
            if part.masks_rle is None
            else tuple(None if mask is None else mask.model_dump() for mask in part.masks_rle),
            label=part.label,
        )
        tracks.append(track)
        clipped += cut
    return checked_track_set(tracks, info, content.source, clipped, [])


def json_text(track_set: TrackSet, info: VideoInfo) -> str:
    """A JSON text that reads back as the same tracks."""
    tracks = []
    for track in track_set:
        part: dict[str, Any] = {
            "id": track.track_id,
            "label": track.label,
            "frames": track.frame_indices.tolist(),
            "boxes_xyxy": [short_numbers(box) for box in track.boxes_xyxy],
            "observed": track.observed.tolist(),
            "scores": short_numbers(track.scores),
        }
        if track.masks_rle is not None:
            part["masks_rle"] = list(track.masks_rle)
        tracks.append(part)
    content = {
        "schema": SCHEMA,
        "video": {
            "frame_count": info.frame_count,
            "width": info.width,
            "height": info.height,
            "fps": f"{info.fps.numerator}/{info.fps.denominator}",
        },
        "source": track_set.source,
        "tracks": tracks,
    }
    return json.dumps(content, allow_nan=False) + "\n"
