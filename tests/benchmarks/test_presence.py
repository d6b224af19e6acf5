"""Present against absent queries: groups, areas, and the report of a few samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zerotube.synth import set_stage
from zerotube.synth.absent import absent_query


@pytest.fixture(scope="module")
def presence(script):
    return script("presence")


def result(kind: str, present: float, absent: float) -> dict[str, object]:
    score = {"present": present, "absent": absent}
    scores = {"whole clip": score, "answer": score}
    return {"kind": kind, "absent": "the red star grows", "signals": scores}


def test_areas_are_those_of_the_samples_of_a_group(presence) -> None:
    results = [
        result("plain", 0.9, 0.1),
        result("plain", 0.8, 0.2),
        result("near-look", 0.6, 0.7),
        result("near-action", 0.5, 0.5),
    ]
    found = presence.areas(results)["whole clip"]
    assert {group: one["mean"] for group, one in found.items()} == {
        "all": 13.5 / 16,
        "near misses": 1.5 / 4,
        "near-look": 0.0,
        "near-action": 0.5,
        "plain": 1.0,
    }
    assert [one["samples"] for one in found.values()] == [4, 2, 1, 1, 2]
    assert found["plain"]["low"] == 1.0


def test_the_report_of_a_few_samples(presence, script, tmp_path: Path) -> None:
    runs = script("bars").Runs(tmp_path, samples=4)
    report = presence.measure("bundled", ("mixed", "rich"), runs)
    report = json.loads(json.dumps(report, allow_nan=False))
    assert report["samples"] == {"mixed": 4, "rich": 4}
    counts = {
        split: [area["samples"] for area in signals["answer"].values()]
        for split, signals in report["areas"].items()
    }
    assert counts == {
        "mixed": [4, 2, 1, 1, 2],
        "rich": [4, 2, 1, 1, 2],
        "all sets": [8, 4, 2, 2, 4],
    }
    head, _, *rows = presence.markdown(report).splitlines()
    assert head == "| set | signal | all | near misses | near-look | near-action | plain |"
    assert [row.split(" | ")[0] for row in rows] == [
        name for name in ("| mixed", "| rich", "| all sets") for _ in range(2)
    ]


def test_a_signal_sees_clip_query_and_candidates(presence, tmp_path: Path, monkeypatch) -> None:
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.ground_task import ModelChoice
    from zerotube.synth import write_set

    folder = write_set(tmp_path / "set", "attribute-hard", 1, size=64)
    (sample,) = load_benchmark(Request("synth", root=folder)).samples
    seen = []

    def looks(ready):
        presence_of_it = ready.session.presence("Is it?")
        seen.append((presence_of_it, ready.query.text, len(ready.tracks)))
        return float(len(seen))

    monkeypatch.setattr(presence, "SIGNALS", {"first": looks, "answer": presence.answer})
    task = presence.PresenceTask(ModelChoice("bundled"))
    assert task.settings["signals"] == ["first", "answer"]
    found = task.open()(sample)
    wanted = absent_query(set_stage("attribute-hard", 0))
    assert (found["kind"], found["absent"]) == (wanted.kind, wanted.query)
    assert found["signals"]["first"] == {"present": 1.0, "absent": 2.0}
    assert [one[1] for one in seen] == [sample.query, wanted.query]
    assert seen[0][0] == seen[1][0]
    assert seen[0][2] == len(set_stage("attribute-hard", 0).take.actors)
    both = found["signals"]["answer"]
    assert both["present"] > both["absent"]


def test_folders_of_before_have_the_same_absent_queries(presence, tmp_path: Path) -> None:
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.synth import write_set

    folder = write_set(tmp_path / "set", "rich", 2, size=64)
    for sample in load_benchmark(Request("synth", root=folder)).samples:
        assert sample.absent is not None
        assert presence.absent_of(replace(sample, absent=None)) == presence.absent_of(sample)
