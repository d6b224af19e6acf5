"""The flags of the order of work, from the command line to the result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zerotube.synth import write_set

QUERY = "the red square moves right"


def test_ground_says_where_it_looked(run, clip: Path) -> None:
    words = ("ground", clip, QUERY, "--json", "--quiet", "--no-store")
    few = ("--time-first", "on", "--track-fps", "6", "--span-margin-s", "0")
    done = run(*words, *few)
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    place = answer["settings"]["proposer"]["time_first"]
    frames = place["end_frame"] - place["start_frame"] + 1
    assert place["frames_seen"] == pytest.approx(frames / 2, abs=1), "12 frames per second"
    assert place["start_frame"] <= answer["start_frame"] <= answer["end_frame"]
    assert answer["end_frame"] <= place["end_frame"]
    assert len(answer["boxes"]) == answer["end_frame"] - answer["start_frame"] + 1
    assert "scan" in answer["timings_s"]
    for same in ((), ("--time-first", "off")):
        usual = json.loads(run(*words, *same).out)
        assert "time_first" not in usual["settings"]["proposer"]


def test_what_is_absent_ends_as_it_does_without(run, clip: Path) -> None:
    asked = ("ground", clip, "the purple star grows", "--quiet", "--abstain")
    usual = run(*asked)
    early = run(*asked, "--time-first", "on")
    assert usual.code == early.code == 4
    assert "leave --abstain out" in early.error_line()
    assert early.error_line().split("(log-odds")[0] == usual.error_line().split("(log-odds")[0]


def test_stages_are_told_in_their_order(run, clip: Path) -> None:
    done = run("ground", clip, QUERY, "--time-first", "on", "--no-store")
    stages = [line.split()[0] for line in done.err.splitlines()]
    assert stages == ["decode", "encode", "scan", "propose", "read"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--time-first", "sometimes"), "'auto', 'on', 'off'"),
        (("--track-fps", "-1"), "change --track-fps"),
        (("--span-margin-s", "nan"), "change --span-margin-s"),
        (("--time-first", "on", "--tracks", "tracks.json"), "name a --proposer"),
    ],
)
def test_wrong_values_are_refused_before_a_model_is_loaded(
    run, clip: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("zerotube.mllm.loading.load", load)
    done = run("ground", clip, QUERY, *words)
    assert done.code == 2
    assert said in done.err


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("order") / "clips", "mixed", 2, 3_100_000, size=96)


def test_eval_has_the_flags_and_records_them(run, clips: Path, tmp_path: Path) -> None:
    base = ("eval", "--dataset", "synth", "--root", clips, "--quiet", "--no-store")
    order = ("--proposer", "motion", "--time-first", "on", "--span-margin-s", "0.5")
    done = run(*base, *order, "--out", tmp_path / "on", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["settings"]["candidates"]["order"] == {
        "time_first": "on",
        "span_margin_s": 0.5,
        "track_fps": 10.0,
    }
    assert found["timings_s"]["stages"]["scan"]["count"] == 2
    # Another order is another run.
    again = run(*base, "--proposer", "motion", "--out", tmp_path / "on", "--resume")
    assert again.code == 2
    truth = run(*base, "--proposer", "truth", "--out", tmp_path / "truth", "--json")
    assert "order" not in json.loads(truth.out)["settings"]["candidates"]
    refused = run(*base, "--proposer", "truth", "--time-first", "on", "--out", tmp_path / "no")
    assert refused.code == 2
    assert "name a --proposer" in refused.error_line()


def test_an_ablation_of_trackers_looks_in_the_order_that_was_asked_for(
    run, clips: Path, tmp_path: Path
) -> None:
    base = ("ablate", "trackers", "--dataset", "synth", "--root", clips, "--quiet", "--limit", "1")
    few = ("--method", "gti", "--frames", "4", "--values", "truth,motion", "--time-first", "on")
    done = run(*base, *few, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    settings = json.loads((tmp_path / "run" / "table.json").read_text())
    rows = json.dumps(settings)
    assert rows.count('"time_first": "on"') >= 1
