"""From fragments to the candidates that are returned: long enough, ranked, filled, capped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zerotube.proposals.fragments import cleanup, selection
from zerotube.proposals.fragments.types import Fragment
from zerotube.proposals.types import Track, TrackSet

if TYPE_CHECKING:
    from zerotube.video.types import VideoInfo


@dataclass(frozen=True)
class Grid:
    """The processed frames of a video, on which fragments have boxes.

    Attributes:
        info: of the video.
        step: source frames between processed ones.
    """

    info: VideoInfo
    step: int

    @property
    def count(self) -> int:
        """How many frames are processed."""
        return -(-self.info.frame_count // self.step)

    def frames(self, seconds: float) -> int:
        """A duration in source frames, at least one step."""
        return max(self.step, round(seconds * float(self.info.fps)))

    def without_brief(self, fragments: Sequence[Fragment], seconds: float) -> list[Fragment]:
        """Those seen for so long, or for a third of the video where that is less."""
        brief = min(self.frames(seconds) // self.step, self.count // 3)
        return selection.drop_brief(list(fragments), min_frames=max(1, brief))

    def ranked(self, fragments: Sequence[Fragment], *, plain: bool = True) -> list[Fragment]:
        """Best first; ``plain`` as in `selection.rank`."""
        picture = float(self.info.width * self.info.height)

        def rank(track: Fragment) -> float:
            return selection.rank(track, self.count, picture, plain=plain)

        return sorted(fragments, key=rank, reverse=True)

    def filled(self, fragments: Sequence[Fragment], seconds: float) -> list[Fragment]:
        """With absences up to so long interpolated."""
        gap = self.frames(seconds)
        return [cleanup.fill_gaps(track, max_gap=gap, step=self.step) for track in fragments]


def to_tracks(
    ranked: Sequence[Fragment],
    grid: Grid,
    *,
    most: int,
    limit: str,
    source: str,
    settings: Any,
    label: str = "object",
    passed_over: int = 0,
    warnings: Sequence[str] = (),
) -> TrackSet:
    """The candidates of a video, numbered from 1.

    Args:
        ranked: best first.
        grid: the frames they have boxes on.
        most: how many are kept.
        limit: name of the setting that says so.
        source: name of the proposer.
        settings: of the proposer, a dataclass.
        label: of every track.
        passed_over: candidates that were dropped before, for the same limit.
        warnings: what a user should know besides.
    """
    over = passed_over + max(0, len(ranked) - most)
    if over:
        warnings = (
            *warnings,
            f"{over} of {len(ranked) + passed_over} candidates, the briefest and smallest,"
            f" were dropped ({limit} {most})",
        )
    return TrackSet(
        tracks=tuple(
            _track(fragment, number, grid, label)
            for number, fragment in enumerate(ranked[:most], start=1)
        ),
        frame_count=grid.info.frame_count,
        width=grid.info.width,
        height=grid.info.height,
        source=source,
        settings=asdict(settings),
        warnings=tuple(warnings),
    )


def _track(fragment: Fragment, track_id: int, grid: Grid, label: str) -> Track:
    """The track on every source frame; the frames after the last processed one hold its box."""
    from supervision import clip_boxes

    info, step = grid.info, grid.step
    last = (grid.count - 1) * step
    runs = [fragment.frames]
    if step > 1:
        near = np.flatnonzero(np.diff(fragment.frames) == step)
        runs += [fragment.frames[near] + offset for offset in range(1, step)]
        if fragment.frames[-1] == last:
            runs.append(np.arange(last + 1, info.frame_count, dtype=np.int64))
    full = cleanup.at_frames(fragment, np.sort(np.concatenate(runs)))
    masks = tuple(fragment.masks_rle.get(frame) for frame in full.frames.tolist())
    return Track(
        track_id=track_id,
        frame_indices=full.frames,
        boxes_xyxy=clip_boxes(full.boxes_xyxy, (info.width, info.height)).astype(np.float32),
        observed=full.observed,
        scores=full.scores,
        masks_rle=masks if fragment.masks_rle else None,
        label=label,
    )
