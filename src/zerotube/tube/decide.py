"""The decision: which candidate, which frames (method section 5). Plain NumPy, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, NothingToGroundError, NumericalError, UsageError
from zerotube.geometry.spans import Span
from zerotube.method.types import Evidence
from zerotube.proposals.types import TrackSet
from zerotube.tube.densify import cut_to_span, densify
from zerotube.tube.types import Tube


def choose_track(evidence: Evidence) -> int:
    """Position of the candidate with the highest track score (Eq. 2); the first one on a tie.

    Args:
        evidence: scores of P candidates.

    Returns:
        Position in ``evidence.track_ids``, 0-based (not the id).

    Raises:
        NothingToGroundError: if there is no candidate, or if no candidate scores above 0: none is
            visible in any sampled frame, and the first would win for no reason.
    """
    if len(evidence.track_ids) == 0:
        raise NothingToGroundError(
            "no candidate track",
            wanted="at least one object to choose from",
            fix="pass other proposals (--proposer or --tracks)",
        )
    best = int(np.argmax(evidence.track_scores))
    if evidence.track_scores[best] <= 0.0:
        raise NothingToGroundError(
            f"no attention inside any of {len(evidence.track_ids)} candidate tracks in the "
            f"{len(evidence.frame_indices)} sampled frames",
            wanted="a track that is visible in at least one of them",
            fix="sample more frames (--frames) or pass tracks that last longer (--tracks)",
        )
    return best


def grow_span(frame_scores: NDArray[np.float64], top_k: int) -> tuple[int, int]:
    """Grow a run of K sampled frames around the best one (method section 5).

    Starts at the best frame and takes in, one at a time, the neighbour on the left or on the right
    that scores higher, until K frames are in or all are. On a tie the earlier frame wins: the first
    of several best frames is the start, and of two equal neighbours the left one is taken. Frames
    that score 0 are taken in as well where the run has to pass them: K is a count, not a threshold.

    Args:
        frame_scores: float64 ``(N,)``, S_frame of the chosen candidate, in order of time.
        top_k: K, at least 1; more than N means all.

    Returns:
        First and last position of the run, 0-based, both included;
        ``last - first + 1 == min(top_k, N)``.

    Raises:
        InputError: if there is no frame.
        UsageError: if ``top_k`` is below 1.
        NumericalError: if a score is not finite, or none is above 0: the span would be arbitrary.
    """
    count = len(frame_scores)
    if count == 0:
        raise InputError("no sampled frame", wanted="at least one", fix="check the video")
    if top_k < 1:
        raise UsageError(f"top_k={top_k}", wanted="at least 1", fix="pass --top-k 7")
    if not np.isfinite(frame_scores).all() or frame_scores.max() <= 0.0:
        raise NumericalError(
            "frame scores that are all 0 or not finite",
            wanted="attention inside the chosen track in at least one sampled frame",
            fix="load the model with --dtype float32 or lower the learning rate (--lr)",
        )
    first = last = int(np.argmax(frame_scores))
    while last - first + 1 < min(top_k, count):
        left = frame_scores[first - 1] if first > 0 else -np.inf
        right = frame_scores[last + 1] if last < count - 1 else -np.inf
        if left >= right:
            first -= 1
        else:
            last += 1
    return first, last


def decide(evidence: Evidence, tracks: TrackSet, top_k: int) -> Tube:
    """The tube: the candidate of the highest track score, over the K frames grown inside it.

    The span runs from the first to the last selected sampled frame, in original frame numbers. The
    boxes are those of the densified track; a frame of the span that the track does not reach has
    none.

    Args:
        evidence: scores of the candidates of ``tracks``.
        tracks: the candidates.
        top_k: K, sampled frames in the span.

    Raises:
        NothingToGroundError: if no candidate scores above 0.
        NumericalError: if the chosen candidate's frame scores are all 0.
        TracksError: if the evidence names a track that the set does not hold, or the chosen track
            has no box inside the span: the two do not belong together.
        UsageError: if ``top_k`` is below 1.
    """
    chosen = choose_track(evidence)
    first, last = grow_span(evidence.frame_scores[chosen], top_k)
    track = tracks.by_id(evidence.track_ids[chosen])
    span = Span(int(evidence.frame_indices[first]), int(evidence.frame_indices[last]))
    track_frames, track_boxes = densify(track)
    frames, boxes = cut_to_span(track_frames, track_boxes, span)
    return Tube(
        track_id=track.track_id,
        label=track.label,
        span=span,
        frame_indices=frames,
        boxes_xyxy=boxes,
        track_frame_indices=track_frames,
        track_boxes_xyxy=track_boxes,
    )
