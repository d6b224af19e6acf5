"""From results to tables, on predictions whose worth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerotube.eval.ablations import AblationTable, rows_of, tabulate
from zerotube.eval.ablations.plot import draw
from zerotube.eval.predictions import to_dict
from zerotube.eval.runner import RunRecord
from zerotube.eval.types import Benchmark, Prediction, Sample, Truth
from zerotube.geometry.spans import Span
from zerotube.method.config import preset

BOX = np.tile(np.array([0.0, 0.0, 10.0, 10.0]), (30, 1))
ROWS = rows_of("components", preset("paper"))
BETTER = ("GTI + V_s", "GTI + V_s + V_t", "full (+ TAS)")


def made_sample(number: int, kind: str) -> Sample:
    truth = Truth(Span(5, 14), BOX[5:15])
    return Sample(f"s{number}", "the red square moves left", kind, "a.mp4", None, truth)


def answer(sample: Sample, *, right: bool) -> dict[str, object]:
    boxes = BOX if right else BOX + 100.0
    return to_dict(Prediction(sample.sample_id, Span(5, 14), np.arange(30), boxes))


def right_in(label: str) -> int:
    return 8 if label in BETTER else 4


def made_run(*, apart: tuple[str, ...] = ()) -> tuple[Benchmark, RunRecord]:
    """Ten samples; the better rows are right in eight of them, the others in four; one failed."""
    kinds = apart or ("only",)
    samples = tuple(made_sample(i, kinds[i % len(kinds)]) for i in range(11))
    results = {
        sample.sample_id: {
            "predictions": {
                row.variant.label: answer(
                    sample, right=i < (8 if row.variant.label in BETTER else 4)
                )
                for row in ROWS
            }
        }
        for i, sample in enumerate(samples[:10])
    }
    record = RunRecord(samples, results, {"s10": "out of memory"}, (), {}, complete=True)
    return Benchmark("synth", "mixed", samples, apart=apart), record


def only_table() -> AblationTable:
    (table,) = tabulate("components", ROWS, *made_run(), "half-open")
    return table


def test_means_and_paired_differences() -> None:
    table = only_table()
    rows = {row.label: row for row in table.rows}
    assert (table.group, table.samples) == ("synth mixed", 11)
    assert rows["GTI"].means["m_vIoU"].mean == pytest.approx(4 / 11)
    better = rows["GTI + V_s"]
    assert better.compared_with == "GTI"
    gain = better.differences["gt_vIoU@0.5"]
    assert gain.mean == pytest.approx(4 / 11)
    assert 0 < gain.low < gain.mean < gain.high
    # The two rows answer alike, so their difference is exactly nothing, however wide each is.
    same = rows["full (+ TAS)"].differences["m_vIoU"]
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    assert rows["baseline (mean of tokens)"].differences == {}


def test_a_failed_sample_counts_as_nothing_in_every_row() -> None:
    assert {row.failed for row in only_table().rows} == {1}


def test_kinds_reported_apart_get_tables_of_their_own() -> None:
    tables = tabulate("components", ROWS, *made_run(apart=("first", "second")), "half-open")
    assert [(table.group, table.samples) for table in tables] == [
        ("synth mixed, first", 6),
        ("synth mixed, second", 5),
    ]


def test_markdown_and_json_say_the_same() -> None:
    table = only_table()
    lines = table.markdown().splitlines()
    assert len(lines) == 4 + len(ROWS)
    widths = {line.count("|") for line in lines[2:]}
    assert len(widths) == 1
    line = next(line for line in lines if line.startswith("| GTI |"))
    assert "36.4 [" in line
    assert line.endswith("| 16.3 | 23.3 |")
    content = json.loads(json.dumps(table.to_dict()))
    assert content["rows"][1]["means"]["m_vIoU"]["mean"] == pytest.approx(4 / 11)


def test_the_plot_shows_every_row(tmp_path: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    table = only_table()
    draw([table], one)
    draw([table, replace(table, rows=table.rows[:3])][:1] * 2, two)
    with Image.open(one) as small, Image.open(two) as large:
        assert large.height > 1.5 * small.height
        # Points are drawn in two colours that appear nowhere else.
        pixels = np.asarray(small.convert("RGB")).reshape(-1, 3)
    for colour in ((31, 95, 168), (196, 84, 28)):
        assert (pixels == colour).all(axis=1).sum() > 100


def test_one_sample_has_means_and_no_intervals(tmp_path: Path) -> None:
    benchmark, record = made_run()
    alone = replace(record, samples=record.samples[:1], errors={})
    (table,) = tabulate("components", ROWS, benchmark, alone, "half-open")
    text = table.markdown()
    assert "[" not in text
    assert "(1 sample, vIoU half-open; percent, no intervals)" in text
    assert "| 100.0 |" in text
    content = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert content["rows"][0]["means"]["m_vIoU"] == {"mean": 1.0, "low": None, "high": None}
    draw([table], tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 500
