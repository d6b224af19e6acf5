"""The proposal files that the authors of the method published: G-DINO boxes and SAM 2 masks.

One JSON object per video (HC-STVG: ``{video}.json``), or several in a folder per video (VidSTG:
``{video}/*.json``), whose tracks belong together::

    {"sample_frames": ["00000.jpg", "00010.jpg"],
     "dino_sam2_proposals": [
        {<id>: 1,
         <boxes>: [[[10, 20, 30, 40]], [[11, 20, 31, 40]]],
         <masks>: [{"size": [720, 1280], "counts": "..."}, {...}],
         <class>: "person", <box format>: "xyxy", <width>: 1280, <height>: 720}]}

There is no description of the format. What is assumed here follows from how the authors' own
reader uses it (github.com/zaiquanyang/LLaVA_Next_STVG, ``datasets/hcstvg.py``, ``datasets/
vidstg.py``, ``datasets/data_utils.py``); a file that contradicts it is refused:

- a name of ``sample_frames`` is a number and a suffix, and the number is that of the frame in the
  original video, from 0 (their reader gives it to the video decoder as it is). The frames increase
  and hold every frame that was looked at;
- a track has exactly seven values. Their reader takes them by place and never by name, so the
  names may be any; the order is the one above. Boxes and masks: one per sample frame;
- the box format is "xyxy", in pixels of the picture whose width and height follow, which has to be
  that of the video, as must the size of every mask;
- a box without area stands for an object that is not in sight (it is what the box of an empty mask
  becomes); nothing is said about such a frame;
- the ids only number the tracks of one file: tracks are numbered from 1 in the order of the file,
  as their reader does. No scores are given; every score is 1.

Between two neighbouring sample frames that both show the object boxes are interpolated (marked as
not observed, without a mask), unless they lie more than twice the usual step apart; after the last
sample frame of the video the last box is held for less than one step.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from zerotube.errors import TracksError
from zerotube.geometry.boxes import interpolate_boxes
from zerotube.proposals.files.checks import (
    MAX_NUMBER,
    check_mask,
    checked_track,
    checked_track_set,
    error_place,
    malformed,
    read_text,
    short_message,
)
from zerotube.proposals.types import Track, TrackSet
from zerotube.video.types import VideoInfo

MARK = "dino_sam2_proposals"
"""The key by which a file of this format is known."""

SOURCE = "reference gdino+sam2"
"""`TrackSet.source` of such a file."""

_FIELDS = ("id", "boxes", "masks", "class", "box format", "width", "height")
_FRAME_NAME = re.compile(r"[0-9]{1,10}(\.[A-Za-z0-9]+)?")
_FIX = "give a file as the authors of the method published it"

_Edges = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]
_Nested = Annotated[list[_Edges], Field(min_length=1, max_length=1)]


class _MaskPart(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    counts: str


class _FilePart(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    sample_frames: Annotated[list[str], Field(min_length=1)]
    dino_sam2_proposals: list[dict[str, Any]]


_Whole = Annotated[int, Field(strict=True, ge=1, le=MAX_NUMBER)]
_VALUES: tuple[TypeAdapter[Any], ...] = (
    TypeAdapter(int | str),
    TypeAdapter(list[_Nested], config=ConfigDict(strict=True)),
    TypeAdapter(list[_MaskPart]),
    TypeAdapter(Annotated[str, Field(min_length=1)], config=ConfigDict(strict=True)),
    TypeAdapter(Literal["xyxy"]),
    TypeAdapter(_Whole),
    TypeAdapter(_Whole),
)
"""One per value of a track, in their order."""


def read_reference(path: Path, text: str, info: VideoInfo) -> TrackSet:
    """The tracks of such a file; see the module's text.

    Args:
        path: of the file, for messages.
        text: what it holds.
        info: of the video.

    Raises:
        TracksError: if the text is malformed or does not fit the video.
    """
    tracks = _read(path, text, info)
    if not tracks.tracks:
        raise malformed(path, MARK, "no track with a box", "at least one track", _FIX)
    return tracks


def read_reference_folder(folder: Path, info: VideoInfo) -> TrackSet:
    """The tracks of all such files in a folder: those of one video, by category.

    Args:
        folder: every ``*.json`` in it has to be such a file; one may hold no track.
        info: of the video.

    Returns:
        The tracks of the files in the order of their names, numbered anew from 1.

    Raises:
        TracksError: if there is no file or no track, or a file is malformed or does not fit.
    """
    tracks: list[Track] = []
    warnings: list[str] = []
    for file in sorted(folder.glob("*.json")):
        read = _read(file, read_text(file), info)
        tracks += [
            replace(track, track_id=len(tracks) + number)
            for number, track in enumerate(read, start=1)
        ]
        warnings += [f"{file.name}: {text}" for text in read.warnings]
    if not tracks:
        raise malformed(
            folder, "the directory", "no track of a published proposal file", "one or more", _FIX
        )
    return checked_track_set(tracks, info, SOURCE, 0, warnings)


def _read(path: Path, text: str, info: VideoInfo) -> TrackSet:
    """The tracks of one file, maybe none."""
    try:
        content = _FilePart.model_validate_json(text)
    except ValidationError as error:
        raise _refused(path, "", error, "a published proposal file") from error
    frames = _frames(path, content.sample_frames, info)
    tracks: list[Track] = []
    absent: list[int] = []
    clipped = unseen = 0
    for number, values in enumerate(content.dino_sam2_proposals):
        place = f"{MARK}[{number}]"
        boxes, masks, label = _track_values(path, place, values, len(frames), info)
        seen = (boxes[:, 2:] != boxes[:, :2]).all(axis=1)
        unseen += int((~seen).sum())
        if not seen.any():
            absent.append(number)
            continue
        track, cut = _track(path, place, len(tracks) + 1, frames, boxes, masks, seen, label, info)
        tracks.append(track)
        clipped += cut
    warnings = []
    if absent:
        warnings.append(f"tracks {absent} (counted from 0) have no box with an area: left out")
    if unseen:
        warnings.append(f"{unseen} boxes without area were taken for objects out of sight")
    return checked_track_set(tracks, info, SOURCE, clipped, warnings)


def _frames(path: Path, names: list[str], info: VideoInfo) -> NDArray[np.int64]:
    """Frame numbers, int64 ``(n,)``, strictly increasing and inside the video."""
    numbers: list[int] = []
    for row, name in enumerate(names):
        place = f"sample_frames[{row}]"
        if not _FRAME_NAME.fullmatch(name):
            wanted = 'a frame number and a suffix, such as "00010.jpg"'
            raise malformed(path, place, repr(name)[:80], wanted, _FIX)
        number = int(name.partition(".")[0])
        if number >= info.frame_count:
            wanted = f"frames 0 to {info.frame_count - 1}, those of {info.path!r}"
            fix = "give the proposals of this very video"
            raise malformed(path, place, f"frame {number}", wanted, fix)
        if numbers and number <= numbers[-1]:
            raise malformed(
                path, place, f"frame {number} after {numbers[-1]}", "frames in order", _FIX
            )
        numbers.append(number)
    return np.array(numbers, dtype=np.int64)


def _track_values(
    path: Path, place: str, values: dict[str, Any], count: int, info: VideoInfo
) -> tuple[NDArray[np.float64], list[dict[str, Any]], str]:
    """Checked boxes ``(count, 4)``, masks and class of one track."""
    if len(values) != len(_FIELDS):
        wanted = f"{len(_FIELDS)}: {', '.join(_FIELDS)}"
        raise malformed(path, place, f"{len(values)} values", wanted, _FIX)
    checked: list[Any] = []
    for (name, value), field, adapter in zip(values.items(), _FIELDS, _VALUES, strict=True):
        try:
            checked.append(adapter.validate_python(value))
        except ValidationError as error:
            raise _refused(path, f"{place}.{name}", error, f"the {field} of a track") from error
    _, boxes, masks, label, _, width, height = checked
    if (width, height) != (info.width, info.height):
        wanted = f"{info.width}x{info.height}, the size of {info.path!r}"
        fix = "give the video that the proposals were made from, not a copy of another size"
        raise malformed(path, place, f"pictures of {width}x{height}", wanted, fix)
    for field, items in (("boxes", boxes), ("masks", masks)):
        if len(items) != count:
            wanted = f"{count}, one per sample frame"
            raise malformed(path, place, f"{len(items)} {field}", wanted, _FIX)
    rles = [mask.model_dump() for mask in masks]
    names = list(values)
    for row, rle in enumerate(rles):
        check_mask(path, f"{place}.{names[2]}[{row}]", rle, info)
    return np.array(boxes, dtype=np.float64).reshape(count, 4), rles, label


def _track(
    path: Path,
    place: str,
    track_id: int,
    frames: NDArray[np.int64],
    boxes: NDArray[np.float64],
    masks: list[dict[str, Any]],
    seen: NDArray[np.bool_],
    label: str,
    info: VideoInfo,
) -> tuple[Track, int]:
    """The track on every frame where it is visible, and how many boxes were clipped."""
    # Checked at the sample frames first, so that a message names a box that stands in the file.
    rows = np.flatnonzero(seen)
    checked, clipped = checked_track(
        path,
        [f"{place} frame {frames[row]}" for row in rows],
        track_id,
        frames[rows],
        boxes[rows],
        info,
        observed=np.ones(len(rows), dtype=np.bool_),
        scores=np.ones(len(rows)),
        masks=tuple(masks[row] for row in rows),
        label=label,
    )
    steps = np.diff(frames)
    usual = int(np.median(steps)) if len(steps) else 1
    runs = [checked.frame_indices]
    for row in np.flatnonzero(seen[:-1] & seen[1:] & (steps <= 2 * usual)):
        runs.append(np.arange(frames[row] + 1, frames[row + 1], dtype=np.int64))
    if seen[-1]:
        end = min(int(frames[-1]) + usual, info.frame_count)
        runs.append(np.arange(frames[-1] + 1, end, dtype=np.int64))
    full = np.sort(np.concatenate(runs))
    given = dict(zip(checked.frame_indices.tolist(), checked.masks_rle or (), strict=True))
    filled = interpolate_boxes(checked.frame_indices, checked.boxes_xyxy, full)
    track = Track(
        track_id=track_id,
        frame_indices=full,
        boxes_xyxy=filled.astype(np.float32),
        observed=np.isin(full, checked.frame_indices),
        scores=np.ones(len(full), dtype=np.float32),
        masks_rle=tuple(given.get(frame) for frame in full.tolist()),
        label=label,
    )
    return track, clipped


def _refused(path: Path, place: str, error: ValidationError, wanted: str) -> TracksError:
    first = error.errors(include_url=False)[0]
    inner = error_place(first["loc"])
    if not place:
        where = inner
    elif not first["loc"]:
        where = place
    else:
        where = place + (inner if inner.startswith("[") else f".{inner}")
    return malformed(path, where, short_message(first["msg"]), wanted, _FIX)
