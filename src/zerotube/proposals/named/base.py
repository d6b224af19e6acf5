"""What the proposers share that find a noun and follow what they found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from zerotube.proposals.fragments.selection import drop_echoes
from zerotube.proposals.fragments.to_tracks import Grid, to_tracks
from zerotube.proposals.named.people import search_text
from zerotube.proposals.settings import DetectionSettings, NamedSettings, check_settings
from zerotube.proposals.types import TrackSet

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress
    from zerotube.proposals.fragments.types import Fragment
    from zerotube.proposals.named.detectors.base import TextDetector
    from zerotube.video.base import Video


class NamedProposer(ABC):
    """Implements `zerotube.proposals.base.Proposer`; the models load at the first use and stay.

    Args:
        settings: of the proposer; default: those of ``settings_type``.
    """

    name: str
    uses_noun = True
    settings_type: ClassVar[type[NamedSettings]]
    settings: NamedSettings

    def __init__(self, settings: NamedSettings | None = None) -> None:
        self.settings = settings or self.settings_type()
        check_settings(self.settings, self.name)

    @property
    def revision(self) -> str | None:
        """That of its models."""
        from zerotube.proposals.pretrained import joint_revision

        return joint_revision(*self._models())

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer.propose`.

        Raises:
            VideoError: if the video cannot be decoded.
            ModelError: if a checkpoint cannot be loaded.
            QueryError: see `zerotube.proposals.pretrained.Pretrained.plain`.
            UsageError: if the device or the dtype is unknown.
        """
        settings, grid = self.settings, Grid(video.info, self._step(video))
        text = search_text(noun, settings.person)
        found, heard = self._follow(video, text, progress or (lambda done, total: None))
        tracks = grid.ranked(grid.without_brief(found, settings.min_duration_s))
        tracks = drop_echoes(tracks, iou=settings.same_object_iou, merge=True)
        tracks = grid.ranked(grid.filled(tracks, settings.fill_s))
        return to_tracks(
            tracks,
            grid,
            most=settings.max_objects,
            limit="max_objects",
            source=self.name,
            settings=settings,
            label=noun,
            warnings=heard,
        )

    @abstractmethod
    def _models(self) -> tuple[str, ...]:
        """Ids or folders of the models it loads."""

    def _step(self, video: Video) -> int:
        """Frames of the video between those at which fragments have boxes."""
        return 1

    @abstractmethod
    def _follow(
        self, video: Video, text: str, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        """Fragments of tracks of what the text names, and what a user should know."""


class DetectingProposer(NamedProposer):
    """A proposer with a text detector.

    Args:
        settings: as above.
        detector: used instead of the model that the settings name; it is not told the noun.
    """

    settings: DetectionSettings

    def __init__(
        self, settings: DetectionSettings | None = None, *, detector: Detector | None = None
    ) -> None:
        super().__init__(settings)
        self._given = detector
        self._loaded: TextDetector | None = None

    @property
    def revision(self) -> str | None:
        """That of its models; None with a detector of the caller's own."""
        return None if self._given is not None else super().revision

    def _models(self) -> tuple[str, ...]:
        return (self.settings.detector,)

    def _detector(self, text: str) -> Detector:
        settings = self.settings
        if self._given is not None:
            return self._given
        if self._loaded is None:
            from zerotube.proposals.named.detectors import load_detector

            self._loaded = load_detector(
                settings.detector,
                box_threshold=settings.box_threshold,
                text_threshold=settings.text_threshold,
                device=settings.device,
                dtype=settings.dtype,
            )
        return self._loaded.aimed_at(text)
