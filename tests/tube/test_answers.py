"""Several answers: the decision first, then other tracks and further times, by score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tube.scene import make_evidence, make_track
from zerotube.errors import NothingToGroundError
from zerotube.geometry.spans import Span
from zerotube.method.config import preset
from zerotube.method.types import Evidence, Scan
from zerotube.proposals.types import TrackSet
from zerotube.tube.answers import answers_of
from zerotube.tube.decide import decide
from zerotube.tube.types import Answer, GroundingResult

FRAMES = list(range(0, 100, 10))
BOX = [4.0, 4.0, 20.0, 20.0]
TWICE = [-4.0, 4.0, 4.0, 4.0, -4.0, -4.0, -4.0, -4.0, 3.0, -4.0]


def tracks_of(count: int) -> TrackSet:
    tracks = tuple(make_track(n + 1, range(100), [BOX] * 100) for n in range(count))
    return TrackSet(tracks, frame_count=100, width=64, height=48, source="test")


def scanned(track_scores: list[float]) -> Evidence:
    evidence = make_evidence([[1.0] * 10] * len(track_scores), FRAMES, track_scores=track_scores)
    return replace(evidence, scan=Scan(np.array(FRAMES), np.array(FRAMES), np.array(TWICE)))


def test_one_answer_is_the_decision() -> None:
    evidence, tracks = scanned([0.2, 0.9]), tracks_of(2)
    (only,) = answers_of(evidence, tracks, preset())
    tube = decide(evidence, tracks, preset())
    assert (only.tube.track_id, only.tube.span) == (tube.track_id, tube.span) == (2, Span(5, 35))


def test_other_tracks_and_further_times_follow_by_score() -> None:
    answers = answers_of(scanned([0.3, 0.9]), tracks_of(2), preset(answers=9))
    assert [(one.tube.track_id, one.tube.span) for one in answers] == [
        (2, Span(5, 35)),
        (2, Span(75, 85)),
        (1, Span(5, 35)),
        (1, Span(75, 85)),
    ]
    scores = [one.score for one in answers]
    assert scores == sorted(scores, reverse=True)
    assert scores[2] == pytest.approx(scores[0] / 3)
    assert len(answers_of(scanned([0.3, 0.9]), tracks_of(2), preset(answers=3))) == 3


def test_a_track_that_scores_nothing_is_no_answer() -> None:
    answers = answers_of(scanned([0.0, 0.9]), tracks_of(2), preset(answers=9))
    assert {one.tube.track_id for one in answers} == {2}
    with pytest.raises(NothingToGroundError):
        answers_of(scanned([0.0, 0.0]), tracks_of(2), preset(answers=9))


def test_by_the_papers_rule_a_track_has_one_time() -> None:
    evidence = make_evidence([[1, 5, 9, 5, 1], [0, 0, 0, 0, 0], [1, 1, 2, 3, 1]], range(0, 50, 10))
    answers = answers_of(evidence, tracks_of(3), preset("gti", top_k=3, answers=9))
    assert [(one.tube.track_id, one.tube.span) for one in answers] == [
        (1, Span(10, 30)),
        (3, Span(10, 30)),
    ]


def test_of_several_every_object_that_fits_is_an_answer_at_its_best_time() -> None:
    evidence = replace(scanned([0.3, 0.9, 0.35, 0.0]), several=True)
    answers = answers_of(evidence, tracks_of(4), preset())
    assert [(one.tube.track_id, one.tube.span) for one in answers] == [
        (2, Span(5, 35)),
        (3, Span(5, 35)),
    ]
    assert len(answers_of(evidence, tracks_of(4), preset(answers=9))) == 2
    evidence = replace(evidence, track_scores=np.array([0.8, 0.9, 0.7, 0.6]))
    assert len(answers_of(evidence, tracks_of(4), preset())) == 4
    assert len(answers_of(evidence, tracks_of(4), preset(answers=3))) == 3


def test_answers_are_printed_and_stored(result: GroundingResult) -> None:
    answers = (Answer(result.tube, 0.9), Answer(result.tube, 0.4))
    several = replace(result, answers=answers)
    assert sum(line.startswith("also") for line in str(several).splitlines()) == 1
    stored = several.to_dict()["answers"]
    assert [one["score"] for one in stored] == [0.9, 0.4]
    assert stored[0]["start_frame"] == result.tube.span.start_frame
    assert len(stored[0]["boxes"]) == result.tube.span.frame_count
