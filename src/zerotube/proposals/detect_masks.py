"""Detect a noun in every n-th frame and follow it by masks: SAM 2 or EdgeTAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zerotube.proposals.detection_settings import DetectionSettings
from zerotube.proposals.mask_tracking import FollowRules, MaskFollower
from zerotube.proposals.text_proposer import TextProposer

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress
    from zerotube.proposals.sam_video import SamTracker
    from zerotube.proposals.tracking import Fragment
    from zerotube.video.base import Video


@dataclass(frozen=True)
class Sam2Settings(DetectionSettings):
    """Settings of `gdino+sam2`."""

    tracker: str = "facebook/sam2.1-hiera-large"
    """Id or folder of the mask tracker."""

    match_iou: float = 0.5
    """A detection whose mask overlaps that of a followed object by this is that object."""

    speck_share: float = 0.05
    """Pieces of a mask smaller than this fraction of its largest piece are dropped."""

    window: int = 32
    """Frames held at a time while objects are followed backwards."""


@dataclass(frozen=True)
class EdgeTamSettings(Sam2Settings):
    """Settings of `gdino+edgetam`."""

    tracker: str = "yonigozlan/EdgeTAM-hf"
    """Id or folder of the mask tracker."""


class MaskProposer(TextProposer):
    """Boxes and masks on every frame, followed both ways from where each was first detected."""

    settings: Sam2Settings
    kind: str

    def _models(self) -> tuple[str, ...]:
        return (self.settings.detector, self.settings.tracker)

    def __init__(self, settings: Sam2Settings, *, detector: Detector | None = None) -> None:
        super().__init__(settings, detector=detector)
        self._tracker: SamTracker | None = None

    def _step(self) -> int:
        return 1

    def _follow(
        self, video: Video, detector: Detector, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        settings, info = self.settings, video.info
        if self._tracker is None:
            from zerotube.proposals.sam_video import SamTracker

            self._tracker = SamTracker.load(
                settings.tracker, kind=self.kind, device=settings.device, dtype=settings.dtype
            )
        tracker = self._tracker
        rules = FollowRules(
            every=settings.every,
            nms_iou=settings.nms_iou,
            match_iou=settings.match_iou,
            max_objects=settings.max_objects,
            lost_frames=max(1, round(settings.lost_s * float(info.fps))),
            window=settings.window,
            speck_share=settings.speck_share,
        )
        follower = MaskFollower(
            lambda: tracker.open(info.frame_count, info.height, info.width), detector, rules
        )
        return follower.run(video, report)


class Sam2Proposer(MaskProposer):
    """The detector's boxes prompt SAM 2 (arXiv 2408.00714)."""

    name = "gdino+sam2"
    kind = "sam2"

    def __init__(
        self, settings: Sam2Settings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings or Sam2Settings(), detector=detector)


class EdgeTamProposer(MaskProposer):
    """The detector's boxes prompt EdgeTAM (arXiv 2501.07256), SAM 2's light relative."""

    name = "gdino+edgetam"
    kind = "edgetam"

    def __init__(
        self, settings: EdgeTamSettings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings or EdgeTamSettings(), detector=detector)
