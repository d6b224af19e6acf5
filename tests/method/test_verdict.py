"""The verdict rests on the whole clip and on the windows of the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tube.scene import make_evidence
from zerotube.errors import UsageError
from zerotube.method.config import preset
from zerotube.method.types import Evidence, Scan
from zerotube.method.verdict import MOST, presence_of


def evidence_of(whole: float, margins: list[float] | None) -> Evidence:
    """``whole`` as log-odds; windows at frames 0, 10, ..."""
    scan = None
    if margins is not None:
        frames = np.arange(len(margins)) * 10
        scan = Scan(frames, frames, np.array(margins))
    probability = float(0.5 * (1.0 + np.tanh(whole / 2.0)))
    made = make_evidence([[1.0] * 6], range(0, 60, 10))
    return replace(made, presence=probability, scan=scan)


def test_the_windows_of_the_span_count_and_no_others() -> None:
    evidence = evidence_of(2.0, [-5, -5, 4, 6, -5, -5])
    found = presence_of(evidence, (15, 35), preset())
    assert found.margin == pytest.approx(3.5)
    assert found.verdict == "present"
    assert found.probability == pytest.approx(1 / (1 + np.exp(-3.5)))


def test_a_span_between_two_windows_takes_the_nearest() -> None:
    evidence = evidence_of(0.0, [-4, 4, -4, -4, -4, -4])
    assert presence_of(evidence, (11, 13), preset()).margin == pytest.approx(2.0)


def test_without_a_scan_the_whole_clip_decides() -> None:
    assert presence_of(evidence_of(-3.0, None), (0, 9), preset()).verdict == "absent"


@pytest.mark.parametrize(
    ("margin", "verdict"), [(-1.2, "absent"), (-0.8, "unsure"), (0.9, "unsure"), (1.2, "present")]
)
def test_the_thresholds_are_those_of_the_settings(margin: float, verdict: str) -> None:
    assert presence_of(evidence_of(margin, None), (0, 9), preset()).verdict == verdict
    always = preset(present_above=-9.0, absent_below=-9.0)
    assert presence_of(evidence_of(margin, None), (0, 9), always).verdict == "present"


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_certain_answer_counts_no_more_than_a_sure_one(probability: float) -> None:
    evidence = replace(evidence_of(0.0, None), presence=probability)
    assert presence_of(evidence, (0, 9), preset()).margin == MOST * (1 if probability else -1)


def test_an_unknown_word_is_unsure_at_best() -> None:
    sure = replace(evidence_of(7.0, None), unknown_words=("dog",))
    found = presence_of(sure, (0, 9), preset())
    assert found.verdict == "unsure"
    assert "'dog'" in found.reason
    denied = replace(evidence_of(-7.0, None), unknown_words=("dog",))
    assert presence_of(denied, (0, 9), preset()).verdict == "absent"


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(UsageError, match="the first at most the second"):
        preset(present_above=-2.0)
