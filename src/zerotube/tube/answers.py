"""Several answers to one sentence: other objects that fit, and further times of the same one."""

from __future__ import annotations

import numpy as np

from zerotube.errors import NumericalError
from zerotube.geometry.spans import Span
from zerotube.method.config import MethodSettings
from zerotube.method.types import Evidence
from zerotube.proposals.types import TrackSet
from zerotube.tube.decide import choose_track, spans_of_track, tube_of
from zerotube.tube.types import Answer


def answers_of(
    evidence: Evidence, tracks: TrackSet, settings: MethodSettings
) -> tuple[Answer, ...]:
    """The best tubes, at most ``settings.answers``.

    The first is what ``decide`` gives: the best track at its best time. The others - other tracks,
    and further spans of any - follow by score. Spans of one track do not meet; those of two tracks
    may, since two objects can do the same at once.

    Args:
        evidence: scores of the candidates of ``tracks``.
        tracks: the candidates.
        settings: how the frames are selected, and how many answers are wanted.

    Raises:
        NothingToGroundError, TracksError: as ``decide``.
    """
    best = choose_track(evidence)
    shares = evidence.track_scores / evidence.track_scores[best]
    found: list[Answer] = []
    for row in [best, *(int(one) for one in np.argsort(-shares, kind="stable") if one != best)]:
        if shares[row] <= 0.0:
            continue
        track = tracks.by_id(evidence.track_ids[row])
        try:
            spans = spans_of_track(evidence, row, track, settings, settings.answers)
        except NumericalError:
            if row == best:
                raise
            continue  # a candidate without any attention is no answer
        found += [
            Answer(tube_of(track, span), float(shares[row]) * _likely(evidence, span))
            for span in spans
        ]
    first, *rest = found
    rest.sort(key=lambda answer: -answer.score)
    return (first, *rest)[: settings.answers]


def _likely(evidence: Evidence, span: Span) -> float:
    """How likely the span shows what the sentence says; 1 where nothing was scanned."""
    if evidence.scan is None:
        return 1.0
    moments = evidence.scan.moments
    inside = (moments >= span.start_frame) & (moments <= span.end_frame)
    middle = (span.start_frame + span.end_frame) / 2
    inside[np.abs(moments - middle).argmin()] = True  # a short span lies between two windows
    return float(evidence.scan.presence_at(moments[inside]).mean())
