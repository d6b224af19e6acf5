"""Detections every few frames, and a mask tracker that follows each object both ways.

Forwards, frames are streamed. Where the detector looks, each of its boxes is turned into a mask;
a mask that overlaps an object already followed is that object, any other joins. Backwards, frames
come in short windows, and every object is followed from where it was first detected to where it
came into sight. What is held at a time does not depend on the length of the video; what is
recorded is one run-length encoded mask per object and frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.fragments.overlap import distinct, mask_ious, without_specks
from zerotube.proposals.fragments.to_tracks import Grid
from zerotube.proposals.tracking.mask_record import MaskRecord

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress
    from zerotube.proposals.fragments.types import Fragment
    from zerotube.proposals.settings import Sam2Settings
    from zerotube.video.base import Video


class MaskSession(Protocol):
    """One pass over a video, in one direction, frame by frame."""

    def show(self, index: int, image: NDArray[np.uint8]) -> None:
        """Make a frame the current one.

        Args:
            index: source frame; its distance to the frame before counts as the time between.
            image: uint8 ``(H, W, 3)`` RGB.
        """
        ...

    def segment(self, boxes_xyxy: NDArray[np.floating]) -> list[NDArray[np.bool_]]:
        """A mask, bool ``(H, W)``, per box of the current frame, without memory of others.

        Args:
            boxes_xyxy: ``(n, 4)``, pixels.
        """
        ...

    def add(self, object_id: int, box_xyxy: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Follow the object in a box of the current frame from here on; its mask here.

        Args:
            object_id: a new name.
            box_xyxy: ``(4,)``, pixels.
        """
        ...

    def follow(self, *, reverse: bool = False) -> dict[int, NDArray[np.bool_]]:
        """Masks of the objects added at earlier shown frames, empty where out of sight.

        Args:
            reverse: whether frames are shown last to first.
        """
        ...

    def drop(self, object_id: int) -> None:
        """Stop following an object."""
        ...


@dataclass(eq=False)
class _Joined:
    """An object that joined.

    Attributes:
        first_frame: where it was first detected.
        first_box: float64 ``(4,)``, the detection.
        record: its masks so far.
    """

    first_frame: int
    first_box: NDArray[np.float64]
    record: MaskRecord


class MaskFollower:
    """Follows what a detector finds in one video.

    Args:
        open_session: a new session of the tracker; called once per direction.
        detector: of the noun.
        settings: how detections and masks become objects.
    """

    def __init__(
        self, open_session: Callable[[], MaskSession], detector: Detector, settings: Sam2Settings
    ) -> None:
        self._open = open_session
        self._detector = detector
        self._settings = settings
        self._patience = 0
        self._objects: dict[int, _Joined] = {}
        self._turned_away = 0

    def run(self, video: Video, report: Progress) -> tuple[list[Fragment], list[str]]:
        """Both passes.

        Args:
            video: open.
            report: told how far it is; both passes count.

        Returns:
            One fragment per object, in the order they joined, and what a user should know.
        """
        count = video.info.frame_count
        self._patience = Grid(video.info, 1).frames(self._settings.lost_s)
        self._forwards(video, lambda done: report(done, 2 * count))
        self._backwards(video, lambda done: report(count + done, 2 * count))
        report(2 * count, 2 * count)
        warnings = []
        if self._turned_away:
            warnings.append(
                f"{self._turned_away} detections were not followed, because"
                f" {self._settings.max_objects} objects were (max_objects)"
            )
        found = [item.record.fragment() for item in self._objects.values() if item.record.frames]
        return found, warnings

    def _forwards(self, video: Video, report: Callable[[int], None]) -> None:
        step, session = self._settings.step(video), self._open()
        following: set[int] = set()
        look = 0
        for frame in video.stream():
            session.show(frame.index, frame.image)
            masks = self._cleaned(session.follow())
            for name, mask in masks.items():
                self._objects[name].record.add(frame.index, mask)
            for name in self._lost(following, frame.index):
                session.drop(name)
                following.discard(name)
                masks.pop(name, None)
            # Frames that do not decode are missing from the stream: look at the next one then.
            if frame.index >= look:
                look = (frame.index // step + 1) * step
                self._join(session, frame.index, frame.image, masks, following)
            report(frame.index + 1)

    def _join(
        self,
        session: MaskSession,
        index: int,
        image: NDArray[np.uint8],
        masks: dict[int, NDArray[np.bool_]],
        following: set[int],
    ) -> None:
        """Match what the detector finds with what is followed; the rest joins."""
        settings = self._settings
        found = distinct(
            self._detector.detect(image), iou=settings.nms_iou, most=settings.max_objects
        )
        if not len(found):
            return
        boxes = np.asarray(found.xyxy, dtype=np.float64)
        scores = np.asarray(found.confidence, dtype=np.float64)
        for box, score, candidate in zip(boxes, scores, session.segment(boxes), strict=True):
            mask = without_specks(candidate, settings.speck_share)
            names = list(masks)
            overlaps = mask_ious(mask, [masks[name] for name in names])
            best = int(np.argmax(overlaps)) if names else -1
            if names and overlaps[best] >= settings.match_iou:
                known = self._objects[names[best]].record
                known.score = max(known.score, float(score))
            elif not mask.any():
                continue
            elif len(following) >= settings.max_objects:
                self._turned_away += 1
            else:
                name = len(self._objects)
                record = MaskRecord(float(score), index)
                new = _Joined(index, box, record)
                self._objects[name] = new
                following.add(name)
                own = without_specks(session.add(name, new.first_box), settings.speck_share)
                record.add(index, own)
                masks[name] = own

    def _backwards(self, video: Video, report: Callable[[int], None]) -> None:
        """Every object from its first detection back to where it came into sight."""
        waiting = sorted(
            (item.first_frame, name) for name, item in self._objects.items() if item.first_frame > 0
        )
        if not waiting:
            return
        session, following = self._open(), set[int]()
        count, stop = video.info.frame_count, waiting[-1][0] + 1
        while stop > 0 and (following or waiting):
            if not following:
                stop = min(stop, waiting[-1][0] + 1)
            start = max(0, stop - self._settings.window)
            for frame in reversed(list(video.stream(start, stop))):
                # Objects join after the others were followed, as on the way forward.
                if following:
                    session.show(frame.index, frame.image)
                    for name, mask in self._cleaned(session.follow(reverse=True)).items():
                        self._objects[name].record.add(frame.index, mask)
                    for name in self._lost(following, frame.index):
                        session.drop(name)
                        following.discard(name)
                while waiting and waiting[-1][0] >= frame.index:
                    _, name = waiting.pop()
                    item = self._objects[name]
                    if item.first_frame == frame.index:
                        session.show(frame.index, frame.image)
                        session.add(name, item.first_box)
                        item.record.seen_at = frame.index
                        following.add(name)
                report(count - frame.index)
            stop = start

    def _cleaned(self, masks: dict[int, NDArray[np.bool_]]) -> dict[int, NDArray[np.bool_]]:
        share = self._settings.speck_share
        return {name: without_specks(mask, share) for name, mask in masks.items()}

    def _lost(self, following: set[int], index: int) -> list[int]:
        """Objects that have been out of sight for too long."""
        return [
            name
            for name in following
            if abs(index - self._objects[name].record.seen_at) > self._patience
        ]
