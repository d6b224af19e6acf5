"""A sample as every analysis needs it: ready to be read, beside its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.analyses.region import SPAN, TRACK, Region, region_of
from zerotube.eval.metrics import overlap
from zerotube.eval.types import Prediction, Sample, Truth

if TYPE_CHECKING:
    from zerotube.grounder import Prepared
    from zerotube.method.config import Support
    from zerotube.proposals.types import Track
    from zerotube.video import Video

RIGHT = 0.5
"""A chosen track is the right one if its gt_vIoU lies strictly above this (Acc@0.5)."""


@dataclass(frozen=True, eq=False)
class Case:
    """One sample, ready to be read.

    Attributes:
        sample: what it is.
        ready: the encoded clip and the candidates; their frames count from ``first_frame``.
        target: the described object's true track, counted from ``first_frame``; None if the
            benchmark has no true tracks.
    """

    sample: Sample
    ready: Prepared
    target: Track | None

    @property
    def first_frame(self) -> int:
        """Number, in the original video, of the first frame that is looked at."""
        return self.ready.clip.info.first_frame

    def regions(self) -> dict[str, Region]:
        """Where the true box lies on the maps: ``SPAN``, and ``TRACK`` where it is known."""
        info, frames = self.ready.clip.info, self.ready.clip.frame_indices
        layout, size = self.ready.session.context.layout, (info.height, info.width)
        truth = self.sample.truth
        at = frames + self.first_frame - truth.span.start_frame
        known = (at >= 0) & (at < truth.span.frame_count)
        boxes = truth.known_boxes[np.clip(at, 0, truth.span.frame_count - 1)]
        # A box of no area is how annotations say "hidden here".
        known &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        found = {SPAN: region_of(boxes, known, layout, size)}
        if self.target is not None:
            boxes_of_target, visible = self.target.boxes_at(frames)
            found[TRACK] = region_of(boxes_of_target.astype(np.float64), visible, layout, size)
        return found

    def gt_v_iou(self, track: Track) -> float:
        """Overlap of a whole candidate with the true boxes, averaged over the true frames."""
        return _gt_v_iou(self.sample.truth, track, self.first_frame)

    def chosen(self, one_map: NDArray[np.float32], support: Support) -> int | None:
        """Place of the candidate that a map ``(T, h, w)`` chooses (Eq. 2); None if it has none."""
        from zerotube.method.scoring import frame_scores

        tracks, frames = self.ready.tracks, self.ready.clip.frame_indices
        if not len(tracks):
            return None
        layout = self.ready.session.context.layout
        by_track = frame_scores(one_map, tracks, frames, layout, support).max(axis=1)
        best = int(by_track.argmax())
        return best if by_track[best] > 0 else None


def target_of(sample: Sample, video: Video) -> Track | None:
    """The true track of the described object: that of the benchmark which is the true tube.

    Args:
        sample: of a benchmark, which may have no true tracks.
        video: its frames, or the part that is looked at; the track is cut to it.

    Raises:
        InputError: none of the true tracks is the true tube.
    """
    if sample.true_tracks is None:
        return None
    from zerotube.proposals.files import read_tracks
    from zerotube.proposals.segment import within
    from zerotube.video import SegmentVideo

    whole = video.whole if isinstance(video, SegmentVideo) else video
    tracks = read_tracks(sample.true_tracks, whole.info)
    best = max(tracks, key=lambda track: _gt_v_iou(sample.truth, track), default=None)
    if best is None or _gt_v_iou(sample.truth, best) <= RIGHT:
        raise InputError(
            f"true tracks {sample.true_tracks}, none of which is the true tube of "
            f"{sample.sample_id!r}",
            wanted="the described object among them",
            fix="check that annotation and track file belong together",
        )
    if not isinstance(video, SegmentVideo):
        return best
    return next(iter(within(replace(tracks, tracks=(best,)), video.span)), None)


def _gt_v_iou(truth: Truth, track: Track, first_frame: int = 0) -> float:
    """``first_frame`` is the number, in the original video, that the track counts from."""
    from zerotube.tube.densify import densify

    frames, boxes = densify(track)
    whole = Prediction("track", truth.span, frames + first_frame, boxes.astype(np.float64))
    return overlap(truth, whole, "half-open").gt_v_iou
