"""Means over samples: against the plain loop, and nobody leaves the denominator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.plain_metrics import plain_metrics
from zerotube.errors import InputError
from zerotube.eval.metrics import NOTHING
from zerotube.eval.predictions import failure, read_predictions, write_predictions
from zerotube.eval.score import ACCURACY, MEASURES, Scores, score
from zerotube.eval.types import ALL, Benchmark, Prediction, Sample, Skipped, Truth
from zerotube.geometry.spans import Span

VIDSTG = ("declarative", "interrogative")


def made_sample(name: str, rng: np.random.Generator, kind: str = "", frames: int = 30) -> Sample:
    first = int(rng.integers(0, 40))
    corners = rng.uniform(0, 50, (frames, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(40, 90, (frames, 2))], axis=1)
    truth = Truth(Span(first, first + frames - 1), boxes)
    return Sample(name, "the dog", kind, "x.mp4", None, truth)


def answer(sample: Sample, rng: np.random.Generator) -> Prediction:
    """A tube on or near the true one, at its time or about it, some frames without a box."""
    true = sample.truth.span
    late = int(rng.choice([1, 20]))
    begin = max(0, true.start_frame + int(rng.integers(-late, late + 1)))
    span = Span(begin, max(begin, true.end_frame + int(rng.integers(-late, late + 1))))
    miss = float(rng.choice([3, 40]))
    keep = rng.random(true.frame_count) < 0.9
    frames = np.arange(true.start_frame, true.end_frame + 1)[keep]
    boxes = sample.truth.boxes_xyxy[keep] + rng.uniform(0, miss, (int(keep.sum()), 1))
    return Prediction(sample.sample_id, span, frames, boxes)


def plain_means(
    samples: list[Sample], predictions: dict[str, Prediction], protocol: str
) -> dict[str, float]:
    """What the field's evaluators do: sum over samples, a missing one adds nothing, divide."""
    rows = []
    for sample in samples:
        found = predictions.get(sample.sample_id)
        if found is None or found.span is None:
            rows.append((0.0, 0.0, 0.0))
            continue
        true = sample.truth
        rows.append(
            plain_metrics(
                dict(enumerate(true.boxes_xyxy.tolist(), start=true.span.start_frame)),
                (found.span.start_frame, found.span.end_frame),
                dict(zip(found.frame_indices.tolist(), found.boxes_xyxy.tolist(), strict=True)),
                protocol,
            )
        )
    count = len(samples)
    means = {
        "m_tIoU": sum(row[0] for row in rows) / count,
        "m_vIoU": sum(row[1] for row in rows) / count,
        "m_gt_vIoU": sum(row[2] for row in rows) / count,
    }
    for level in (0.3, 0.5):
        means[f"vIoU@{level}"] = sum(row[1] > level for row in rows) / count
        means[f"gt_vIoU@{level}"] = sum(row[2] > level for row in rows) / count
    return means


@pytest.mark.parametrize("protocol", ["half-open", "inclusive"])
def test_means_agree_with_plain_ones_through_a_file(protocol, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = [made_sample(f"v{i}.mp4", rng, frames=int(rng.integers(1, 60))) for i in range(80)]
    answers = [answer(sample, rng) for sample in samples[:70]]
    answers[7] = failure("v7.mp4", "out of memory")
    write_predictions(tmp_path / "p.jsonl", answers)
    found = read_predictions(tmp_path / "p.jsonl")
    scores = score(Benchmark("hcstvg-v1", "test", tuple(samples)), found, protocol)
    expected = plain_means(samples, found, protocol)
    got = scores.to_dict()
    assert {name: got[name] for name in MEASURES} == pytest.approx(expected, abs=1e-12)
    # The case says something: all measures differ, and none is at either end.
    assert all(0.05 < value < 0.95 for value in expected.values())
    assert (got["samples"], got["missing"], got["failed"]) == (80, 10, 1)
    assert got["missing_ids"] == [f"v{i}.mp4" for i in range(70, 80)]
    assert got["failed_ids"] == ["v7.mp4"]
    assert got["protocol"] == protocol
    assert scores.per_sample["v75.mp4"] == scores.per_sample["v7.mp4"] == NOTHING


def test_the_protocols_differ_in_v_iou_alone() -> None:
    rng = np.random.default_rng(1)
    samples = [made_sample(str(i), rng) for i in range(20)]
    found = {sample.sample_id: answer(sample, rng) for sample in samples}
    benchmark = Benchmark("hcstvg", "", tuple(samples))
    half, both = (score(benchmark, found, p).to_dict() for p in ("half-open", "inclusive"))
    assert half["m_vIoU"] != both["m_vIoU"]
    for name in ("m_tIoU", "m_gt_vIoU", "gt_vIoU@0.3", "gt_vIoU@0.5"):
        assert half[name] == both[name]


def test_kinds_are_averaged_apart() -> None:
    rng = np.random.default_rng(2)
    samples = [
        made_sample(f"{i}:{part}:0", rng, kind)
        for i in range(15)
        for part, kind in (("caption", VIDSTG[0]), ("question", VIDSTG[1]))
    ]
    found = {sample.sample_id: answer(sample, rng) for sample in samples[:-1]}
    found["2:caption:0"] = failure("2:caption:0", "no track")
    scores = score(Benchmark("vidstg", "test", tuple(samples), apart=VIDSTG), found)
    got = scores.to_dict()
    assert tuple(scores.tables) == VIDSTG
    assert not set(MEASURES) & set(got)
    for kind, missing, failed in ((VIDSTG[0], 0, 1), (VIDSTG[1], 1, 0)):
        own = [sample for sample in samples if sample.kind == kind]
        expected = plain_means(own, found, "half-open")
        assert {name: got[kind][name] for name in MEASURES} == pytest.approx(expected, abs=1e-12)
        counts = got[kind]["samples"], got[kind]["missing"], got[kind]["failed"]
        assert counts == (15, missing, failed)
    assert got["missing_ids"] == ["14:question:0"]


def test_a_kind_without_samples_has_no_means() -> None:
    rng = np.random.default_rng(3)
    sample = made_sample("0:caption:0", rng, VIDSTG[0])
    scores = score(Benchmark("vidstg", "test", (sample,), apart=VIDSTG), {})
    got = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert got["declarative"]["m_vIoU"] == 0
    assert got["interrogative"]["samples"] == 0
    assert got["interrogative"]["m_vIoU"] is None


def made_image(name: str) -> Sample:
    truth = Truth(Span(0, 0), np.array([[0.0, 0.0, 10.0, 10.0]]))
    return Sample(name, "left dog", "val", f"{name}.jpg", None, truth)


def on_image(name: str, width: float, last: int = 0) -> Prediction:
    boxes = np.array([[0.0, 0.0, width, 10.0]])
    return Prediction(name, Span(0, last), np.array([0]), boxes)


@pytest.mark.parametrize("protocol", ["half-open", "inclusive"])
def test_images_have_no_time(protocol) -> None:
    images = tuple(made_image(name) for name in "abcd")
    # An overlap of exactly a half does not count; the span that c wrote says nothing.
    found = {"a": on_image("a", 5), "b": on_image("b", 6), "c": on_image("c", 8, last=9)}
    scores = score(Benchmark("refcoco", "val", images, still=True), found, protocol)
    got = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert got["protocol"] == "inclusive"
    assert got["m_tIoU"] is None
    assert got["m_gt_vIoU"] == got["m_vIoU"] == pytest.approx((0.5 + 0.6 + 0.8) / 4)
    assert got[ACCURACY] == got["gt_vIoU@0.5"] == got["vIoU@0.5"] == 0.5
    assert (got["samples"], got["missing"]) == (4, 1)


def test_skipped_and_unknown_samples_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    sample = made_sample("a", rng)
    skipped = (Skipped("b", "no boxes in frame 3"),)
    found = {name: answer(made_sample(name, rng), rng) for name in ("a", "b", "c")}
    scores = score(Benchmark("vidstg", "test", (sample,), skipped), found)
    assert scores.unknown_ids == ("c",)
    assert scores.to_dict()["skipped"] == [{"id": "b", "reason": "no boxes in frame 3"}]
    assert list(scores.per_sample) == ["a"]


def test_intervals_are_those_of_the_means() -> None:
    rng = np.random.default_rng(5)
    samples = [made_sample(str(i), rng) for i in range(60)]
    found = {sample.sample_id: answer(sample, rng) for sample in samples}
    scores: Scores = score(Benchmark("hcstvg", "", tuple(samples)), found)
    table = scores.tables[ALL]
    means: dict[str, Any] = table.means()
    for name, one in table.intervals().items():
        assert one.mean == means[name]
        assert one.low < one.mean < one.high


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="without samples \\(1 skipped\\)"):
        score(Benchmark("vidstg", "test", (), (Skipped("a", "no boxes"),)), {})


def test_one_sample_has_no_interval() -> None:
    rng = np.random.default_rng(3)
    samples = tuple(made_sample(name, rng) for name in "abc")
    predictions = {one.sample_id: answer(one, rng) for one in samples}
    several = score(Benchmark("d", "val", samples), predictions)
    alone = score(Benchmark("d", "val", samples[:1]), predictions)
    assert "[" in several.tables[ALL].percent()["m_vIoU"]
    assert several.title == "d val, half-open protocol, in percent with 95% bootstrap intervals"
    (mean,) = (100 * alone.tables[ALL].values["m_vIoU"]).tolist()
    assert alone.tables[ALL].percent()["m_vIoU"] == f"{mean:5.1f}"
    assert alone.title == "d val, half-open protocol, in percent (one sample: no interval)"
