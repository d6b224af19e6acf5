"""How sure the model is before tuning: thirds of the samples, and the length of a step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zerotube.errors import UsageError


@pytest.fixture(scope="module")
def sureness(script):
    return script("sureness")


def test_groups_are_thirds_by_presence(sureness) -> None:
    presence = [0.9, 0.1, 0.5, 0.2, 0.95, 0.6]
    read = [{"presence": one, "length": 10 * one} for one in presence]
    gain = np.array([-1.0, 1.0, 0.0, 1.0, -1.0, 0.0])
    low, middle, high = sureness.groups_of(read, {"paper": gain})
    assert [group["samples"] for group in (low, middle, high)] == [2, 2, 2]
    assert low["presence"] == pytest.approx([0.1, 0.15, 0.2])
    assert high["length"] == pytest.approx(9.25)
    means = [group["gain"]["paper"]["mean"] for group in (low, middle, high)]
    assert means == [1.0, 0.0, -1.0]
    with pytest.raises(UsageError, match="2 samples"):
        sureness.groups_of(read[:2], {"paper": gain[:2]})


def test_a_length_is_that_of_the_step_that_is_taken(sureness, script, tmp_path: Path) -> None:
    """The prompt itself, against the norms of the tokens it is added to."""
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.ground_task import ModelChoice, opened
    from zerotube.synth import write_set

    write_set(tmp_path / "set", "attribute-hard", 1)
    (sample,) = load_benchmark(
        Request("synth", split="attribute-hard", root=tmp_path / "set")
    ).samples
    grounder = ModelChoice("bundled").load()
    task = sureness.SurenessTask(ModelChoice("bundled"))
    found = task.open()(sample)["V_s"]
    with opened(sample) as video:
        ready = grounder.prepare(video, sample.query, sureness.PAPER, candidates=None)
    session, phrase = ready.session, ready.query.attribute
    session.losses(phrase)
    prompt = session._prompt((phrase, False))[0]
    norms = session.context.features.norm(dim=-1)
    wanted = float(prompt.norm(dim=-1).max() / norms.mean())
    presence = session.presence(f"Is there {phrase} in this video?")
    assert found["length"] == pytest.approx(wanted, rel=1e-3)
    assert found["presence"] == pytest.approx(presence)


def test_the_report_of_a_few_samples(sureness, script, tmp_path: Path) -> None:
    runs = script("bars").Runs(tmp_path, samples=3)
    report = json.loads(json.dumps(sureness.measure("bundled", runs), allow_nan=False))
    assert set(report["sets"]) == set(sureness.SETS)
    for prompts in report["sets"].values():
        for groups in prompts.values():
            medians = [group["presence"][1] for group in groups]
            assert medians == sorted(medians)
            assert all(group["length"] > 0 for group in groups)
    rows = sureness.markdown(report).splitlines()
    assert len(rows) == 2 + 2 * 2 * sureness.GROUPS


def test_reports_are_whole(script, tmp_path: Path) -> None:
    reports = script("reports")
    file = tmp_path / "new" / "report.json"
    reports.keep({"seconds": 1.5}, file)
    assert json.loads(file.read_text()) == {"seconds": 1.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        reports.keep({"seconds": float("nan")}, file)
    assert json.loads(file.read_text()) == {"seconds": 1.5}
    reports.keep({}, None)
    assert [one.name for one in file.parent.iterdir()] == ["report.json"]
