"""Detect a noun in every n-th frame and link the boxes: ByteTrack or BoT-SORT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.colour import to_lab, weigh
from zerotube.proposals.fragments import cleanup
from zerotube.proposals.fragments.overlap import distinct
from zerotube.proposals.named.base import DetectingProposer
from zerotube.proposals.settings import BoxSettings
from zerotube.proposals.tracking.boxes import LINKERS, KindTracker

if TYPE_CHECKING:
    import supervision

    from zerotube.proposals.base import Progress
    from zerotube.proposals.fragments.types import Fragment
    from zerotube.video.base import Video

_COLOUR_SAMPLES = 32
"""Pixels across and down from which the colour of a box is read."""


class ByteTrackProposer(DetectingProposer):
    """The detector's boxes, linked by ByteTrack; between detections they are interpolated."""

    name = "gdino+bytetrack"
    settings_type = BoxSettings
    settings: BoxSettings
    linker: ClassVar[str] = "bytetrack"
    """Key of `zerotube.proposals.tracking.boxes.LINKERS`."""
    sees_pictures: ClassVar[bool] = False
    """Whether the linker takes the picture besides the boxes."""

    def _step(self, video: Video) -> int:
        return self.settings.step(video)

    def _follow(
        self, video: Video, text: str, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        settings, info, detector = self.settings, video.info, self._detector(text)
        step = self._step(video)
        fps = float(info.fps) / step
        tracker = KindTracker(
            fps=fps, lost_s=settings.lost_s, make=LINKERS[self.linker], all_sure=True
        )
        for frame in video.stream(stride=step):
            found = distinct(
                detector.detect(frame.image), iou=settings.nms_iou, most=settings.max_objects
            )
            picture = frame.image if self.sees_pictures else None
            tracker.update(frame.index, _coloured(found, frame.image), picture)
            report(frame.index + 1, info.frame_count)
        report(info.frame_count, info.frame_count)
        wait = max(step, round(settings.stitch_s * float(info.fps)))
        return cleanup.stitch(tracker.fragments(), max_gap=wait, step=step), []


class BotSortProposer(ByteTrackProposer):
    """The same with BoT-SORT, which compensates for a moving camera."""

    name = "gdino+botsort"
    linker = "botsort"
    sees_pictures = True


def _coloured(found: supervision.Detections, image: NDArray[np.uint8]) -> supervision.Detections:
    """Boxes and scores of detections, all of one kind, with the colour of each box's middle."""
    import supervision as sv

    boxes = np.asarray(found.xyxy, dtype=np.float64).reshape(-1, 4)
    colours = [_middle_colour(image, box) for box in boxes]
    return sv.Detections(
        xyxy=boxes,
        confidence=np.asarray(found.confidence, dtype=np.float32).reshape(-1),
        class_id=np.zeros(len(boxes), dtype=np.int64),
        data={"colour": np.array(colours, dtype=np.float32).reshape(-1, 3)},
    )


def _middle_colour(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mean weighted Lab colour of the inner half of a box: its rim shows what is behind it."""
    height, width = image.shape[:2]
    centre, quarter = 0.5 * (box[:2] + box[2:]), 0.25 * (box[2:] - box[:2])
    low, high = centre - quarter, centre + quarter
    columns = np.linspace(low[0], high[0], _COLOUR_SAMPLES).astype(int).clip(0, width - 1)
    rows = np.linspace(low[1], high[1], _COLOUR_SAMPLES).astype(int).clip(0, height - 1)
    patch = np.ascontiguousarray(image[np.ix_(np.unique(rows), np.unique(columns))])
    mean: NDArray[np.float32] = weigh(to_lab(patch)).reshape(-1, 3).mean(axis=0)
    return mean
