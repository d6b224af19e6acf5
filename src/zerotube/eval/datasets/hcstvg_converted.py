"""HC-STVG as others converted it: the ``*_proc.json`` files of two code bases.

TubeDETR's (github.com/antoyang/TubeDETR, ``preproc/preproc_hcstvg.py`` and
``preproc/preproc_hcstvgv2.py``) are lists with the numbers of the original: ``train_proc.json`` and
``test_proc.json`` of version 1, ``trainv2_proc.json`` and ``valv2_proc.json`` of version 2::

    {"original_video_id": "1_a", "video_path": "0/1_a.mp4", "video_id": 0, "caption": "...",
     "frame_count": 600, "width": 640, "height": 360,
     "tube_start_frame": 31, "tube_end_frame": 41, "trajectory": [[x, y, w, h], ...]}

The first frame is counted from 1, the end is left out. `as_published` gives the original entry.

The authors' of the method (github.com/zaiquanyang/LLaVA_Next_STVG, ``stvg/datasets/hcstvg.py``;
the file itself and what made it are not in the repository) has the original's form and counts in
tenths of the frame rate: their reader takes frame 10 k of the video for its frame k, and
``st_frame`` from 0.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zerotube.eval.datasets.entries import Unusable, boxes_from_xywh, whole
from zerotube.eval.types import Truth
from zerotube.geometry.boxes import interpolate_boxes
from zerotube.geometry.spans import Span

DURATION_S = 20
"""Length of every video of HC-STVG."""

STEP = 10
"""Frames of the video per frame of a file in tenths."""

_SLOWEST_FPS = 8.0
"""Below it a file named ``*_proc.json`` is in tenths: no video of the data set is that slow, and a
tenth of 60 frames per second is slower."""


def is_converted(content: Any) -> bool:
    """Whether a JSON content is one of TubeDETR's files."""
    return isinstance(content, list) and any(map(_is_converted_entry, content))


def _is_converted_entry(value: Any) -> bool:
    return isinstance(value, dict) and {"trajectory", "tube_start_frame"} <= value.keys()


def named_entries(content: Any) -> Iterator[tuple[str, Any]]:
    """The entries of any of the files, each with the key of its video."""
    if isinstance(content, dict):
        yield from content.items()
        return
    for number, entry in enumerate(content):
        known = entry if isinstance(entry, dict) else {}
        # The name without its suffix is stored, and the path of the file that was there.
        path, stem = known.get("video_path"), known.get("original_video_id")
        yield PurePosixPath(path).name if isinstance(path, str) else str(stem or number), entry


def as_published(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry in the original's form: one of TubeDETR's rewritten, any other as it is.

    Raises:
        Unusable: its last frame is not that of its last box.
    """
    if not _is_converted_entry(entry):
        return entry
    boxes, first = entry["trajectory"], whole(entry, "tube_start_frame", least=1)
    if isinstance(boxes, list) and whole(entry, "tube_end_frame") != first + len(boxes):
        raise Unusable(
            f"{len(boxes)} boxes for frames {first} to {whole(entry, 'tube_end_frame')} (left out)"
        )
    renamed = {"trajectory": "bbox", "tube_start_frame": "st_frame", "frame_count": "img_num"}
    return {renamed.get(key, key): value for key, value in entry.items()}


def is_in_tenths(path: Path, content: Any) -> bool:
    """Whether a file in the original's form counts in tenths of the frame rate."""
    if not path.stem.endswith("_proc") or not isinstance(content, dict):
        return False
    counts = [
        entry["img_num"]
        for entry in content.values()
        if isinstance(entry, dict) and type(entry.get("img_num")) in (int, float)
    ]
    return bool(counts) and statistics.median(counts) / DURATION_S < _SLOWEST_FPS


def truth_in_tenths(entry: Mapping[str, Any]) -> tuple[int, Truth]:
    """Frame count of the video, up to nine frames too high, and the true tube of such an entry.

    The tube begins and ends at frames that the file has; between these its boxes are interpolated.

    Raises:
        Unusable: a number or a box is missing or malformed.
    """
    boxes = boxes_from_xywh(entry.get("bbox"))
    count = whole(entry, "img_num", least=1)
    first = whole(entry, "st_frame")
    last = min(first + len(boxes) - 1, count - 1)
    if last < first:
        raise Unusable(f"st_frame {first} (from 0) among {count} frames")
    known = np.arange(first, last + 1, dtype=np.int64) * STEP
    span = Span(int(known[0]), int(known[-1]))
    every = np.arange(span.start_frame, span.end_frame + 1, dtype=np.int64)
    return count * STEP, Truth(span, interpolate_boxes(known, boxes[: len(known)], every))


def tenths_note(path: Path) -> str:
    """What a reader of scores on such a file must know."""
    return (
        f"{path} counts in tenths of the frame rate: true tubes begin and end at every "
        f"{STEP}th frame, and the boxes between are interpolated"
    )
