"""The proposer without weights: what stands out from the background of a fixed camera.

Two passes over the video. The first looks at a few frames and learns the background and the
colours. The second finds regions in every processed frame - on a plain scene whatever is not
background, on a cluttered one what moves and what is salient by colour - and follows them with
ByteTrack. Objects that rest are found by colour, so resting does not end a track.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from zerotube.proposals.fragments import cleanup, selection
from zerotube.proposals.fragments.to_tracks import Grid, to_tracks
from zerotube.proposals.fragments.types import Fragment
from zerotube.proposals.motion.background import sample_frames, working_size
from zerotube.proposals.motion.detector import RegionDetector
from zerotube.proposals.settings import bad_setting, check_settings
from zerotube.proposals.tracking.boxes import KindTracker
from zerotube.proposals.types import TrackSet

if TYPE_CHECKING:
    from zerotube.proposals.base import Progress
    from zerotube.video.base import Video


RECIPE_VERSION = 1
"""Raised whenever the same video and settings would give other tracks."""

_SHORTLIST = 5
"""Tracks that are compared with each other, per track that may be proposed."""


@dataclass(frozen=True)
class MotionSettings:
    """Settings of the `motion` proposer."""

    max_tracks: int = 20
    """Most candidates returned; beyond it the briefest and smallest are dropped, with a warning."""

    max_still: int = 6
    """Most candidates that never move on a cluttered scene, where many patches of colour look like
    things. Plain scenes have no such limit."""

    max_fps: float = 10.0
    """Frames per second that are looked at; boxes in between are interpolated."""

    working_side: int = 320
    """Longer side, in pixels, of the pictures looked at; smaller videos keep their size."""

    background_frames: int = 40
    """Frames, spread over the video, from which background and colours are learnt."""

    min_area_share: float = 0.0005
    """Smallest object, as a fraction of the picture's area (twice that on cluttered scenes)."""

    max_area_share: float = 0.4
    """Largest object on a cluttered scene, as a fraction of the picture's area."""

    min_duration_s: float = 0.4
    """An object has to be seen for this long (or a third of the video, where that is less)."""

    lost_s: float = 1.0
    """How long the tracker waits for an object that it lost."""

    stitch_s: float = 3.0
    """Longest absence after which a like object near the same place is the same object (a third
    of it on cluttered scenes)."""

    fill_s: float = 0.5
    """Absences up to this long are interpolated. Behind another object: up to ``stitch_s``."""

    same_object_iou: float = 0.7
    """Two tracks whose boxes overlap by this on average are one object."""

    def __post_init__(self) -> None:
        check_settings(self, "motion")
        if self.max_fps == 0 or self.working_side < 8:
            name = "max_fps" if self.max_fps == 0 else "working_side"
            raise bad_setting(self, name, "motion", "max_fps > 0 and working_side >= 8")


class MotionProposer:
    """Implements `zerotube.proposals.base.Proposer`; needs no weights and no network.

    Made for a fixed camera. It knows no words: the noun is ignored and every label is "object".
    """

    name = "motion"
    uses_noun = False
    settings_type = MotionSettings

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self.settings = settings or MotionSettings()

    @property
    def revision(self) -> str:
        """Version of the recipe here, and of the tracker that it rests on."""
        return f"{RECIPE_VERSION}, trackers {version('trackers')}"

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer.propose`. Deterministic."""
        del noun
        settings, info = self.settings, video.info
        report = progress or (lambda done, total: None)
        stride = max(1, round(float(info.fps) / settings.max_fps))
        grid = Grid(info, stride)
        size_wh = working_size(info.width, info.height, settings.working_side)
        samples = sample_frames(video, settings.background_frames, size_wh)
        total = len(samples) + grid.count
        report(len(samples), total)
        detector = RegionDetector.learn(
            samples,
            min_area_share=settings.min_area_share,
            max_area_share=settings.max_area_share,
        )
        fps = float(info.fps) / stride
        tracker = KindTracker(fps=fps, lost_s=settings.lost_s)
        for done, frame in enumerate(video.stream(stride=stride), start=len(samples) + 1):
            tracker.update(frame.index, detector.detect(frame.image))
            report(done, total)
        plain = detector.background.plain
        tracks, passed_over = self._repaired(tracker.fragments(), grid, plain=plain)
        tracks = selection.drop_echoes(tracks, iou=settings.same_object_iou)
        warnings = []
        if not plain:
            tracks, dropped = selection.limit_still(tracks, settings.max_still)
            if dropped:
                warnings.append(
                    f"{dropped} patches of colour that never move were left out"
                    f" (max_still {settings.max_still})"
                )
        report(total, total)
        return to_tracks(
            tracks,
            grid,
            most=settings.max_tracks,
            limit="max_tracks",
            source=self.name,
            settings=settings,
            passed_over=passed_over,
            warnings=warnings,
        )

    def _repaired(
        self, fragments: list[Fragment], grid: Grid, *, plain: bool
    ) -> tuple[list[Fragment], int]:
        """Whole tracks, best first, and how many were passed over for their number."""
        settings = self.settings
        # In clutter, a like patch seen a while later is more often another one.
        wait = grid.frames(settings.stitch_s if plain else settings.stitch_s / 3)
        tracks = cleanup.stitch(fragments, max_gap=wait, step=grid.step)
        tracks = grid.without_brief(tracks, settings.min_duration_s)
        if plain:
            tracks = selection.keep_wholes(tracks)
        # What follows compares tracks pair by pair; an hour of clutter has thousands of them.
        shortlist = _SHORTLIST * settings.max_tracks
        passed_over = max(0, len(tracks) - shortlist)
        tracks = grid.ranked(tracks, plain=plain)[:shortlist]
        tracks = cleanup.fix_contacts(tracks, window=wait, step=grid.step)
        tracks = grid.filled(tracks, settings.fill_s)
        return grid.ranked(tracks, plain=plain), passed_over
