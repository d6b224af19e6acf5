"""What the proposers share that detect a noun and follow what they found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from zerotube.proposals.detection_settings import DetectionSettings, check_settings
from zerotube.proposals.finish import FinishRules, finish
from zerotube.proposals.people import search_text
from zerotube.proposals.types import TrackSet

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress
    from zerotube.proposals.detectors.base import TextDetector
    from zerotube.proposals.tracking import Fragment
    from zerotube.video.base import Video


class TextProposer(ABC):
    """Implements `zerotube.proposals.base.Proposer`; the models load at the first use and stay.

    Args:
        settings: of the proposer.
        detector: used instead of the model that the settings name; it is not told the noun.
    """

    name: str
    uses_noun = True

    def __init__(self, settings: DetectionSettings, *, detector: Detector | None = None) -> None:
        check_settings(settings, self.name)
        self.settings = settings
        self._given = detector
        self._loaded: TextDetector | None = None

    @property
    def revision(self) -> str | None:
        """That of its models; None with a detector of the caller's own."""
        if self._given is not None:
            return None
        from zerotube.proposals.checkpoint import joint_revision

        return joint_revision(*self._models())

    def _models(self) -> tuple[str, ...]:
        """Ids or folders of the models it loads."""
        return (self.settings.detector,)

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer.propose`.

        Raises:
            VideoError: if the video cannot be decoded.
            ModelError: if a checkpoint cannot be loaded.
            UsageError: if the device or the dtype is unknown.
        """
        report = progress or (lambda done, total: None)
        settings, info = self.settings, video.info
        detector = self._detector(search_text(noun, settings.person))
        fragments, heard = self._follow(video, detector, report)
        rules = FinishRules(
            step=self._step(),
            min_duration_s=settings.min_duration_s,
            fill_s=settings.fill_s,
            same_object_iou=settings.same_object_iou,
            max_tracks=settings.max_objects,
        )
        tracks, warnings = finish(fragments, info, rules, label=noun)
        return TrackSet(
            tracks=tracks,
            frame_count=info.frame_count,
            width=info.width,
            height=info.height,
            source=self.name,
            settings=asdict(settings),
            warnings=(*heard, *warnings),
        )

    def _detector(self, text: str) -> Detector:
        settings = self.settings
        if self._given is not None:
            return self._given
        if self._loaded is None:
            from zerotube.proposals.detectors import load_detector

            self._loaded = load_detector(
                settings.detector,
                box_threshold=settings.box_threshold,
                text_threshold=settings.text_threshold,
                device=settings.device,
                dtype=settings.dtype,
            )
        return self._loaded.aimed_at(text)

    @abstractmethod
    def _step(self) -> int:
        """Source frames between those at which fragments have boxes."""

    @abstractmethod
    def _follow(
        self, video: Video, detector: Detector, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        """Fragments of tracks, and what a user should know."""
