"""VidOR annotations (Shang et al. 2019): where every object of a video is, frame by frame.

They hold the true boxes of VidSTG. A file has some megabytes, so only wanted objects are kept.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.datasets.entries import Unusable, check_corners
from zerotube.eval.datasets.files import FileIndex, the_only
from zerotube.eval.datasets.reading import looks_like, read_large_json
from zerotube.eval.types import Truth
from zerotube.geometry.spans import Span

WHAT = "VidOR annotations"


@dataclass(frozen=True, eq=False)
class ObjectBoxes:
    """Where one object was annotated.

    Attributes:
        object_id: its ``tid``.
        frame_indices: int64 ``(n,)``, in the order of the file.
        boxes_xyxy: float64 ``(n, 4)``, pixels.
    """

    object_id: int
    frame_indices: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]

    def over(self, span: Span) -> NDArray[np.float64]:
        """The boxes in every frame of a span; where only its last one is missing, the box before
        it is repeated (VidOR ends a relation at the first frame after it).

        Returns:
            float64 ``(span.frame_count, 4)``.

        Raises:
            Unusable: a frame has no box or two, or a box is not finite or inverted.
        """
        inside = (self.frame_indices >= span.start_frame) & (self.frame_indices <= span.end_frame)
        frames, boxes = self.frame_indices[inside], self.boxes_xyxy[inside]
        twice = np.flatnonzero(np.diff(frames) <= 0)
        if len(twice):
            raise Unusable(f"object {self.object_id} has two boxes at frame {frames[twice[0]]}")
        absent = np.setdiff1d(np.arange(span.start_frame, span.end_frame + 1), frames)
        if len(absent) == 1 and absent[0] == span.end_frame and len(boxes):
            boxes = np.concatenate([boxes, boxes[-1:]])
        elif len(absent):
            raise Unusable(
                f"object {self.object_id} has no box at frame {absent[0]} "
                f"({len(absent)} of the {span.frame_count} frames have none)"
            )
        check_corners(boxes)
        return boxes

    def truth(self, span: Span) -> Truth | str:
        """The true tube over a span; a text says why there is none."""
        try:
            return Truth(span, self.over(span))
        except Unusable as reason:
            return reason.got


Described = tuple[int, Span]
"""An object and the frames that a sentence describes."""


class BoxFiles:
    """The box files below a folder, one per video.

    Args:
        index: of the folder.
    """

    def __init__(self, index: FileIndex) -> None:
        self._index = index

    def tubes(self, video_name: str, described: Set[Described]) -> dict[Described, Truth | str]:
        """True tubes of one video, whose file is read once; a text says why there is none."""
        try:
            files = self._index.named(f"{video_name}.json")
            if not files:
                raise Unusable(f"no box file {video_name}.json below {self._index.root}")
            frames = Span(
                min(span.start_frame for _, span in described),
                max(span.end_frame for _, span in described),
            )
            objects = read_objects(the_only(files), {target for target, _ in described}, frames)
        except Unusable as reason:
            return dict.fromkeys(described, reason.got)
        return {(target, span): objects[target].truth(span) for target, span in described}


def read_objects(path: Path, wanted: Set[int], frames: Span) -> dict[int, ObjectBoxes]:
    """The boxes of some objects in a part of a video.

    Args:
        path: of the file.
        wanted: ids of the objects.
        frames: those that matter; the others are not looked at.

    Returns:
        By id; an object that is nowhere in these frames has none.

    Raises:
        Unusable: the file is damaged or of another form.
    """
    try:
        content = read_large_json(path, WHAT)
    except InputError as error:
        raise Unusable(f"box file {error.got}") from error
    if not isinstance(content, dict) or not isinstance(content.get("trajectories"), list):
        raise Unusable(f"box file {path}, which looks like {looks_like(content)}")
    found: dict[int, tuple[list[int], list[Any]]] = {number: ([], []) for number in wanted}
    part = content["trajectories"][frames.start_frame : frames.end_frame + 1]
    for frame, objects in enumerate(part, start=frames.start_frame):
        try:
            for item in objects:
                if item["tid"] in found:
                    numbers, corners = found[item["tid"]]
                    box = item["bbox"]
                    numbers.append(frame)
                    corners += (box["xmin"], box["ymin"], box["xmax"], box["ymax"])
        except (KeyError, TypeError) as error:
            raise Unusable(f"box file {path}: frame {frame} is malformed ({error})") from error
    try:
        return {
            number: ObjectBoxes(
                number,
                np.array(numbers, dtype=np.int64),
                np.array(corners, dtype=np.float64).reshape(len(numbers), 4),
            )
            for number, (numbers, corners) in found.items()
        }
    except (TypeError, ValueError, OverflowError) as error:
        raise Unusable(f"box file {path}: a corner is not a number ({error})") from error
