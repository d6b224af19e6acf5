"""What answers and choices come to."""

from __future__ import annotations

import math

import pytest
import torch

from zerotube.check import clips as clips_module
from zerotube.check.clips import ClipFindings, Said, look_at_clips, shown_presets, tunes
from zerotube.check.cost import Meter
from zerotube.check.quality import quality_lines
from zerotube.check.types import CheckLine, Subject
from zerotube.errors import NumericalError
from zerotube.grounder import Grounder
from zerotube.mllm.base import VideoMLLM


def lines_of(found: ClipFindings) -> dict[str, CheckLine]:
    return {line.name: line for line in quality_lines(found)}


def findings(margins: list[tuple[float, float]], right: dict[str, int]) -> ClipFindings:
    """Clips with margins of the true and the false statement; candidates are always two."""
    return ClipFindings(
        said=[
            tuple(
                Said(kind, truth, margin, 0.9)
                for kind in ("attribute", "action")
                for truth, margin in ((True, yes), (False, no))
            )
            for yes, no in margins
        ],
        sub_queries=[Said("attribute", True, yes, 0.9) for yes, _ in margins],
        right={name: [n < hits for n in range(len(margins))] for name, hits in right.items()},
        chances=[0.5] * len(margins),
    )


def test_a_model_that_says_yes_to_everything_may_still_tell_them_apart() -> None:
    lines = lines_of(findings([(3.0, 1.0)] * 10, {"gti": 10}))
    line = lines["yes / no, objects"]
    assert line.status == "pass"
    assert line.values | {"p": 0} == {"apart": 10, "clips": 10, "right": 10, "p": 0, "yes": 20}
    assert line.values["p"] == pytest.approx(2**-10)


def test_answers_at_chance_fail_and_actions_are_a_figure() -> None:
    lines = lines_of(findings([(1.0, 2.0), (2.0, 1.0)] * 5, {"gti": 5}))
    assert lines["yes / no, objects"].status == "fail"
    assert "not better than chance" in lines["yes / no, objects"].figure
    assert lines["yes / no, actions"].status == "info"
    assert lines["right object"].status == "fail"


def test_equal_margins_are_not_told_apart() -> None:
    lines = lines_of(findings([(1.0, 1.0)] * 10, {"gti": 10}))
    assert lines["yes / no, objects"].values["apart"] == 0


def test_the_best_preset_counts() -> None:
    lines = lines_of(findings([(1.0, -1.0)] * 10, {"paper": 2, "gti": 9, "baseline": 6}))
    assert [name for name in lines if name.startswith("right object, ")] == [
        *("right object, baseline", "right object, gti", "right object, paper"),
    ]
    assert lines["right object"].status == "pass"
    assert lines["right object"].values["best"] == "gti"
    # 9 or 10 of 10 at one half: 11 / 1024, times three presets.
    assert lines["right object"].values["p"] == pytest.approx(3 * 11 / 1024)


SHARES = {0.5: "none", 1.0: "usable", 9.0: "usable", 50.0: "strong", 5e2: "far", 1e9: "destroyed"}


@pytest.mark.parametrize(("ratio", "share"), SHARES.items())
def test_what_a_ratio_means_for_eq_4(ratio: float, share: str) -> None:
    line = lines_of(findings([(math.log(ratio), -1.0)] * 4, {"gti": 4}))["Eq. 4"]
    assert line.values["shares"][share] == 1.0
    assert ("is mild" in line.figure) == (share == "usable")
    assert line.values["log_ratio"]["median"] == pytest.approx(math.log(ratio))


def test_a_ratio_beyond_any_float() -> None:
    assert "1e+1303" in lines_of(findings([(3000.0, -1.0)], {"gti": 1}))["Eq. 4"].figure


def look(model: VideoMLLM, clips: int) -> ClipFindings:
    found = ClipFindings()
    subject = Subject(Grounder(model), clips, lambda stage, done, total: None)
    for _ in look_at_clips(subject, Meter(torch.device("cpu")), found):
        pass
    return found


def test_presets_that_tune_come_first(toy: VideoMLLM) -> None:
    order = list(shown_presets(toy))
    assert set(order[:2]) == {"paper", "default"}
    # It shows the clip in another way.
    assert order[-1] == "release"


def test_a_card_too_small_for_tuning_still_reads(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Grounder.ground_each

    def ground_each(self, video, query, settings, **rest):
        if settings[0].needs_gradients:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return right(self, video, query, settings, **rest)

    monkeypatch.setattr(Grounder, "ground_each", ground_each)
    found = look(toy, 2)
    assert found.count == 2
    light = {name for name, one in shown_presets(toy).items() if not one.needs_gradients}
    assert set(found.right) == light
    lines = lines_of(found)
    for name in set(shown_presets(toy)) - light:
        assert "not enough memory" in lines[f"right object, {name}"].figure


def test_tuning_ends_when_its_time_is_over(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips_module, "TUNING_S", 0.0)
    found = look(toy, 3)
    assert found.count == 3
    for name, settings in shown_presets(toy).items():
        assert len(found.right[name]) == (1 if tunes(settings) else 3)


def test_an_error_under_one_preset_is_a_wrong_choice(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Grounder.ground_each

    def ground_each(self, video, query, settings, **rest):
        if tunes(settings[0]):
            return [NumericalError("nonsense", wanted="numbers", fix="none")]
        return right(self, video, query, settings, **rest)

    monkeypatch.setattr(Grounder, "ground_each", ground_each)
    found = look(toy, 1)
    (tuned, *_) = [name for name, settings in shown_presets(toy).items() if tunes(settings)]
    assert found.right[tuned] == [False]
    assert "1 failed" in lines_of(found)[f"right object, {tuned}"].figure


def test_logits_that_are_not_finite_are_an_error(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = VideoMLLM._ask

    def ask(self, *args):
        answer = right(self, *args)
        object.__setattr__(answer, "logits", torch.full_like(answer.logits, float("nan")))
        return answer

    monkeypatch.setattr(VideoMLLM, "_ask", ask)
    with pytest.raises(NumericalError):
        look(toy, 1)
