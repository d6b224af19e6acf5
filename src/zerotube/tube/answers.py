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

FITS = 0.35
"""Of a sentence about several objects, candidates that score this share of the best one fit too."""


def answers_of(
    evidence: Evidence, tracks: TrackSet, settings: MethodSettings
) -> tuple[Answer, ...]:
    """The best tubes, at most ``settings.answers``.

    The first is what ``decide`` gives: the best track at its best time. The others - other tracks,
    and further spans of any - follow by score. Spans of one track do not meet; those of two tracks
    may, since two objects can do the same at once.

    A sentence about several objects has an answer for each that fits, at its best time: of
    ``settings.answers`` more than one limits them.

    Args:
        evidence: scores of the candidates of ``tracks``.
        tracks: the candidates.
        settings: how the frames are selected, and how many answers are wanted.

    Raises:
        NothingToGroundError, TracksError: as ``decide``.
    """
    best = choose_track(evidence)
    shares = evidence.track_scores / evidence.track_scores[best]
    least = FITS if evidence.several else np.nextafter(0.0, 1.0)
    most, times = settings.answers, settings.answers
    if evidence.several:
        most, times = (most if most > 1 else len(shares)), 1
    found: list[Answer] = []
    # One answer is the best track's; looking at the others would be for nothing.
    ranked = np.argsort(-shares, kind="stable") if most > 1 else ()
    for row in (best, *(int(one) for one in ranked if one != best and shares[one] >= least)):
        track = tracks.by_id(evidence.track_ids[row])
        try:
            spans = spans_of_track(evidence, row, track, settings, times)
        except NumericalError:
            if row == best:
                raise
            continue  # a candidate without any attention is no answer
        found += [
            Answer(tube_of(track, span), float(shares[row]) * _likely(evidence, span))
            for span in spans
        ]
    others = sorted(found[1:], key=lambda answer: -answer.score)
    return (found[0], *others)[:most]


def _likely(evidence: Evidence, span: Span) -> float:
    """How likely the span shows what the sentence says; 1 where nothing was scanned."""
    if evidence.scan is None:
        return 1.0
    inside = evidence.scan.windows_in(span.start_frame, span.end_frame)
    return float(evidence.scan.presence_at(evidence.scan.moments[inside]).mean())
