"""Detect a noun in every n-th frame and link the boxes: ByteTrack or BoT-SORT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals import cleanup
from zerotube.proposals.background import to_lab
from zerotube.proposals.detection_settings import DetectionSettings
from zerotube.proposals.overlap import distinct
from zerotube.proposals.palette import weigh
from zerotube.proposals.regions import Regions
from zerotube.proposals.text_proposer import TextProposer
from zerotube.proposals.tracking import Fragment, KindTracker, bot_sort, byte_track

if TYPE_CHECKING:
    import supervision

    from zerotube.proposals.base import Detector, Progress, Tracker
    from zerotube.video.base import Video

_KIND = 0
"""One noun, one kind: a single tracker sees all boxes."""

_LINKERS: dict[str, Callable[[float, float], Tracker]] = {
    "bytetrack": byte_track,
    "botsort": bot_sort,
}
"""What links the boxes -> a new one for (looks per second, seconds an object is waited for)."""

_COLOUR_SAMPLES = 32
"""Pixels across and down from which the colour of a box is read."""


@dataclass(frozen=True)
class BoxSettings(DetectionSettings):
    """Settings of `gdino+bytetrack` and `gdino+botsort`."""

    lost_s: float = 2.0
    """How long the tracker waits for an object that it lost."""

    stitch_s: float = 3.0
    """Longest absence after which a like object near the same place is the same object."""


class BoxProposer(TextProposer):
    """Boxes only; between detections they are interpolated."""

    settings: BoxSettings
    linker: ClassVar[str]
    sees_pictures: ClassVar[bool] = False
    """Whether the linker takes the picture besides the boxes."""

    def _step(self) -> int:
        return self.settings.every

    def _follow(
        self, video: Video, detector: Detector, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        settings, info = self.settings, video.info
        fps = float(info.fps) / settings.every
        make = _LINKERS[self.linker]
        tracker = KindTracker(fps=fps, lost_s=settings.lost_s, make=make, all_sure=True)
        for frame in video.stream(stride=settings.every):
            found = distinct(
                detector.detect(frame.image), iou=settings.nms_iou, most=settings.max_objects
            )
            picture = frame.image if self.sees_pictures else None
            tracker.update(frame.index, as_regions(found, frame.image), picture)
            report(frame.index + 1, info.frame_count)
        report(info.frame_count, info.frame_count)
        wait = max(settings.every, round(settings.stitch_s * float(info.fps)))
        return cleanup.stitch(tracker.fragments(), max_gap=wait, step=settings.every), []


class ByteTrackProposer(BoxProposer):
    """The detector's boxes, linked by ByteTrack."""

    name = "gdino+bytetrack"
    linker = "bytetrack"

    def __init__(
        self, settings: BoxSettings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings or BoxSettings(), detector=detector)


class BotSortProposer(BoxProposer):
    """The detector's boxes, linked by BoT-SORT, which compensates for a moving camera."""

    name = "gdino+botsort"
    linker = "botsort"
    sees_pictures = True

    def __init__(
        self, settings: BoxSettings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings or BoxSettings(), detector=detector)


def as_regions(found: supervision.Detections, image: NDArray[np.uint8]) -> Regions:
    """Detections as the regions that the tracking code works on.

    Args:
        found: with ``confidence``; boxes inside the picture.
        image: uint8 ``(H, W, 3)`` RGB, from which the colour of each box's middle is read.
    """
    boxes = np.asarray(found.xyxy, dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    colours = [_middle_colour(image, box) for box in boxes]
    return Regions(
        boxes_xyxy=boxes,
        kinds=np.full(len(boxes), _KIND, dtype=np.int64),
        colours=np.array(colours, dtype=np.float32).reshape(-1, 3),
        areas=sides[:, 0] * sides[:, 1],
        scores=np.asarray(found.confidence, dtype=np.float32).reshape(-1),
        moving=np.ones(len(boxes), dtype=np.float32),
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
