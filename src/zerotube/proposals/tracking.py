"""From regions per frame to fragments of tracks, with ByteTrack.

ByteTrack matches by overlap alone, so two objects that cross can swap names. Colour settles that
here: every kind of region (one palette colour, or movement) has a tracker of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import paired_iou
from zerotube.proposals.regions import Regions

if TYPE_CHECKING:
    from zerotube.proposals.base import Tracker

_BACKFILL_IOU = 0.1
"""Overlap for linking a new track to the unnamed region one frame earlier, ByteTrack's own."""

_BUFFER_RATIO = 0.3
"""Boxes are widened by this fraction before overlap is computed, so that a small fast object still
overlaps its predicted place (buffered IoU, arXiv 2211.14317)."""


@dataclass(frozen=True, eq=False)
class Fragment:
    """One object, or a stretch of its life, on the processed frames.

    Attributes:
        frames: int64 ``(n,)``, source frames, strictly increasing.
        boxes_xyxy: float64 ``(n, 4)``, pixels of the source video.
        observed: bool ``(n,)``.
        scores: float32 ``(n,)``.
        fill: float64 ``(n,)``, share of the box that the region covers.
        moving: float, mean share of the region that differs from the median background.
        colour: float32 ``(3,)``, weighted Lab, median over the frames.
        kind: see `Regions.kinds`.
    """

    frames: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]
    observed: NDArray[np.bool_]
    scores: NDArray[np.float32]
    fill: NDArray[np.float64]
    moving: float
    colour: NDArray[np.float32]
    kind: int

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: NDArray[Any]) -> Fragment:
        """The same fragment on some of its frames (rows: indices or a bool mask)."""
        return replace(
            self,
            frames=self.frames[rows],
            boxes_xyxy=self.boxes_xyxy[rows],
            observed=self.observed[rows],
            scores=self.scores[rows],
            fill=self.fill[rows],
        )


def byte_track(fps: float, lost_s: float) -> Tracker:
    """ByteTrack (arXiv 2110.06864) with buffered overlap.

    Args:
        fps: processed frames per second.
        lost_s: how long a track survives without a region, in seconds.
    """
    from trackers import ByteTrackTracker
    from trackers.utils.iou import BIoU

    made: Tracker = ByteTrackTracker(
        lost_track_buffer=max(1, round(30 * lost_s)),  # counted in frames of 30 per s
        frame_rate=fps,
        track_activation_threshold=0.25,
        high_conf_det_threshold=0.25,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=0.1,
        iou=BIoU(buffer_ratio=_BUFFER_RATIO),
    )
    return made


def bot_sort(fps: float, lost_s: float) -> Tracker:
    """BoT-SORT (arXiv 2206.14651), camera motion made up for, with buffered overlap.

    Args:
        fps: processed frames per second.
        lost_s: how long a track survives without a region, in seconds.
    """
    from trackers import BoTSORTTracker
    from trackers.utils.iou import BIoU

    # Overlap is multiplied by confidence here, so the least of both is asked for.
    made: Tracker = BoTSORTTracker(
        lost_track_buffer=max(1, round(30 * lost_s)),
        frame_rate=fps,
        track_activation_threshold=0.25,
        high_conf_det_threshold=0.25,
        minimum_consecutive_frames=1,
        minimum_iou_threshold_first_assoc=0.1,
        minimum_iou_threshold_second_assoc=0.1,
        minimum_iou_threshold_unconfirmed_assoc=0.1,
        iou=BIoU(buffer_ratio=_BUFFER_RATIO),
    )
    return made


class KindTracker:
    """One tracker per kind of region, and the offline repair of its late starts.

    ByteTrack names an object only when it sees it the second time. Since nothing here has to be
    answered at once, the frame before is looked up again when a track is complete.
    """

    def __init__(
        self,
        *,
        fps: float,
        lost_s: float,
        make: Callable[[float, float], Tracker] | None = None,
        all_sure: bool = False,
    ) -> None:
        """
        Args:
            fps: processed frames per second.
            lost_s: how long a track survives without a region, in seconds.
            make: a new tracker for these two; default `byte_track`.
            all_sure: tell the tracker that every region is certain: for detections that passed a
                threshold already, whose scores a second threshold must not judge again.
        """
        self._fps = fps
        self._lost_s = lost_s
        self._make = make or byte_track
        self._all_sure = all_sure
        self._trackers: dict[int, Any] = {}
        self._frames: list[int] = []
        self._regions: list[Regions] = []
        self._names: list[NDArray[np.int64]] = []

    def update(self, frame: int, regions: Regions, image: NDArray[np.uint8] | None = None) -> None:
        """Take the regions of the next processed frame.

        Args:
            frame: source frame, larger than the last one.
            regions: boxes in pixels of the source video.
            image: uint8 ``(H, W, 3)`` RGB, for a tracker that makes up for a moving camera.
        """
        import supervision as sv

        names = np.full(len(regions), -1, dtype=np.int64)
        for kind in sorted({*self._trackers, *regions.kinds.tolist()}):
            if kind not in self._trackers:
                self._trackers[kind] = self._make(self._fps, self._lost_s)
            rows = np.flatnonzero(regions.kinds == kind)
            detections = sv.Detections(
                xyxy=regions.boxes_xyxy[rows],
                confidence=np.ones(len(rows)) if self._all_sure else regions.scores[rows],
                data={"row": rows},
            )
            if image is None:
                tracked = self._trackers[kind].update(detections)
            else:
                bgr = np.ascontiguousarray(image[..., ::-1])
                tracked = self._trackers[kind].update(detections, frame=bgr)
            if len(tracked):
                names[tracked.data["row"]] = tracked.tracker_id
        self._frames.append(frame)
        self._regions.append(regions)
        self._names.append(names)

    def fragments(self) -> list[Fragment]:
        """All tracks so far; unnamed regions that continue no track are left out.

        With a single processed frame there is nothing to follow, and every region is a track.
        """
        if len(self._frames) == 1:
            count = len(self._regions[0])
            return [self._fragment([(0, row)]) for row in range(count)]
        members: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for time, (regions, names) in enumerate(zip(self._regions, self._names, strict=True)):
            for row in np.flatnonzero(names >= 0).tolist():
                key = int(regions.kinds[row]), int(names[row])
                members.setdefault(key, []).append((time, row))
        taken = {place for places in members.values() for place in places}
        fragments = []
        for (kind, _), places in sorted(members.items(), key=lambda item: (item[1][0], item[0])):
            earlier = self._before(kind, places[0], taken)
            if earlier is not None:
                taken.add(earlier)
                places.insert(0, earlier)
            fragments.append(self._fragment(places))
        return fragments

    def _before(
        self, kind: int, place: tuple[int, int], taken: set[tuple[int, int]]
    ) -> tuple[int, int] | None:
        """The unnamed region of that kind, one frame earlier, that overlaps most."""
        time, row = place
        if time == 0:
            return None
        before = self._regions[time - 1]
        box = self._regions[time].boxes_xyxy[row]
        # The same widening as in the tracker.
        reach = _BUFFER_RATIO * np.tile(box[2:] - box[:2], 2) * np.array([-1, -1, 1, 1])
        best, overlap = None, _BACKFILL_IOU
        for other in np.flatnonzero(before.kinds == kind).tolist():
            if (time - 1, other) in taken:
                continue
            wide = before.boxes_xyxy[other] + reach
            iou = float(paired_iou((box + reach)[None], wide[None])[0])
            if iou >= overlap:
                best, overlap = (time - 1, other), iou
        return best

    def _fragment(self, places: list[tuple[int, int]]) -> Fragment:
        boxes = np.stack([self._regions[t].boxes_xyxy[row] for t, row in places])
        areas = np.array([self._regions[t].areas[row] for t, row in places])
        colours = np.stack([self._regions[t].colours[row] for t, row in places])
        sides = boxes[:, 2:] - boxes[:, :2]
        return Fragment(
            frames=np.array([self._frames[t] for t, _ in places], dtype=np.int64),
            boxes_xyxy=boxes,
            observed=np.ones(len(places), dtype=np.bool_),
            scores=np.array([self._regions[t].scores[row] for t, row in places], np.float32),
            fill=areas / np.maximum(sides.prod(axis=1), 1e-9),
            moving=float(np.mean([self._regions[t].moving[row] for t, row in places])),
            colour=np.median(colours, axis=0).astype(np.float32),
            kind=int(self._regions[places[0][0]].kinds[places[0][1]]),
        )
