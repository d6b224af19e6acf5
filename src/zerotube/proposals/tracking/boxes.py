"""From detections per frame to fragments of tracks, with the trackers of `trackers`.

They match by overlap alone, so two objects that cross can swap names. Detections of different
kinds (``class_id``: a palette colour, movement) therefore have a tracker each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import paired_iou
from zerotube.proposals.fragments.types import Fragment

if TYPE_CHECKING:
    import supervision

    from zerotube.proposals.base import Tracker

_LEAST_IOU = 0.1
"""Overlap from which boxes of neighbouring frames may be one object, ByteTrack's own."""

_BUFFER_RATIO = 0.3
"""Boxes are widened by this fraction before overlap is computed, so that a small fast object still
overlaps its predicted place (buffered IoU, arXiv 2211.14317)."""


def byte_track(fps: float, lost_s: float) -> Tracker:
    """ByteTrack (arXiv 2110.06864) with buffered overlap.

    Args:
        fps: processed frames per second.
        lost_s: how long a track survives without a detection, in seconds.
    """
    from trackers import ByteTrackTracker

    made: Tracker = ByteTrackTracker(**_shared(fps, lost_s), minimum_iou_threshold=_LEAST_IOU)
    return made


def bot_sort(fps: float, lost_s: float) -> Tracker:
    """BoT-SORT (arXiv 2206.14651), which compensates for a moving camera, with buffered overlap.

    Args:
        fps: processed frames per second.
        lost_s: how long a track survives without a detection, in seconds.
    """
    from trackers import BoTSORTTracker

    # Overlap is multiplied by confidence here, so the least of both is asked for.
    made: Tracker = BoTSORTTracker(
        **_shared(fps, lost_s),
        minimum_iou_threshold_first_assoc=_LEAST_IOU,
        minimum_iou_threshold_second_assoc=_LEAST_IOU,
        minimum_iou_threshold_unconfirmed_assoc=_LEAST_IOU,
    )
    return made


def _shared(fps: float, lost_s: float) -> dict[str, Any]:
    from trackers.utils.iou import BIoU

    return {
        "lost_track_buffer": max(1, round(30 * lost_s)),  # counted in frames of 30 per s
        "frame_rate": fps,
        "track_activation_threshold": 0.25,
        "high_conf_det_threshold": 0.25,
        "minimum_consecutive_frames": 1,
        "iou": BIoU(buffer_ratio=_BUFFER_RATIO),
    }


LINKERS: dict[str, Callable[[float, float], Tracker]] = {
    "bytetrack": byte_track,
    "botsort": bot_sort,
}
"""What links boxes -> a new one for (processed frames per second, seconds without a detection)."""


class KindTracker:
    """One tracker per kind of detection, and the offline repair of its late starts.

    ByteTrack names an object only when it sees it the second time. Since nothing here has to be
    answered at once, the frame before is looked up again when a track is complete.
    """

    def __init__(
        self,
        *,
        fps: float,
        lost_s: float,
        make: Callable[[float, float], Tracker] = byte_track,
        all_sure: bool = False,
    ) -> None:
        """
        Args:
            fps: processed frames per second.
            lost_s: how long a track survives without a detection, in seconds.
            make: a new tracker for these two.
            all_sure: tell the tracker that every detection is certain: for those that passed a
                threshold already, whose scores a second threshold must not judge again.
        """
        self._fps = fps
        self._lost_s = lost_s
        self._make = make
        self._all_sure = all_sure
        self._trackers: dict[int, Tracker] = {}
        self._frames: list[int] = []
        self._found: list[supervision.Detections] = []
        self._names: list[NDArray[np.int64]] = []

    def update(
        self,
        frame: int,
        found: supervision.Detections,
        image: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take the detections of the next processed frame.

        Args:
            frame: source frame, larger than the last one.
            found: ``xyxy`` float64, pixels of the source video; ``confidence``; ``class_id``, the
                kind. Of its ``data`` these are read, if they are there: "colour" float32
                ``(n, 3)``, weighted Lab; "area" float64 ``(n,)``, pixels that belong to the object;
                "moving" float32 ``(n,)``, see `Fragment.moving`.
            image: uint8 ``(H, W, 3)`` RGB, for a tracker that compensates for a moving camera.
        """
        import supervision as sv

        kinds, scores = np.asarray(found.class_id), np.asarray(found.confidence)
        names = np.full(len(found), -1, dtype=np.int64)
        for kind in sorted({*self._trackers, *kinds.tolist()}):
            if kind not in self._trackers:
                self._trackers[kind] = self._make(self._fps, self._lost_s)
            rows = np.flatnonzero(kinds == kind)
            detections = sv.Detections(
                xyxy=found.xyxy[rows],
                confidence=np.ones(len(rows)) if self._all_sure else scores[rows],
                data={"row": rows},
            )
            if image is None:
                tracked = self._trackers[kind].update(detections)
            else:
                bgr = np.ascontiguousarray(image[..., ::-1])
                tracked = self._trackers[kind].update(detections, frame=bgr)
            if len(tracked):
                names[tracked.data["row"]] = np.asarray(tracked.tracker_id)
        self._frames.append(frame)
        self._found.append(found)
        self._names.append(names)

    def fragments(self) -> list[Fragment]:
        """All tracks so far; unnamed detections that continue no track are left out.

        With a single processed frame there is nothing to follow, and every detection is a track.
        """
        import supervision as sv

        found = sv.Detections.merge(self._found)
        starts = np.cumsum([0, *(len(part) for part in self._found)])
        times = np.repeat(np.arange(len(self._found)), np.diff(starts))
        if len(self._found) == 1:
            return [self._fragment(found, times, [row]) for row in range(len(found))]
        kinds, boxes = np.asarray(found.class_id), np.asarray(found.xyxy, dtype=np.float64)
        names = np.concatenate([np.empty(0, np.int64), *self._names])
        free = names < 0
        members: dict[tuple[int, int], list[int]] = {}
        for row in np.flatnonzero(~free).tolist():
            members.setdefault((int(kinds[row]), int(names[row])), []).append(row)
        fragments = []
        for rows in sorted(members.values()):
            first, time = rows[0], int(times[rows[0]])
            before = np.arange(starts[max(0, time - 1)], starts[time])
            before = before[free[before] & (kinds[before] == kinds[first])]
            earlier = _continued(boxes, first, before)
            if earlier is not None:
                free[earlier] = False
                rows.insert(0, earlier)
            fragments.append(self._fragment(found, times, rows))
        return fragments

    def _fragment(
        self, found: supervision.Detections, times: NDArray[np.int64], rows: list[int]
    ) -> Fragment:
        boxes = np.asarray(found.xyxy[rows], dtype=np.float64)
        data = {name: np.asarray(values)[rows] for name, values in found.data.items()}
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        return Fragment(
            frames=np.array(self._frames, dtype=np.int64)[times[rows]],
            boxes_xyxy=boxes,
            observed=np.ones(len(rows), dtype=np.bool_),
            scores=np.asarray(found.confidence, dtype=np.float32)[rows],
            fill=data.get("area", areas) / np.maximum(areas, 1e-9),
            kind=int(np.asarray(found.class_id)[rows[0]]),
            colour=np.median(data["colour"], axis=0) if "colour" in data else None,
            moving=float(data["moving"].mean()) if "moving" in data else 1.0,
        )


def _continued(boxes_xyxy: NDArray[np.float64], row: int, earlier: NDArray[np.int64]) -> int | None:
    """Of earlier boxes the one that overlaps a box most, both widened as in the tracker."""
    box = boxes_xyxy[row]
    reach = _BUFFER_RATIO * np.tile(box[2:] - box[:2], 2) * np.array([-1, -1, 1, 1])
    wide = boxes_xyxy[earlier] + reach
    overlaps = paired_iou(np.broadcast_to(box + reach, wide.shape), wide)
    # Of equal ones the last.
    best = max(range(len(earlier)), key=lambda at: (overlaps[at], at), default=None)
    return None if best is None or overlaps[best] < _LEAST_IOU else int(earlier[best])
