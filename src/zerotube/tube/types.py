"""The answer: which object, from when to when, one box per frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, TracksError
from zerotube.geometry.spans import Span
from zerotube.method.types import Evidence
from zerotube.method.verdict import Presence
from zerotube.proposals.types import TrackSet
from zerotube.query.types import Query
from zerotube.video.shown import FramesShown
from zerotube.video.timing import frame_ends_s
from zerotube.video.types import Clip, VideoInfo


@dataclass(frozen=True, eq=False)
class Tube:
    """One object over one span, a box for every original frame of it.

    Attributes:
        track_id: the chosen candidate.
        label: noun of the candidate.
        span: described time, original frames, both ends included, inside the track: boxes are
            interpolated over its gaps, never extrapolated beyond its ends.
        frame_indices: int64 ``(n,)``, the frames of the span, n >= 1.
        boxes_xyxy: float32 ``(n, 4)``, pixels of the original video.
        track_frame_indices: int64 ``(m,)``, every frame of the whole (densified) track.
        track_boxes_xyxy: float32 ``(m, 4)``, its boxes, also outside the span (gt_vIoU needs them).

    Raises:
        TracksError: if there is no box inside the span, the frames are not those of the span, or
            boxes and frames differ in number.
    """

    track_id: int
    label: str
    span: Span
    frame_indices: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float32]
    track_frame_indices: NDArray[np.int64]
    track_boxes_xyxy: NDArray[np.float32]

    def __post_init__(self) -> None:
        where = f"frames {self.span.start_frame} to {self.span.end_frame}"
        for frames, boxes in (
            (self.frame_indices, self.boxes_xyxy),
            (self.track_frame_indices, self.track_boxes_xyxy),
        ):
            if frames.ndim != 1 or boxes.shape != (len(frames), 4):
                raise self._error(
                    f"frames of shape {frames.shape} and boxes of shape {boxes.shape}",
                    "shapes (n,) and (n, 4)",
                )
        if len(self.frame_indices) == 0:
            raise self._error(f"no box in {where}", "a track that is visible in its own span")
        first, last = int(self.frame_indices[0]), int(self.frame_indices[-1])
        if (first, last) != (self.span.start_frame, self.span.end_frame):
            raise self._error(
                f"boxes from frame {first} to {last} for {where}", "boxes for the whole span"
            )

    def _error(self, got: str, wanted: str) -> TracksError:
        return TracksError(
            f"track {self.track_id} with {got}",
            wanted=wanted,
            fix="check that tracks and scores come from the same video",
        )


@dataclass(frozen=True, eq=False)
class Answer:
    """One of several tubes.

    Attributes:
        tube: which object, and when.
        score: share of the best track's score, times how likely the windows of the span show what
            the sentence says, in [0, 1].
    """

    tube: Tube
    score: float


@dataclass(frozen=True, eq=False)
class GroundingResult:
    """A tube and all that led to it.

    Attributes:
        video: the source.
        timestamps_s: float64 ``(video.frame_count,)``, presentation time of every original frame in
            seconds; exact where the frame rate varies.
        clip: the sampled frames the model saw.
        query: the sentence and its sub-queries.
        model: id or path of the MLLM.
        settings: resolved settings by stage ("method", "proposer", ...), plain JSON values.
        tracks: the candidates.
        evidence: maps and scores.
        tube: the decision.
        presence: whether there is such an object at all.
        answers: the decision and others, as many as were asked for and found; the decision first,
            the others by score. Spans of one track do not meet.
        frames_shown: what became of the sampled frames on their way into the model; None where
            that is not known.
        timings_s: seconds per stage.
        shared_stages: stages of ``timings_s`` that an earlier result of the same call has as well,
            with the same reading: they ran once for both, so that a sum over results leaves them
            out here.
        warnings: what the user should know before trusting the answer.

    Raises:
        InputError: if the parts do not belong to one video.
    """

    video: VideoInfo
    timestamps_s: NDArray[np.float64]
    clip: Clip
    query: Query
    model: str
    settings: Mapping[str, Any]
    tracks: TrackSet
    evidence: Evidence
    tube: Tube
    presence: Presence
    answers: tuple[Answer, ...] = ()
    frames_shown: FramesShown | None = None
    timings_s: Mapping[str, float] = field(default_factory=dict)
    shared_stages: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = self.video.frame_count
        if self.timestamps_s.shape != (count,):
            raise self._error(f"timestamps of shape {self.timestamps_s.shape}", f"shape ({count},)")
        if self.tracks.frame_count != count:
            raise self._error(f"tracks over {self.tracks.frame_count} frames", f"{count} frames")
        if self.tube.span.end_frame >= count:
            raise self._error(f"a span up to frame {self.tube.span.end_frame}", f"below {count}")
        if not np.array_equal(self.clip.frame_indices, self.evidence.frame_indices):
            raise self._error("scores of other frames than the clip holds", "the same frames")

    def _error(self, got: str, wanted: str) -> InputError:
        return InputError(
            f"{got} for {self.video.path}",
            wanted=wanted,
            fix="make video, tracks and scores from the same file",
        )

    @property
    def start_s(self) -> float:
        """When the span's first frame appears, in seconds."""
        return self.seconds_of(self.tube.span)[0]

    @property
    def end_s(self) -> float:
        """When the span's last frame ends, in seconds (see `Span`)."""
        return self.seconds_of(self.tube.span)[1]

    def seconds_of(self, span: Span) -> tuple[float, float]:
        """When a span begins and ends, in seconds (see `Span`)."""
        ends_s = frame_ends_s(self.timestamps_s, self.video.duration_s)
        return float(self.timestamps_s[span.start_frame]), float(ends_s[span.end_frame])

    def to_dict(self) -> dict[str, Any]:
        """The content of ``tube.json``: plain JSON values only."""
        from zerotube.tube.serialize import result_to_dict

        return result_to_dict(self)

    def rows(self) -> list[tuple[str, str]]:
        """The answer as name and value, for people."""
        from zerotube.tube.rows import result_rows

        return result_rows(self)

    def __str__(self) -> str:
        """The rows of the answer, one a line, values aligned."""
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def save(
        self, out_dir: str | Path, *, files: Collection[str] | None = None, overwrite: bool = False
    ) -> Path:
        """Write ``tube.json``, ``overlay.mp4``, ``attention.png`` and ``timeline.png``.

        Each file appears whole or not at all.

        Args:
            out_dir: made where it does not exist.
            files: which of the four; default all. Without ``overlay.mp4`` no video is encoded.
            overwrite: replace these files of an earlier result.

        Returns:
            The folder.

        Raises:
            UsageError: if ``files`` names none or another file, or the folder already holds one of
                them and ``overwrite`` is False.
            InputError: if the folder cannot be written.
            VideoError: if the source cannot be read any more.
        """
        from zerotube.tube.io import RESULT_FILES, save_result

        chosen = RESULT_FILES if files is None else files
        return save_result(self, Path(out_dir), files=chosen, overwrite=overwrite)
