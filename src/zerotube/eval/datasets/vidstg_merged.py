"""VidSTG as CG-STVG keeps it: ``vstg_annos/{split}.json``, the annotation merged with its boxes.

Where VidOR's box files are not at hand, this file has the boxes. What it holds follows from the
code that writes and reads it (github.com/HengLan/CGSTVG, ``datasets/vidstg.py``): one JSON object,
a running number per sentence, in the order of the original annotation::

    {"0": {"vid": "2401075277", "fps": 25.0, "width": 640, "height": 360, "id": 0,
           "used_segment": {"begin_fid": 10, "end_fid": 50},
           "ori_temp_gt": {"begin_fid": 20, "end_fid": 30},
           "qtype": "declar", "target_category": "dog",
           "sentence": {"description": "a dog runs.", "type": "object", "target_id": 0},
           "target_bboxs": [{"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}, ...]}}

``qtype`` is "declar" for a caption, "inter" for a question. The boxes are those of the frames from
``begin_fid`` on, up to ``end_fid`` or the end of the video; ``{}`` stands where there is none, and
a last one that is missing is a copy of the one before. ``frame_count`` there is that of the
segment, and ``temp_gt`` counts from its begin; neither is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.datasets.entries import Unusable, as_mapping, sentence, whole
from zerotube.eval.datasets.vidor import Described, ObjectBoxes
from zerotube.eval.types import Truth

_CORNERS = ("xmin", "ymin", "xmax", "ymax")

_Key = tuple[str, int, int]
"""Video, object and first described frame."""


def is_merged(content: Any) -> bool:
    """Whether a JSON content is such a file."""
    return isinstance(content, dict) and any(map(_is_entry, content.values()))


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and {"ori_temp_gt", "target_bboxs", "sentence"} <= value.keys()


@dataclass(frozen=True, eq=False)
class MergedBoxes:
    """The boxes of such a file.

    Attributes:
        boxes: as annotated, by video, object and first described frame.
    """

    boxes: Mapping[_Key, list[Any]]

    def tubes(self, video_name: str, described: Set[Described]) -> dict[Described, Truth | str]:
        """True tubes of one video; a text says why there is none."""
        found: dict[Described, Truth | str] = {}
        for target, span in described:
            try:
                objects = self._object(video_name, target, span.start_frame)
            except Unusable as reason:
                found[target, span] = reason.got
            else:
                found[target, span] = objects.truth(span)
        return found

    def _object(self, video_name: str, target_id: int, first_frame: int) -> ObjectBoxes:
        found = self.boxes.get((video_name, target_id, first_frame))
        if found is None:
            raise Unusable(
                f"no boxes of object {target_id} of video {video_name} from frame {first_frame} on "
                "in the merged annotation"
            )
        shown = [(first_frame + row, box) for row, box in enumerate(found) if box != {}]
        return ObjectBoxes(
            target_id,
            np.array([frame for frame, _ in shown], dtype=np.int64),
            _corners([box for _, box in shown]),
        )


def merged_boxes(content: Mapping[str, Any]) -> MergedBoxes:
    """The boxes of such a file; an entry without usable numbers has none."""
    found: dict[_Key, list[Any]] = {}
    for raw in content.values():
        try:
            key, boxes = _boxes(as_mapping(raw, "the entry"))
        except Unusable:
            continue
        # Descriptions that begin alike have the same boxes, as far as both go.
        if len(boxes) > len(found.get(key, ())):
            found[key] = boxes
    return MergedBoxes(found)


def _boxes(entry: Mapping[str, Any]) -> tuple[_Key, list[Any]]:
    asked = as_mapping(entry.get("sentence"), "'sentence'")
    described = as_mapping(entry.get("ori_temp_gt"), "'ori_temp_gt'")
    boxes = entry.get("target_bboxs")
    if not isinstance(boxes, list):
        raise Unusable("no list 'target_bboxs'")
    return (sentence(entry, "vid"), whole(asked, "target_id"), whole(described, "begin_fid")), boxes


def _corners(boxes: list[Any]) -> NDArray[np.float64]:
    """Float64 ``(n, 4)``."""
    try:
        raw = [[box[name] for name in _CORNERS] for box in boxes]
        return np.array(raw, dtype=np.float64).reshape(len(raw), 4)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unusable(f"a box of the merged annotation is malformed ({error})") from error
