"""The analyses on generated clips with the bundled model: they agree with what the method does."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.eval.analyses import AnalysisTask, analysis
from zerotube.eval.analyses.consistency import ConsistencyTask
from zerotube.eval.analyses.peaks import PeaksTask
from zerotube.eval.analyses.tokens import TokensTask
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.ground_task import CandidateChoice, opened
from zerotube.eval.metrics import overlap
from zerotube.eval.predictions import from_tube
from zerotube.eval.runner import RunRecord
from zerotube.eval.task import SampleSkipped, Work
from zerotube.eval.types import Benchmark, Sample, Skipped
from zerotube.geometry.spans import Span
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import preset
from zerotube.synth import HELD_OUT_SEED, write_set
from zerotube.tube.types import GroundingResult
from zerotube.video import write_video

FRAMES = 6
TRUE = CandidateChoice(proposer="truth")
Result = dict[str, Any]


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    folder = write_set(
        tmp_path_factory.mktemp("synth") / "set", "attribute-hard", 2, HELD_OUT_SEED + 902
    )
    return load_benchmark(Request("synth", root=folder))


@pytest.fixture(scope="module")
def sample(benchmark: Benchmark) -> Sample:
    """One that is looked at in part: frame numbers of part and whole must not be mixed up."""
    first = benchmark.samples[0]
    assert first.frame_count is not None
    begin = max(first.truth.span.start_frame - 3, 1)
    return replace(first, segment=Span(begin, first.frame_count - 2))


@pytest.fixture(scope="module")
def ground(sample: Sample) -> Callable[..., GroundingResult]:
    """The facade's answer under settings."""
    grounder = Grounder.from_pretrained("bundled")

    def call(name: str, **changes: Any) -> GroundingResult:
        settings = preset(name, frames=FRAMES, **changes)
        with opened(sample) as video:
            found = grounder.ground_each(
                video, sample.query, [settings], candidates=Candidates(tracks=sample.true_tracks)
            )[0]
        assert isinstance(found, GroundingResult)
        return found

    return call


def quality(sample: Sample, result: GroundingResult) -> tuple[float, float, float]:
    assert sample.segment is not None
    answer = from_tube(sample.sample_id, result.tube, first_frame=sample.segment.start_frame)
    half_open = overlap(sample.truth, answer, "half-open")
    return half_open.gt_v_iou, half_open.v_iou, overlap(sample.truth, answer, "inclusive").v_iou


def opened_work(task: AnalysisTask) -> Work:
    """Of a task that has travelled to a worker."""
    settings = task.settings
    assert json.loads(json.dumps(settings)) == settings
    assert "lr" not in settings["method"] or not isinstance(task, TokensTask)
    work: Work = pickle.loads(pickle.dumps(task)).open()
    return work


def test_tokens_ground_as_the_presets_do(
    sample: Sample, ground: Callable[..., GroundingResult]
) -> None:
    task = TokensTask(TokensTask.with_changes({"frames": FRAMES}), candidates=TRUE)
    result = opened_work(task)(sample)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert [token["position"] for token in result["tokens"]] == [-6, -5, -4, -3, -2, -1]
    texts = [token["text"] for token in result["tokens"]]
    assert texts[0] == "?"
    assert texts.count("\n") == 2
    for attention, contrast in (("relative", "ratio"), ("plain", "none")):
        found = result["attentions"][attention]
        gti = ground("gti", contrast=contrast)
        token = gti.evidence.spatial_token
        assert token.texts == tuple(texts)
        np.testing.assert_allclose(found["activations"], token.activations, rtol=1e-5)
        assert token.chosen is not None
        assert found["gt_v_iou"][token.chosen] == pytest.approx(quality(sample, gti)[0])
        mean = ground("baseline", contrast=contrast)
        assert found["gt_v_iou_of_mean"] == pytest.approx(quality(sample, mean)[0])
        for region in ("span", "track"):
            assert len(found["ratios"][region]) == 6
            assert all(ratio > 0 for ratio in found["ratios"][region])


def test_the_true_box_lies_where_the_object_is(
    sample: Sample, ground: Callable[..., GroundingResult]
) -> None:
    task = TokensTask(TokensTask.with_changes({"frames": FRAMES}), candidates=TRUE)
    result = task.open()(sample)
    gti = ground("gti")
    evidence = gti.evidence
    assert sample.segment is not None
    frames = evidence.frame_indices + sample.segment.start_frame
    inside = [int(frame) in sample.truth.span for frame in frames]
    assert result["true_frames"] == sum(inside)
    # Cell by cell, with the box as it stands in the annotation.
    height, width = evidence.spatial_map.shape[1:]
    ins, outs = [], []
    for place in np.flatnonzero(inside):
        x1, y1, x2, y2 = sample.truth.boxes_xyxy[frames[place] - sample.truth.span.start_frame]
        step = evidence.spatial_map[evidence.step_of_frame[place]]
        for y, x in np.ndindex(height, width):
            centre_x = (x + 0.5) / width * gti.video.width
            centre_y = (y + 0.5) / height * gti.video.height
            # Cells whose centre is within a pixel of the edge count in part: left to the others.
            if x1 + 1 < centre_x < x2 - 1 and y1 + 1 < centre_y < y2 - 1:
                ins.append(step[y, x])
            elif not (x1 - 1 < centre_x < x2 + 1 and y1 - 1 < centre_y < y2 + 1):
                outs.append(step[y, x])
    assert evidence.spatial_token.chosen is not None
    ratio = result["attentions"]["relative"]["ratios"]["span"][evidence.spatial_token.chosen]
    assert ratio == pytest.approx(max(ins) / max(outs), rel=1e-4)


def test_peaks_are_those_of_the_methods_maps(
    sample: Sample, ground: Callable[..., GroundingResult]
) -> None:
    work = opened_work(PeaksTask(PeaksTask.with_changes({"frames": FRAMES})))
    result = work(sample)
    for attention, contrast in (("relative", "ratio"), ("plain", "none")):
        found = result["attentions"][attention]
        before = ground("gti", contrast=contrast).evidence.spatial_map
        after = ground("dsth", contrast=contrast).evidence
        for name, one_map in (
            ("before", before),
            ("V_s", after.spatial_map),
            ("V_t", after.temporal_map),
        ):
            assert found[name]["peak"] == pytest.approx(float(one_map.max()), rel=1e-5)
            # The object is visible throughout, so that inside and outside make up the map.
            assert sum(found[name]["masses"]["track"]) == pytest.approx(one_map.sum(), rel=1e-5)
            assert sum(found[name]["masses"]["span"]) < sum(found[name]["masses"]["track"])


def test_consistency_is_that_of_the_method(
    sample: Sample, ground: Callable[..., GroundingResult]
) -> None:
    task = ConsistencyTask(ConsistencyTask.with_changes({"frames": FRAMES}), candidates=TRUE)
    result = opened_work(task)(sample)
    for tuning, tuned in (("tuned", True), ("untuned", False)):
        found = result["tunings"][tuning]
        full = ground("paper", spatial_prompt=tuned)
        assert found["consistency"] == pytest.approx(full.evidence.consistency)
        for answer, one in (("assembled", full), ("forward", ground("dsth", spatial_prompt=tuned))):
            stored = found["answers"][answer]
            assert [stored["gt_v_iou"], *stored["v_iou"].values()] == pytest.approx(
                list(quality(sample, one))
            )
    assert result["tunings"]["tuned"]["consistency"] != result["tunings"]["untuned"]["consistency"]


def test_no_candidate_is_a_wrong_answer(sample: Sample, tmp_path: Path) -> None:
    blank = tmp_path / "blank.mp4"
    write_video(blank, np.full((60, 224, 224, 3), 90, np.uint8), Fraction(10))
    empty = replace(sample, video=blank, frame_count=None, segment=None, true_tracks=None)
    motion = CandidateChoice("motion", store=False)
    settings = {"frames": FRAMES}
    found = TokensTask(TokensTask.with_changes(settings), candidates=motion).open()(empty)
    assert found["candidates"] == 0
    assert found["attentions"]["plain"]["gt_v_iou"] == [0.0] * 6
    assert set(found["attentions"]["plain"]["ratios"]) == {"span"}
    task = ConsistencyTask(ConsistencyTask.with_changes(settings), candidates=motion)
    answers = task.open()(empty)["tunings"]["tuned"]["answers"]
    assert answers["assembled"] == {"gt_v_iou": 0.0, "v_iou": {"half-open": 0.0, "inclusive": 0.0}}


def test_one_frame_has_no_order(sample: Sample) -> None:
    with pytest.raises(UsageError, match="backwards"):
        ConsistencyTask(ConsistencyTask.with_changes({"frames": 1}))
    task = ConsistencyTask(ConsistencyTask.with_changes({}), candidates=TRUE)
    start = sample.truth.span.start_frame
    with pytest.raises(SampleSkipped, match="one step"):
        task.open()(replace(sample, segment=Span(start, start)))


def test_true_tracks_of_another_object_are_refused(sample: Sample) -> None:
    moved = replace(sample.truth, boxes_xyxy=sample.truth.boxes_xyxy + 500)
    task = TokensTask(TokensTask.with_changes({"frames": 2}), candidates=TRUE)
    with pytest.raises(InputError, match="none of which is the true tube"):
        task.open()(replace(sample, truth=moved))


def test_settings_and_options_that_an_analysis_does_not_read_are_refused() -> None:
    for name, setting in (("tokens", "lr"), ("peaks", "top_k"), ("consistency", "assembling")):
        with pytest.raises(UsageError, match=setting):
            analysis(name, {setting: 1})
    with pytest.raises(UsageError, match="--groups"):
        analysis("tokens", {}, groups=5)
    with pytest.raises(UsageError, match="--protocol"):
        analysis("peaks", {}, protocol="inclusive")
    with pytest.raises(UsageError, match="--proposer"):
        analysis("peaks", {}, candidates=TRUE)
    with pytest.raises(UsageError, match="at least 2"):
        analysis("consistency", {}, groups=1)
    with pytest.raises(UsageError, match="one of tokens"):
        analysis("token", {})


def test_what_cannot_be_analysed_is_refused_before_the_work(benchmark: Benchmark) -> None:
    bare = tuple(replace(sample, true_tracks=None) for sample in benchmark.samples)
    with pytest.raises(InputError, match="without the tracks"):
        analysis("tokens", {}, candidates=TRUE).check(benchmark, bare)
    with pytest.raises(InputError, match="2 samples for 10 groups"):
        analysis("consistency", {}).check(benchmark, benchmark.samples)
    apart = replace(benchmark, apart=("a",))
    kinds = tuple(replace(s, kind=k) for s, k in zip(benchmark.samples, "ab", strict=True))
    with pytest.raises(InputError, match="1 sample of kind 'a' for 2 groups"):
        analysis("consistency", {}, groups=2).check(apart, kinds)
    with pytest.raises(UsageError, match="still images"):
        analysis("consistency", {}).check(replace(benchmark, still=True), benchmark.samples)
    analysis("consistency", {}, groups=2).check(benchmark, benchmark.samples)
    analysis("tokens", {}).check(replace(benchmark, still=True), benchmark.samples[:1])


def peaks_of(value: float) -> Result:
    maps = {
        name: {"peak": value, "masses": {"span": [1.0, 2.0]}} for name in ("before", "V_s", "V_t")
    }
    return {"attentions": {"relative": maps, "plain": maps}}


def record_of(samples: tuple[Sample, ...], failed: tuple[str, ...] = ()) -> RunRecord:
    results = {s.sample_id: peaks_of(3.0) for s in samples if s.sample_id not in failed}
    errors = dict.fromkeys(failed, "VideoError: <b>gone</b>")
    return RunRecord(samples, results, errors, (Skipped("x", "cut"),), {}, complete=True)


@pytest.fixture
def peaks() -> AnalysisTask:
    return analysis("peaks", {})


def test_kinds_that_are_reported_apart_are_never_averaged(
    benchmark: Benchmark, peaks: AnalysisTask, tmp_path: Path
) -> None:
    first, second = benchmark.samples
    kinds = ("declarative", "interrogative")
    samples = (replace(first, kind=kinds[0]), replace(second, kind=kinds[1]))
    report = peaks.report(replace(benchmark, samples=samples, apart=kinds), record_of(samples))
    assert set(report.findings) == set(kinds)
    names = [path.name for path in report.save(tmp_path)]
    assert names == ["table.md", "plot-declarative.png", "plot-interrogative.png", "table.json"]
    text = (tmp_path / "table.md").read_text()
    assert text.index("## declarative") < text.index("## interrogative")
    assert "declarative: one sample only" in " ".join(report.notes)


def test_a_report_names_what_is_missing(
    benchmark: Benchmark, peaks: AnalysisTask, tmp_path: Path
) -> None:
    first, second = benchmark.samples
    record = record_of(benchmark.samples, failed=(second.sample_id,))
    report = peaks.report(benchmark, record)
    assert report.save(tmp_path)
    raw = json.loads((tmp_path / "table.json").read_text())
    assert raw["failed"] == {second.sample_id: "VideoError: <b>gone</b>"}
    assert raw["skipped"] == {"x": "cut"}
    assert raw["settings"] == peaks.settings
    assert raw["findings"]["all"]["measured"] == 1
    text = report.markdown()
    assert "2 of 2 samples, 1 failed, 1 skipped" in text
    assert second.sample_id in text
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(InputError, match="gone"):
        peaks.report(benchmark, record_of((first,), failed=(first.sample_id,)))
    with pytest.raises(InputError, match="1 were skipped"):
        peaks.report(replace(benchmark, apart=("a",)), record_of(()))
