"""Track files: our own JSON, the lines of MOTChallenge, and the published proposals.

JSON (everything of a track survives)::

    {"schema": "zerotube.tracks/1",
     "video": {"frame_count": 300, "width": 1280, "height": 720, "fps": "30000/1001"},
     "source": "motion",
     "tracks": [{"id": 1, "label": "object",
                 "frames": [0, 1], "boxes_xyxy": [[10, 20, 30, 40], [11, 20, 31, 40]],
                 "observed": [true, false], "scores": [0.9, 0.9],
                 "masks_rle": [{"size": [720, 1280], "counts": "..."}, null]}]}

``label``, ``observed``, ``scores`` and ``masks_rle`` may be left out. Frames count from 0, boxes
are pixels of the video.

MOTChallenge (https://arxiv.org/abs/1603.00831): one box per line, no header,
``frame, id, left, top, width, height, confidence, ...``, frames counted from 1. Confidence is read
as the format's authors use it: 0 marks a box of a ground truth that is to be ignored (left out,
and counted in a warning), a negative number means "not given" (score 1), and numbers above 1 count
as 1. Columns from the eighth on are not used.

The proposal files that the authors of the method published are read as well; what is known of that
format is in `zerotube.proposals.files.reference`. A JSON file is theirs if it has their key
``dino_sam2_proposals`` at its top level.

Boxes of every format may reach over the rim of the picture; they are clipped to it.
"""

from __future__ import annotations

import os
from pathlib import Path

from zerotube.errors import TracksError, UsageError
from zerotube.files import whole_file
from zerotube.proposals.files.checks import malformed, read_text
from zerotube.proposals.files.mot import mot_text, read_mot
from zerotube.proposals.files.own import json_text, read_json
from zerotube.proposals.files.reference import MARK, read_reference, read_reference_folder
from zerotube.proposals.types import TrackSet
from zerotube.video.types import VideoInfo

_MOT_SUFFIXES = (".csv", ".txt")


def read_tracks(path: str | os.PathLike[str], info: VideoInfo) -> TrackSet:
    """Read a track file and check it against its video.

    Args:
        path: a JSON file (ours or the published proposals), or a MOTChallenge file (``.csv``,
            ``.txt``), or a folder of published proposals of this one video.
        info: of the video the tracks belong to.

    Returns:
        The tracks; ``source`` is that of the file (``"mot"`` for MOTChallenge,
        ``"reference gdino+sam2"`` for the published proposals).

    Raises:
        TracksError: if the file is missing, malformed, empty or does not fit the video.
    """
    path = Path(path)
    if path.is_dir():
        return read_reference_folder(path, info)
    text = read_text(path)
    if not text.strip():
        raise malformed(path, "the whole file", "nothing", "at least one track")
    if path.suffix.lower() == ".json" or text.lstrip()[0] in "{[":
        # The mark alone may be the label of a track in a file of ours, which names its schema.
        if f'"{MARK}"' in text and '"zerotube.tracks/' not in text:
            return read_reference(path, text, info)
        return read_json(path, text, info)
    return read_mot(path, text, info)


def write_tracks(
    track_set: TrackSet,
    path: str | os.PathLike[str],
    info: VideoInfo,
    *,
    overwrite: bool = False,
) -> None:
    """Write a track file, whole or not at all.

    Args:
        track_set: what to write.
        path: ``.json``, or ``.csv``/``.txt`` for MOTChallenge, which has no place for labels,
            masks and what was observed.
        info: of the video the tracks belong to.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        UsageError: if the file exists (and ``overwrite`` is False), its folder does not, or its
            name says another format.
        TracksError: if the tracks belong to another video.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", *_MOT_SUFFIXES):
        raise UsageError(
            f"the track file {str(path)!r}",
            wanted="a name that ends in .json, .csv or .txt",
            fix="rename it",
        )
    if path.exists() and not overwrite:
        raise UsageError(
            f"an existing file {str(path)!r}",
            wanted="a new file",
            fix="choose another name or allow overwriting",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"no folder {str(path.parent)!r}", wanted="an existing folder", fix="create it first"
        )
    got = track_set.frame_count, track_set.width, track_set.height
    if got != (info.frame_count, info.width, info.height):
        raise TracksError(
            f"tracks of a video of (frames, width, height) {got}",
            wanted=f"{(info.frame_count, info.width, info.height)}, those of {info.path!r}",
            fix="write them with the video that they were made from",
        )
    mot = path.suffix.lower() in _MOT_SUFFIXES
    text = mot_text(track_set) if mot else json_text(track_set, info)
    with whole_file(path) as stream:
        stream.write(text)
