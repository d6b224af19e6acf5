"""Runs for the report's tests: generated clips, and answers that are wrong in known ways."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.eval.decomposition import Decomposed
from zerotube.eval.evaluation import Evaluation
from zerotube.eval.predictions import failure, to_dict
from zerotube.eval.runner.types import RunOptions, RunRecord
from zerotube.eval.score import score
from zerotube.eval.types import Benchmark, Prediction, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.synth import SavedSample, read_samples, write_set

ANSWERS = ("exact", "shifted", "late", "other object", "failed", "missing")
"""What is done to the truth, in turn."""

SETTINGS: dict[str, Any] = {
    "method": {"preset": "full", "frames": 20, "top_k": 9, "learning_rate": 8.0},
    "proposer": {"name": "motion"},
    "dtype": "float32",
}
DEFAULTS: dict[str, Any] = {
    "method": {"preset": "full", "frames": 20, "top_k": 7, "learning_rate": 8.0},
    "proposer": {"name": "motion"},
}


def tracks_of(saved: SavedSample) -> dict[int, np.ndarray]:
    """Boxes of every object by track id, float64 (frames, 4)."""
    document = json.loads(saved.tracks.read_text(encoding="utf-8"))
    return {track["id"]: np.array(track["boxes_xyxy"], float) for track in document["tracks"]}


def made_samples(folder: Path, count: int, *, size: int = 96) -> tuple[Sample, ...]:
    """Samples of freshly written clips; the first, the best answered, has no grain, which a JPEG
    would change."""
    written = read_samples(write_set(folder, "mixed", count, 1_700_005, size=size))
    samples = []
    for saved in written:
        boxes = tracks_of(saved)[saved.target_track_id]
        span = Span(saved.start_frame, saved.end_frame)
        samples.append(
            Sample(
                sample_id=saved.sample_id,
                query=saved.query,
                kind=saved.tags["part"],
                video_name=saved.video.name,
                video=saved.video,
                truth=Truth(span, boxes[span.start_frame : span.end_frame + 1]),
                frame_count=len(boxes),
                width=saved.width,
                height=saved.height,
                fps=float(saved.fps),
                true_tracks=saved.tracks,
                tags={"noun": saved.noun, "objects": str(len(tracks_of(saved)))},
            )
        )
    return tuple(samples)


def answered(sample: Sample, how: str) -> Prediction | None:
    """The true tube, made wrong in one way."""
    assert sample.true_tracks is not None
    assert sample.frame_count is not None
    tracks = json.loads(sample.true_tracks.read_text(encoding="utf-8"))["tracks"]
    span, last = sample.truth.span, sample.frame_count - 1
    all_boxes = [np.array(track["boxes_xyxy"], float) for track in tracks]

    def misses(boxes: np.ndarray) -> float:
        inside = boxes[span.start_frame : span.end_frame + 1]
        return float(np.abs(inside - sample.truth.boxes_xyxy).sum())

    true, *others = sorted(all_boxes, key=misses)
    if how == "missing":
        return None
    if how == "failed":
        return failure(sample.sample_id, "OutOfMemoryError: tried to allocate 2 GiB")
    boxes = true
    if how == "other object":
        boxes = others[0]
    if how == "shifted":
        boxes = true + np.array([5.0, 3.0, 5.0, 3.0])
        span = Span(max(span.start_frame - 4, 0), max(span.end_frame - 4, 0))
    if how == "late":
        begin = min(span.end_frame, last)
        span = Span(begin, min(begin + span.frame_count, last))
    return Prediction(sample.sample_id, span, np.arange(last + 1), boxes)


def made_content(
    samples: Sequence[Sample],
    *,
    answers: Sequence[str] = ANSWERS,
    benchmark: Benchmark | None = None,
    errors: dict[str, str] | None = None,
    skipped: tuple[Skipped, ...] = (),
    **values: Any,
) -> Evaluation:
    """A finished run on some samples."""
    found = {
        sample.sample_id: answer
        for number, sample in enumerate(samples)
        if (answer := answered(sample, answers[number % len(answers)])) is not None
    }
    found |= {name: failure(name, error) for name, error in (errors or {}).items()}
    whole = benchmark or Benchmark("synth", "", tuple(samples), skipped)
    rng = np.random.default_rng(0)
    results = {
        name: {
            "predictions": {"full": to_dict(answer)},
            "timings_s": {
                "decode": float(rng.gamma(4.0, 0.01)),
                "propose": float(rng.gamma(4.0, 0.05)),
                "encode": float(rng.gamma(9.0, 0.02)),
                "ground": float(rng.gamma(9.0, 0.1)),
                "decide": float(rng.gamma(4.0, 0.0005)),
            },
        }
        for name, answer in found.items()
        if answer.error is None
    }
    record = RunRecord(
        samples=tuple(samples),
        results=results,
        errors={name: answer.error for name, answer in found.items() if answer.error is not None},
        skipped=skipped,
        seconds={
            name: sum(result["timings_s"].values()) + 0.02 for name, result in results.items()
        },
        complete=True,
    )
    timings: dict[str, list[float]] = {}
    for result in results.values():
        for stage, seconds in result["timings_s"].items():
            timings.setdefault(stage, []).append(seconds)
    given: dict[str, Any] = {
        "title": "full on synth",
        "settings": SETTINGS,
        "defaults": DEFAULTS,
        "versions": {"python": "3.12.4", "torch": "2.10.0", "zerotube": "0.1.0"},
        "command": "zerotube eval --dataset synth --method full --top-k 9 --out run",
        "measured_on": "2 cores, no GPU",
        "timings_s": {stage: tuple(seconds) for stage, seconds in timings.items()},
        **values,
    }
    return evaluated(whole, record, found, **given)


def evaluated(
    benchmark: Benchmark, record: RunRecord, found: dict[str, Prediction], **values: Any
) -> Evaluation:
    """A run with these answers; what is not given is empty."""
    given: dict[str, Any] = {"settings": {}, "versions": {}, "timings_s": {}, **values}
    return Evaluation(
        benchmark=benchmark,
        record=record,
        predictions=found,
        scores=score(replace(benchmark, samples=record.samples, skipped=record.skipped), found),
        options=RunOptions(Path("run")),
        decomposed=Decomposed({}, {}),
        **given,
    )
