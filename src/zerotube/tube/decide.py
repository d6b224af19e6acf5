"""The decision: which candidate, which frames (method section 5). Plain NumPy, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, NothingToGroundError, NumericalError, UsageError
from zerotube.geometry.spans import Span
from zerotube.method.config import MethodSettings
from zerotube.method.types import Evidence
from zerotube.method.when import spans_of
from zerotube.proposals.types import Track, TrackSet
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


def grow_span(
    frame_scores: NDArray[np.float64], top_k: int, *, to_tie: bool = False
) -> tuple[int, int]:
    """Grow a run of K sampled frames around the best one (method section 5).

    Starts at the best frame and takes in, one at a time, the neighbour on the left or on the right
    that scores higher, until K frames are in or all are. On a tie the earlier frame wins: the first
    of several best frames is the start, and of two equal neighbours the left one is taken. Frames
    that score 0 are taken in as well where the run has to pass them: K is a count, not a threshold.

    Args:
        frame_scores: float64 ``(N,)``, S_frame of the chosen candidate, in order of time.
        top_k: K, at least 1; more than N means all.
        to_tie: end the run, with fewer than K frames, where both neighbours score alike, as the
            reference's released code does: mostly where the object is out of sight on both sides.

    Returns:
        First and last position of the run, 0-based, both included;
        ``last - first + 1 == min(top_k, N)`` unless a tie ended it.

    Raises:
        InputError: if there is no frame.
        UsageError: if ``top_k`` is below 1.
        NumericalError: if a score is not finite, or none is above 0: the span would be arbitrary.
    """
    if top_k < 1:
        raise UsageError(f"top_k={top_k}", wanted="at least 1", fix="pass --top-k 7")
    _check(frame_scores)
    count = len(frame_scores)
    first = last = int(np.argmax(frame_scores))
    while last - first + 1 < min(top_k, count):
        left = frame_scores[first - 1] if first > 0 else -np.inf
        right = frame_scores[last + 1] if last < count - 1 else -np.inf
        if to_tie and left == right:
            break
        if left >= right:
            first -= 1
        else:
            last += 1
    return first, last


def rank_sum_span(frame_scores: NDArray[np.float64]) -> tuple[int, int]:
    """The run of sampled frames whose scores rank highest against the rest.

    Of all runs, the one with the largest Wilcoxon rank-sum statistic against the frames outside it:
    the length follows from the scores, and nothing is set. For a run of n of N frames the statistic
    is, up to a factor that all runs share, ``n (N - n) (mean rank inside - mean rank outside)^2``.
    That is Otsu's between-class variance (IEEE Trans. SMC 9, 1979), taken of ranks in place of
    values and over runs in place of thresholds. Ranks, because relative attention is a ratio with
    heavy tails: of the values themselves one frame that is far above all others would win alone.
    For the same reason the best frame need not be inside.

    Equal scores share their mean rank, so frames that show one step of the map stay together. Of
    equal runs the longest is taken, then the earliest; scores that are all equal give all frames.
    A curve that falls off smoothly on both sides gives about half of the frames, however wide it
    is: its ranks do not tell.

    Args:
        frame_scores: float64 ``(N,)``, S_frame of the chosen candidate, in order of time.

    Returns:
        First and last position of the run, 0-based, both included. Any strictly increasing function
        of the scores gives the same.

    Raises:
        InputError: if there is no frame.
        NumericalError: if a score is not finite, or none is above 0.
    """
    _check(frame_scores)
    count = len(frame_scores)
    # frames below minus frames above = twice the mean rank minus (N + 1): whole numbers of sum 0
    ranks = np.sign(frame_scores[:, None] - frame_scores[None]).sum(axis=1)
    before = np.concatenate([[0.0], np.cumsum(ranks)])
    first, last = np.triu_indices(count)
    length = last - first + 1
    excess = np.maximum(before[last + 1] - before[first], 0.0)
    # the whole clip has no rest: excess 0
    worth = excess**2 / np.maximum(length * (count - length), 1)
    best = np.flatnonzero(worth == worth.max())
    longest = best[np.argmax(length[best])]
    return int(first[longest]), int(last[longest])


def choose_span(frame_scores: NDArray[np.float64], settings: MethodSettings) -> tuple[int, int]:
    """First and last selected frame by a rule that counts or ranks scores (all but "cut")."""
    if settings.span_rule == "rank-sum":
        return rank_sum_span(frame_scores)
    to_tie = settings.span_rule == "top-k-to-tie"
    return grow_span(frame_scores, settings.top_k, to_tie=to_tie)


def _check(frame_scores: NDArray[np.float64]) -> None:
    if len(frame_scores) == 0:
        raise InputError("no sampled frame", wanted="at least one", fix="check the video")
    if not np.isfinite(frame_scores).all() or frame_scores.max() <= 0.0:
        raise NumericalError(
            "frame scores that are all 0 or not finite",
            wanted="attention inside the chosen track in at least one sampled frame",
            fix="load the model with --dtype float32 or lower the learning rate (--lr)",
        )


def decide(evidence: Evidence, tracks: TrackSet, settings: MethodSettings) -> Tube:
    """The tube: the candidate of the highest track score, over the frames selected inside it.

    The span runs from the first to the last selected frame, in original frame numbers, as far as
    the densified track goes: where the track ends the span ends, since K frames are counted
    whether the object is there or not. So every frame of the span has a box. Where frames are
    selected by the rule "cut" and the sentence names no action, or a single frame was sampled, the
    span is the whole track.

    Args:
        evidence: scores of the candidates of ``tracks``.
        tracks: the candidates.
        settings: say how the frames are selected (span_rule, top_k, the weights).

    Raises:
        NothingToGroundError: if no candidate scores above 0.
        NumericalError: if the chosen candidate's frame scores are all 0.
        TracksError: if the evidence names a track that the set does not hold, or the chosen track
            has no box inside the span: the two do not belong together.
    """
    chosen = choose_track(evidence)
    track = tracks.by_id(evidence.track_ids[chosen])
    return tube_of(track, spans_of_track(evidence, chosen, track, settings, 1)[0])


def tube_of(track: Track, span: Span) -> Tube:
    """The part of a track inside a span, a box for every frame.

    Raises:
        TracksError: the track has no box inside the span.
    """
    track_frames, track_boxes = densify(track)
    frames, boxes = cut_to_span(track_frames, track_boxes, span)
    if len(frames):  # else the tube says that tracks and scores do not belong together
        span = Span(int(frames[0]), int(frames[-1]))
    return Tube(
        track_id=track.track_id,
        label=track.label,
        span=span,
        frame_indices=frames,
        boxes_xyxy=boxes,
        track_frame_indices=track_frames,
        track_boxes_xyxy=track_boxes,
    )


def spans_of_track(
    evidence: Evidence, row: int, track: Track, settings: MethodSettings, count: int
) -> list[Span]:
    """The spans of one candidate, at most ``count``, the best one first; none meet.

    Only the rule "cut" finds several.

    Args:
        evidence: scores of the candidates.
        row: which of them.
        track: the candidate.
        settings: say how the frames are selected.
        count: spans at most, >= 1.

    Raises:
        NumericalError: by another rule than "cut", if the candidate's frame scores are all 0.
    """
    if settings.span_rule != "cut":
        first, last = choose_span(evidence.frame_scores[row], settings)
        return [Span(int(evidence.frame_indices[first]), int(evidence.frame_indices[last]))]
    start, end = int(track.frame_indices[0]), int(track.frame_indices[-1])
    if not evidence.has_action or len(evidence.frame_indices) < 2:
        return [Span(start, end)]
    # A run that misses the track altogether would leave nothing of it.
    found = [
        Span(*run)
        for run in spans_of(evidence, row, settings, count)
        if run[0] <= end and run[1] >= start
    ]
    return found or [Span(start, end)]
