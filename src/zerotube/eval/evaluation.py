"""A finished run with its scores: what its files and its report show."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.errors import InputError
from zerotube.eval.decomposition import Decomposed, decomposed
from zerotube.eval.metrics import overlap
from zerotube.eval.per_sample import PER_SAMPLE_FILE, write_per_sample
from zerotube.eval.predictions import failure, from_dict, write_predictions
from zerotube.eval.runner.types import RunOptions, RunRecord, RunState
from zerotube.eval.score import Scores, score
from zerotube.eval.types import Benchmark, Prediction, Protocol
from zerotube.files import whole_file

PREDICTIONS_FILE = "predictions.jsonl"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
OUTPUT_FILES = (PREDICTIONS_FILE, PER_SAMPLE_FILE, METRICS_FILE, REPORT_FILE)
"""What a finished run leaves beside its journal."""

_SOFTWARE = ("zerotube", "torch", "transformers", "numpy", "av")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A finished run with its scores.

    Attributes:
        benchmark: all samples of the split, also those that the run was not about.
        record: what the run came to.
        predictions: of every sample of the record; a failed one says why.
        scores: of these predictions on exactly the record's samples.
        settings: of the task; nested dictionaries of plain values.
        options: which samples the run was about.
        versions: of software, by name.
        timings_s: seconds per stage, of every sample that has them.
        decomposed: who decomposed the sentences.
        title: for people.
        defaults: the settings if the user had set nothing.
        command: the command line; "" for none.
        measured_on: the machine, in words; "" for unknown.
        finished: when, for people; "" for unknown.

    Raises:
        InputError: the scores are not those of the run's samples, or it has none.
    """

    benchmark: Benchmark
    record: RunRecord
    predictions: Mapping[str, Prediction]
    scores: Scores
    settings: Mapping[str, Any]
    options: RunOptions
    versions: Mapping[str, str]
    timings_s: Mapping[str, tuple[float, ...]]
    decomposed: Decomposed
    title: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    measured_on: str = ""
    finished: str = ""

    def __post_init__(self) -> None:
        run = {sample.sample_id for sample in self.record.samples}
        scored = set(self.scores.per_sample)
        if run != scored:
            raise InputError(
                f"scores of {len(scored)} samples for a run of {len(run)} "
                f"({min(run ^ scored)!r} is in one of them only)",
                wanted="scores of exactly the run's samples",
                fix="score a benchmark whose samples are those of the record",
            )
        if not run:
            raise InputError(
                f"a run without samples ({len(self.record.skipped)} skipped)",
                wanted="at least one sample",
                fix="look into the reasons why samples were skipped",
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores must know: about the annotations, and the sentences."""
        note = self.decomposed.note
        return (*self.benchmark.notes, *((note,) if note else ()))

    @property
    def left_out(self) -> int:
        """Samples of the benchmark that the run was not about, by limit or shard."""
        about = {sample.sample_id for sample in self.record.samples}
        about.update(item.sample_id for item in self.record.skipped)
        return sum(sample.sample_id not in about for sample in self.benchmark.samples)

    @property
    def failures(self) -> dict[str, str]:
        """Why a sample has no answer, by its id, in the order of the run."""
        return {name: self.predictions[name].error or "" for name in self.scores.failed_ids}

    @property
    def timings(self) -> dict[str, Any]:
        """Readings, median and sum of seconds, of whole samples and by stage."""
        return {
            "sample": _summary(tuple(self.record.seconds.values())),
            "stages": {stage: _summary(values) for stage, values in self.timings_s.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json: what ``zerotube score --json`` prints, and the run."""
        record = self.record
        number, count = self.options.shard
        return {
            **self.scores.to_dict(),
            "settings": dict(self.settings),
            "part": {"limit": self.options.limit, "shard": f"{number}/{count}"},
            "counts": {
                "samples": len(record.samples),
                "of": len(self.benchmark.samples),
                "done": len(record.results),
                "failed": len(record.errors),
                "skipped": len(record.skipped),
            },
            "errors": dict(record.errors),
            "decomposed_by": dict(self.decomposed.sources),
            "timings_s": self.timings,
            "versions": dict(self.versions),
        }


def evaluate(
    benchmark: Benchmark,
    record: RunRecord,
    label: str,
    protocol: Protocol,
    settings: Mapping[str, Any],
    options: RunOptions,
    *,
    title: str = "",
    defaults: Mapping[str, Any] | None = None,
    command: str = "",
) -> Evaluation:
    """Score what a run of the grounding task came to.

    Args:
        benchmark: all samples of the split.
        record: the finished run.
        label: the variant that is scored.
        protocol: frame sets of vIoU.
        settings: of the task.
        options: of the run.
        title, defaults, command: as in `Evaluation`.

    Raises:
        InputError: every sample was skipped, or a result is not a prediction.
    """
    predictions: dict[str, Prediction] = {}
    timings: dict[str, list[float]] = {}
    for sample in record.samples:
        name = sample.sample_id
        if name in record.errors:
            predictions[name] = failure(name, record.errors[name])
            continue
        result = record.results[name]
        predictions[name] = from_dict(result["predictions"][label])
        for stage, seconds in result.get("timings_s", {}).items():
            timings.setdefault(stage, []).append(seconds)
    part = replace(benchmark, samples=record.samples, skipped=record.skipped)
    return Evaluation(
        benchmark=benchmark,
        record=record,
        predictions=predictions,
        scores=score(part, predictions, protocol),
        settings=settings,
        options=options,
        versions={"python": platform.python_version()}
        | {name: version(name) for name in _SOFTWARE},
        timings_s={stage: tuple(values) for stage, values in timings.items()},
        decomposed=decomposed(record),
        title=title,
        defaults=defaults or {},
        command=command,
        measured_on=_machine(),
        finished=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def write_evaluation(folder: Path, evaluation: Evaluation) -> tuple[Path, ...]:
    """Write the files of a finished run, each whole or not at all, metrics.json last.

    Files of the same run, finished earlier, are replaced.

    Returns:
        What was written.

    Raises:
        OSError: the folder cannot be written.
    """
    predictions, metrics = folder / PREDICTIONS_FILE, folder / METRICS_FILE
    write_predictions(predictions, evaluation.predictions.values())
    write_per_sample(folder / PER_SAMPLE_FILE, evaluation.record.samples, evaluation.scores)
    with whole_file(metrics) as stream:
        stream.write(json.dumps(evaluation.to_dict(), indent=2, allow_nan=False) + "\n")
    return predictions, folder / PER_SAMPLE_FILE, metrics


def _machine() -> str:
    """The machine that the driver of a run is on, in words."""
    import torch

    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cores = f"{os.cpu_count() or 1} CPU cores ({platform.machine()}, {platform.system()})"
    return ", ".join([cores, *cards])


class RunningScore:
    """Means of what is finished so far, as text for people; failures count 0 as in the end.

    Args:
        label: the variant that is scored.
        protocol: frame sets of vIoU.
        still: whether the samples are single images.
    """

    def __init__(self, label: str, protocol: Protocol, *, still: bool) -> None:
        self._label = label
        self._protocol: Protocol = "inclusive" if still else protocol
        self._still = still
        self._sums = np.zeros(3)
        self._count = 0

    def __call__(self, state: RunState) -> str:
        """The means after one more state."""
        for sample, result in state.came:
            prediction = from_dict(result["predictions"][self._label])
            found = overlap(sample.truth, prediction, self._protocol)
            self._sums += (found.v_iou, found.t_iou, found.gt_v_iou)
            self._count += 1
        answered = self._count + state.failed
        if not answered:
            return ""
        v_iou, t_iou, gt_v_iou = 100 * self._sums / answered
        if self._still:
            return f"m_gt_vIoU {gt_v_iou:.1f}"
        return f"m_vIoU {v_iou:.1f}, m_tIoU {t_iou:.1f}, m_gt_vIoU {gt_v_iou:.1f}"


def _summary(seconds: tuple[float, ...]) -> dict[str, float | int | None]:
    """Seconds: how many readings, median and sum."""
    median = statistics.median(seconds) if seconds else None
    return {"count": len(seconds), "median": median, "total": sum(seconds)}
