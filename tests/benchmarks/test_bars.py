"""The release's bars: questions that are right about the clip, and figures of the real model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zerotube.errors import UsageError, ZerotubeError
from zerotube.eval.bootstrap import Interval
from zerotube.eval.ground_task import ModelChoice
from zerotube.synth import set_stage
from zerotube.synth.sets import Stage
from zerotube.synth.words import BASIC_ACTIONS

ASKED = [("attribute-hard", 6), ("action-hard", 4), ("mixed", 0), ("unseen", 0)]


@pytest.fixture(scope="module")
def bars(script):
    return script("bars")


@pytest.fixture(scope="module")
def existence(script):
    return script("existence")


def holds(stage: Stage, words: list[str]) -> bool:
    """Whether "red square", "red square moves left" or "square moves left" is in a clip."""
    action = " ".join(words[-2:]) if words[-2] == "moves" else words[-1]
    if action not in BASIC_ACTIONS:
        return any(words == [item.colour, item.shape] for item in stage.take.actors)
    *colour, shape = words[: -len(action.split())]
    return any(
        item.shape == shape
        and colour in ([], [item.colour])
        and action in [act.action for act in item.acts]
        for item in stage.take.actors
    )


@pytest.mark.parametrize(("name", "count"), ASKED)
def test_questions_are_true_of_what_was_put_into_the_clip(existence, name: str, count: int) -> None:
    for index in range(15):
        stage = set_stage(name, index)
        questions = existence.questions_of(stage)
        assert len(questions) == count
        assert sum(question.answer for question in questions) * 2 == count
        assert questions == existence.questions_of(set_stage(name, index))
        for question in questions:
            assert question.text.startswith("Is there the ")
            words = question.text.removesuffix(" in this video?").split()[3:]
            assert holds(stage, words) is question.answer, question


def test_what_is_denied_is_made_of_the_clip_where_it_can_be(existence) -> None:
    made: dict[str, int] = {}
    for index in range(30):
        stage = set_stage("attribute-hard", index)
        _, denied = [one for one in existence.questions_of(stage) if one.kind == "attribute"]
        colour, shape = denied.text.removesuffix(" in this video?").split()[3:]
        known = [
            colour in [item.colour for item in stage.take.actors],
            shape in [item.shape for item in stage.take.actors],
        ]
        assert sum(known) == (2 if denied.how == "recombined" else 1)
        # Two objects that share a word leave nothing to recombine.
        assert (denied.how == "one word new") >= (len(stage.take.actors) == 2)
        made[denied.how] = made.get(denied.how, 0) + 1
    assert set(made) == {"recombined", "one word new"}
    hows = {
        one.how
        for index in range(30)
        for one in existence.questions_of(set_stage("action-hard", index))
        if not one.answer
    }
    assert hows == {"others do", "nobody does"}


def test_a_tie_is_no_answer(existence) -> None:
    for answer in (True, False):
        question = existence.YesNoQuestion(
            "Is there the red ring in this video?", answer, "action", "x"
        )
        assert existence.answered(question, 0.9)["right"] is answer
        assert existence.answered(question, 0.1)["right"] is not answer
        assert not existence.answered(question, 0.5)["right"]


def test_a_sample_of_other_clips_is_refused(existence) -> None:
    class Other:
        sample_id = "55_vfjywN5CN0Y.mp4"

    with pytest.raises(ZerotubeError):
        existence.stage_of(Other())


def test_answers_are_counted_by_clip_and_by_making(existence) -> None:
    def one(right: bool, answer: bool, how: str) -> dict[str, object]:
        return {"kind": "action", "right": right, "answer": answer, "how": how, "named": "label"}

    results = [
        {"questions": [one(True, True, "seen"), one(False, False, "others do")]},
        {"questions": [one(True, True, "seen"), one(True, False, "nobody does")]},
        {"questions": []},
    ]
    shares, count = existence.per_sample(results, "action")
    assert shares.tolist() == [0.5, 1.0]
    assert count == 4
    found = existence.breakdown(results, "action")
    assert found["yes"] == {"right": 1.0, "questions": 2}
    assert found["no"] == {"right": 0.5, "questions": 2}
    assert found["no, others do"] == {"right": 0.0, "questions": 1}


def test_a_bar_is_met_by_what_was_measured(bars) -> None:
    value = Interval(0.948, 0.9, 0.99)
    assert not bars.percent("x", 95.0, value, "9 samples").met
    assert bars.percent("x", 94.8, value, "9 samples").met
    row = bars.percent("x", 94.0, value, "9 samples").row()
    assert row == "| x | >= 94 % | 94.8 % | 90.0 to 99.0 | 9 samples | yes |"
    slow = bars.forward_bar([0.4, 0.6, 0.7])
    assert not slow.met
    assert (slow.low, slow.measured, slow.high) == (0.4, 0.6, 0.7)


def test_difference_of_other_samples(bars) -> None:
    few, many = np.array([1.0, 0.0, 1.0, 1.0]), np.repeat([1.0, 0.0], 200)
    found = bars.difference(few, many)
    assert found.mean == pytest.approx(0.25)
    assert found.low < 0.0 < found.high
    # The spread of both counts: four samples alone would spread as much or less.
    same = bars.difference(np.ones(4), np.ones(9))
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)


def test_variants_from_a_command_line(script) -> None:
    variants = script("variants")
    usual = variants.variants_of([])
    assert usual[0].label == "GTI"
    (*_, own) = variants.variants_of(["mine: paper step=token-norm lr=0.05 iterations=2"])
    assert own.label == "mine"
    assert (own.settings.step, own.settings.lr, own.settings.iterations) == ("token-norm", 0.05, 2)
    off = variants.variants_of(["b: paper assembling=false"])[-1]
    assert off.settings.assembling is False
    for wrong in (
        "full",
        ": paper",
        "GTI: paper",
        "a:",
        "a: best",
        "a: paper lr=x",
        "a: paper lr",
        "a: paper assembling=2",
        "a: paper nothing=1",
    ):
        with pytest.raises(UsageError):
            variants.variants_of([wrong])


def test_weights_are_told_apart(script, tmp_path: Path) -> None:
    weights = script("weights")
    own = tmp_path / "model.safetensors"
    own.write_bytes(bytes(1_500_000))
    first = weights.fingerprint(str(tmp_path))
    assert first != weights.fingerprint("bundled")
    assert weights.megabytes(str(tmp_path)) == 1.5
    own.write_bytes(b"1" + bytes(1_499_999))
    assert weights.fingerprint(str(tmp_path)) != first
    own.unlink()
    with pytest.raises(UsageError):
        weights.megabytes(str(tmp_path))


def test_every_bar_of_the_bundled_model(
    bars, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = tuple(
        one for one in script("variants").variants_of(["short: dsth frames=4 top_k=2"])
    )
    chosen = (variants[0], variants[-1])
    monkeypatch.setattr(script("weights"), "ROUNDS", 1)
    runs = bars.Runs(tmp_path, samples=1)
    report = json.loads(json.dumps(bars.measure("bundled", runs, chosen), allow_nan=False))
    assert len(report["bars"]) == 2 + 1 + 2 + 1 + 1 + 1 + 1
    by_name = {bar["name"]: bar for bar in report["bars"]}
    assert by_name["weights"]["met"]
    assert report["samples"] == {"attribute-hard": 1, "mixed": 1, "unseen": 1}
    assert set(report["tracks"]["attribute-hard"]) == {"GTI", "short"}
    answers = report["answers"]
    assert set(answers) == {
        "attribute, attribute-hard",
        "action, attribute-hard",
        "action, action-hard",
    }
    assert answers["action, action-hard"]["yes"]["questions"] == 2
    table = bars.markdown(report).splitlines()
    assert sum(line.startswith("| ") for line in table) == 1 + len(report["bars"])

    # What is finished is gone on with: nothing is loaded again.
    monkeypatch.setattr(ModelChoice, "load", lambda self: pytest.fail("loaded again"))
    again = runs.of(bars.ExistenceTask(ModelChoice("bundled")), "existence", "action-hard")[1]
    assert len(again.results) == 1


def test_no_samples(bars, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        bars.Runs(tmp_path, samples=0)


def test_a_clip_in_which_everything_happens_is_not_asked_for_what_does_not(existence) -> None:
    """Between them the objects of one look do all six actions here: nothing could be denied."""
    stage = set_stage("action-hard", 301)
    assert {act.action for item in stage.take.actors for act in item.acts} == set(BASIC_ACTIONS)
    assert existence.questions_of(stage) == ()
