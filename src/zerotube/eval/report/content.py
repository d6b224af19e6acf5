"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zerotube.errors import InputError
from zerotube.eval.runner.types import RunRecord
from zerotube.eval.score import Scores
from zerotube.eval.types import Benchmark, Prediction


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything the page shows.

    Attributes:
        title: of the page.
        benchmark: all samples of the split, also those that the run left out by limit or shard:
            the page tells from it that the run is a part.
        record: what the run came to.
        predictions: by sample id.
        scores: of ``predictions`` on exactly ``record.samples``.
        settings: what decided the results; nested dictionaries of plain values.
        defaults: the same keys with their default values, as far as there are any; a setting that
            differs is highlighted.
        versions: of software, by name.
        command: the command line that made the run; "" for none.
        measured_on: the machine, in words; "" for unknown.
        finished: when, for people; "" for unknown.
        timings_s: seconds by stage, of every sample that went through it; None reads them from the
            record's results, where they stand under this name.
        wall_s: how long the run took, all its resumptions together; None for unknown.
        seed: of the samples that are drawn at random.
        notes: more that a reader must know before any number.

    Raises:
        InputError: the scores are not those of the run's samples.
    """

    title: str
    benchmark: Benchmark
    record: RunRecord
    predictions: Mapping[str, Prediction]
    scores: Scores
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    measured_on: str = ""
    finished: str = ""
    timings_s: Mapping[str, Sequence[float]] | None = None
    wall_s: float | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        run = {sample.sample_id for sample in self.record.samples}
        scored = set(self.scores.per_sample)
        if run != scored:
            odd = sorted(run ^ scored)
            raise InputError(
                f"scores of {len(scored)} samples for a run of {len(run)} ({odd[0]!r} is in one "
                "of them only)",
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
    def left_out(self) -> int:
        """Samples of the benchmark that the run was not about, by limit or shard."""
        about = {sample.sample_id for sample in self.record.samples}
        about.update(item.sample_id for item in self.record.skipped)
        return sum(sample.sample_id not in about for sample in self.benchmark.samples)

    @property
    def unfinished(self) -> int:
        """Samples of the run that have neither a result nor an error yet."""
        done = self.record.results.keys() | self.record.errors.keys()
        return sum(sample.sample_id not in done for sample in self.record.samples)

    def failures(self) -> dict[str, str]:
        """Error texts of the samples without an answer, in the order of the run."""
        found = {}
        for sample in self.record.samples:
            prediction = self.predictions.get(sample.sample_id)
            error = self.record.errors.get(sample.sample_id)
            if error is None and prediction is not None:
                error = prediction.error
            if error is not None:
                found[sample.sample_id] = error
        return found

    def missing(self) -> tuple[str, ...]:
        """Samples with neither a prediction nor an error."""
        return tuple(name for name in self.scores.missing_ids if name not in self.record.errors)
