"""Detect a noun in every n-th frame and follow it by masks: SAM 2 or EdgeTAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zerotube.proposals.named.base import DetectingProposer
from zerotube.proposals.settings import EdgeTamSettings, Sam2Settings
from zerotube.proposals.tracking.masks import MaskFollower

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress
    from zerotube.proposals.fragments.types import Fragment
    from zerotube.proposals.tracking.sam2 import SamTracker
    from zerotube.video.base import Video


class Sam2Proposer(DetectingProposer):
    """The detector's boxes prompt SAM 2 (arXiv 2408.00714).

    Boxes and masks on every frame, followed both ways from where each was first detected.
    """

    name = "gdino+sam2"
    settings_type = Sam2Settings
    settings: Sam2Settings
    kind = "sam2"

    def __init__(
        self, settings: Sam2Settings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings, detector=detector)
        self._tracker: SamTracker | None = None

    def _models(self) -> tuple[str, ...]:
        return (self.settings.detector, self.settings.tracker)

    def _follow(
        self, video: Video, text: str, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        settings, info, detector = self.settings, video.info, self._detector(text)
        if self._tracker is None:
            from zerotube.proposals.tracking.sam2 import SamTracker

            self._tracker = SamTracker.load(
                settings.tracker, kind=self.kind, device=settings.device, dtype=settings.dtype
            )
        tracker = self._tracker
        follower = MaskFollower(
            lambda: tracker.open(info.frame_count, info.height, info.width), detector, settings
        )
        return follower.run(video, report)


class EdgeTamProposer(Sam2Proposer):
    """The detector's boxes prompt EdgeTAM (arXiv 2501.07256), SAM 2's light relative."""

    name = "gdino+edgetam"
    settings_type = EdgeTamSettings
    kind = "edgetam"
