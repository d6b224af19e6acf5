"""The whole check of the bundled model, and its report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zerotube.check.report import as_markdown, write_report
from zerotube.check.run import CheckOptions, run_checks
from zerotube.check.types import CheckLine, CheckReport
from zerotube.errors import UsageError

STRUCTURE = ["files", "prompt", "captured attention", "planted cell, wide", "planted cell, tall"]
# With five clips a model that never errs is told from guessing, and no fewer would do.
CLIPS = 5


@pytest.fixture(scope="module")
def bundled() -> list[CheckLine]:
    return list(run_checks(CheckOptions("bundled", device="cpu", clips=CLIPS)))


def test_the_bundled_model_passes(bundled: list[CheckLine]) -> None:
    assert [line.name for line in bundled if line.status == "fail"] == []
    passed = [line.name for line in bundled if line.status == "pass"]
    assert passed == [*STRUCTURE, "yes / no, objects", "right object"]


def test_every_figure_is_there(bundled: list[CheckLine]) -> None:
    lines = {line.name: line for line in bundled}
    assert len(lines) == len(bundled)
    assert lines["yes / no tokens"].values["mass"] > 0.9
    assert lines["planted object"].values["gti"] >= 6
    assert set(lines["versions"].values) >= {"zerotube", "torch", "transformers", "device"}
    assert {"load", "encode", "yes / no", "gti"} <= set(lines["cost"].values)
    assert lines["cost"].values["gti"]["times"] == CLIPS
    assert sum(line.seconds for line in bundled) > 1.0


def test_a_report_of_it(bundled: list[CheckLine], tmp_path: Path) -> None:
    report = CheckReport("bundled", tuple(bundled), finished=True)
    write_report(report, tmp_path / "deep" / "report.json")
    content = json.loads((tmp_path / "deep" / "report.json").read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(report.to_dict()))
    assert content["failed"] == []
    text = as_markdown(report)
    assert "Every check passed." in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(bundled)
    # Bars inside a cell would be columns of their own.
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}


def test_no_clip() -> None:
    with pytest.raises(UsageError):
        CheckOptions("bundled", clips=0)
