"""A sample as every analysis needs it: encoded, with its candidates, beside the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, NothingToGroundError
from zerotube.eval.analyses.region import SPAN, TRACK, Region, region_of
from zerotube.eval.ground_task import CandidateChoice, ModelChoice, opened
from zerotube.eval.metrics import overlap
from zerotube.eval.track_files import TrackFiles
from zerotube.eval.types import Prediction, Sample, Truth
from zerotube.method.config import MethodSettings

if TYPE_CHECKING:
    from zerotube.grounder import Grounder
    from zerotube.method.session import ClipSession
    from zerotube.proposals.types import Track, TrackSet
    from zerotube.query import Query
    from zerotube.video import Video

RIGHT = 0.5
"""A chosen track is the right one if its gt_vIoU lies strictly above this (Acc@0.5)."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One sample, ready to be read.

    Attributes:
        sample: what it is.
        session: the encoded clip under the method's settings.
        query: the sentence and its sub-queries.
        frame_indices: int64 ``(N,)``, sampled frames, counted from ``first_frame``.
        first_frame: number, in the original video, of the first frame that is looked at.
        size: (height, width) of the video in pixels.
        target: the described object's true track, counted from ``first_frame``; None if the
            benchmark has no true tracks.
        candidates: the tracks to choose from, empty where none was found; None if none were asked
            for.
    """

    sample: Sample
    session: ClipSession
    query: Query
    frame_indices: NDArray[np.int64]
    first_frame: int
    size: tuple[int, int]
    target: Track | None
    candidates: TrackSet | None = None

    def regions(self) -> dict[str, Region]:
        """Where the true box lies on the maps: ``SPAN``, and ``TRACK`` where it is known."""
        layout = self.session.context.layout
        truth = self.sample.truth
        at = self.frame_indices + self.first_frame - truth.span.start_frame
        known = (at >= 0) & (at < truth.span.frame_count)
        boxes = truth.known_boxes[np.clip(at, 0, truth.span.frame_count - 1)]
        # A box of no area is how annotations say "hidden here".
        known &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        found = {SPAN: region_of(boxes, known, layout, self.size)}
        if self.target is not None:
            boxes_of_target, visible = self.target.boxes_at(self.frame_indices)
            found[TRACK] = region_of(boxes_of_target.astype(np.float64), visible, layout, self.size)
        return found

    def worth(self, track: Track) -> float:
        """gt_vIoU of a candidate."""
        return gt_v_iou(self.sample.truth, track, self.first_frame)


@contextmanager
def reading(
    grounder: Grounder,
    sample: Sample,
    settings: MethodSettings,
    choice: CandidateChoice | None = None,
    files: TrackFiles | None = None,
    *,
    loaded_by: ModelChoice | None = None,
) -> Iterator[Reading]:
    """Open, sample and encode a sample.

    Args:
        grounder: the model, and what splits its sentences.
        sample: of the benchmark.
        settings: of the method; as many frames are sampled as the model takes.
        choice: where candidates come from; None looks for none.
        files: what ``CandidateChoice.track_files`` found.
        loaded_by: what ``grounder`` was loaded by; it may have stored decompositions.

    Raises:
        SampleSkipped, InputError, VideoError: see ``opened``.
        InputError: the benchmark's true tracks hold no track of the true tube.
    """
    from zerotube.method.session import ClipSession, encode_options
    from zerotube.video import uniform_indices

    model = grounder.model
    chosen = settings.within(model.family.frame_limit)
    with opened(sample) as video:
        info = video.info
        query = (loaded_by or ModelChoice()).query(grounder, sample)
        clip = video.frames(uniform_indices(info.frame_count, chosen.frames))
        target = _target(sample, video)
        candidates = None
        if choice is not None:
            candidates = _candidates(grounder, sample, video, query, choice, files)
        yield Reading(
            sample=sample,
            session=ClipSession(model, model.encode(clip, encode_options(model, chosen)), chosen),
            query=query,
            frame_indices=clip.frame_indices,
            first_frame=info.first_frame,
            size=(info.height, info.width),
            target=target,
            candidates=candidates,
        )


def gt_v_iou(truth: Truth, track: Track, first_frame: int = 0) -> float:
    """Overlap of a whole track with the true boxes, averaged over the true frames.

    Args:
        truth: the described tube.
        track: a candidate; gaps between its frames are filled.
        first_frame: number, in the original video, of the frame that the track counts from.
    """
    from zerotube.tube.densify import densify

    frames, boxes = densify(track)
    whole = Prediction("track", truth.span, frames + first_frame, boxes.astype(np.float64))
    return overlap(truth, whole, "half-open").gt_v_iou


def _candidates(
    grounder: Grounder,
    sample: Sample,
    video: Video,
    query: Query,
    choice: CandidateChoice,
    files: TrackFiles | None,
) -> TrackSet:
    from zerotube.proposals.types import TrackSet

    try:
        return choice.of(sample, files).find(
            video,
            [query.noun],
            model=grounder.model.name,
            device=str(grounder.model.device),
            tell=lambda stage, done, total: None,
        )[0]
    except NothingToGroundError:
        # A wrong answer, not an accident: it counts as one.
        info = video.info
        return TrackSet((), info.frame_count, info.width, info.height, "none found")


def _target(sample: Sample, video: Video) -> Track | None:
    """The true track of the described object: that of the benchmark which is the true tube."""
    if sample.true_tracks is None:
        return None
    from zerotube.proposals.files import read_tracks
    from zerotube.proposals.segment import within
    from zerotube.video import SegmentVideo

    whole = video.whole if isinstance(video, SegmentVideo) else video
    tracks = read_tracks(sample.true_tracks, whole.info)
    best = max(tracks, key=lambda track: gt_v_iou(sample.truth, track), default=None)
    if best is None or gt_v_iou(sample.truth, best) <= RIGHT:
        raise InputError(
            f"true tracks {sample.true_tracks}, none of which is the true tube of "
            f"{sample.sample_id!r}",
            wanted="the described object among them",
            fix="check that annotation and track file belong together",
        )
    if not isinstance(video, SegmentVideo):
        return best
    return next(iter(within(replace(tracks, tracks=(best,)), video.span)), None)
