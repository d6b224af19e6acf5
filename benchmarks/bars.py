"""What the bundled model is asked to reach before it is released, measured.

    python benchmarks/bars.py [--json benchmarks/results/bars.json]
    python benchmarks/bars.py --samples 20 --model DIR      a quick look at other weights

On the generated test sets, whose seeds training never touches, with the true tracks as candidates:
answers to questions whether something is in the clip (`existence.py`), the right track, the overlap
of boxes and tubes, and combinations of colour and shape that training never showed. Beside that the
size of the weights and the time of one plain forward, which wants a quiet machine: its two threads
are two cores. Intervals are 95% bootstrap over samples; a bar is met if the measured value meets
it. `--work DIR` keeps the runs there and goes on with those of the same weights.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from existence import ExistenceTask, breakdown, per_sample
from reports import keep
from variants import GTI, add_settings, variants_of
from weights import THREADS, fingerprint, forward_seconds, megabytes
from zerotube.errors import UsageError, ZerotubeError
from zerotube.eval.bootstrap import DRAWS, Interval, interval
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.evaluation import evaluate
from zerotube.eval.ground_task import TRUTH, CandidateChoice, GroundTask, ModelChoice, Variant
from zerotube.eval.runner import RunOptions, RunRecord, run_task
from zerotube.eval.score import Table
from zerotube.eval.task import Task
from zerotube.eval.types import ALL, Benchmark
from zerotube.synth import set_folder, write_set
from zerotube.synth.cache import cached_folder
from zerotube.synth.questions import ASKED_OF

RIGHT_TRACK = "gt_vIoU@0.5"
"""Candidates overlap little: it is the share of samples in which the right one was chosen."""

ANSWERS = {"attribute": 95.0, "action": 90.0}
"""Percent of questions to be answered right, by kind."""


@dataclass(frozen=True)
class Bar:
    """One line of the table.

    Attributes:
        name: what is measured, and on what.
        asked: the least (or with ``at_most`` the greatest) value that meets it, in ``unit``.
        measured: in ``unit``.
        low, high: 95% bootstrap interval; None where nothing is drawn by chance, or one sample is.
        n: what was counted: samples, questions, forwards.
        unit: "%", "points", "MB" or "s".
        at_most: whether less is better.
    """

    name: str
    asked: float
    measured: float
    low: float | None
    high: float | None
    n: str
    unit: str = "%"
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the measured value meets it."""
        return self.measured <= self.asked if self.at_most else self.measured >= self.asked

    def row(self) -> str:
        """Markdown."""
        sign = "<=" if self.at_most else ">="
        form = ".2f" if self.unit == "s" else ".1f"
        bounds = "" if self.low is None else f"{self.low:{form}} to {self.high:{form}}"
        cells = (
            self.name,
            f"{sign} {self.asked:g} {self.unit}",
            f"{self.measured:{form}} {self.unit}",
            bounds,
            self.n,
            "yes" if self.met else "no",
        )
        return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help='"bundled" or a folder of weights')
    parser.add_argument(
        "--samples", type=int, default=None, metavar="N", help="first N of each set"
    )
    add_settings(parser)
    parser.add_argument(
        "--workers", type=int, default=None, help="processes that share the samples"
    )
    parser.add_argument("--work", type=Path, default=None, metavar="DIR", help="keep the runs here")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="zerotube-bars-") as folder:
            report = measure(
                arguments.model,
                Runs(
                    (arguments.work or Path(folder)) / fingerprint(arguments.model),
                    arguments.samples,
                    arguments.workers,
                ),
                variants_of(arguments.settings),
            )
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"bars.py: error: {error}\n")
    print(markdown(report))
    keep(report, arguments.json)


@dataclass(frozen=True)
class Runs:
    """Where and how tasks run over the sets.

    Attributes:
        folder: of their journals; what is finished there is not computed again.
        samples: the first so many of each set; None for all.
        workers: processes; None for this one.
    """

    folder: Path
    samples: int | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.samples is not None and self.samples < 1:
            raise UsageError(f"{self.samples} samples", wanted="at least 1", fix="raise --samples")

    def of(self, task: Task, name: str, split: str) -> tuple[Benchmark, RunRecord, RunOptions]:
        """Run a task over a set.

        Raises:
            ZerotubeError: see `zerotube.eval.runner.run_task`; or samples failed, which would make
                every figure here one of fewer samples than it says.
        """
        print(f"{name} on {split} ...", file=sys.stderr)
        benchmark = load_benchmark(Request("synth", split=split, root=self._clips(split)))
        options = RunOptions(
            self.folder / f"{name}-{split}", resume=True, limit=self.samples, workers=self.workers
        )
        options.folder.mkdir(parents=True, exist_ok=True)
        record = run_task(task, benchmark, options)
        lost = dict(record.errors) | {item.sample_id: item.reason for item in record.skipped}
        if lost:
            raise ZerotubeError(
                f"{len(lost)} samples of {split} without a result ({next(iter(lost.items()))})",
                wanted="an answer to every sample",
                fix="fix what is wrong and run again",
            )
        return benchmark, record, options

    def _clips(self, split: str) -> Path:
        """The published set from the cache; its first samples beside the runs if it is not there.

        The first samples of the published set are those of a smaller one.
        """
        if self.samples is None or cached_folder(split).is_dir():
            return set_folder(split)
        folder = self.folder / f"{split}-{self.samples}"
        return folder if folder.is_dir() else write_set(folder, split, self.samples)


def measure(model: str, runs: Runs, variants: Sequence[Variant]) -> dict[str, Any]:
    """All figures of the report.

    Args:
        model: "bundled" or a folder of weights.
        runs: where and how.
        variants: of the method; ``GTI`` is among them.
    """
    size = megabytes(model)
    choice = ModelChoice(model)
    answers = {
        split: list(runs.of(ExistenceTask(choice), "existence", split)[1].results.values())
        for split in ASKED_OF
    }
    gti = tuple(one for one in variants if one.label == GTI)
    full = tuple(one for one in variants if one.label != GTI)
    found = {
        split: tracked(runs, choice, split, rows)
        for split, rows in (("attribute-hard", tuple(variants)), ("mixed", full), ("unseen", gti))
    }
    tables = {split: one.tables for split, one in found.items()}
    seconds = forward_seconds(choice)
    bars = [
        *(answer_bar(answers, kind, least) for kind, least in ANSWERS.items()),
        *track_bars(tables),
        Bar("weights", 16.0, size, None, None, "1 folder", "MB", at_most=True),
        forward_bar(seconds),
    ]
    return {
        "zerotube": version("zerotube"),
        "torch": version("torch"),
        "model": model,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "samples": {split: one.samples for split, one in found.items()},
        "settings": {one.label: one.settings.to_dict() for one in variants},
        "bars": [asdict(bar) | {"met": bar.met} for bar in bars],
        "answers": {
            f"{kind}, {split}": breakdown(results, kind)
            for split, results in answers.items()
            for kind in ASKED_OF[split]
        },
        "tracks": {
            split: {label: table.to_dict() for label, table in rows.items()}
            for split, rows in tables.items()
        },
        "right_at_random": {split: one.at_random for split, one in found.items()},
        "forward_s": seconds,
    }


@dataclass(frozen=True)
class Tracked:
    """A set, grounded.

    Attributes:
        tables: scores by label of the variant.
        at_random: how often a candidate drawn at random is the right one.
        samples: how many there are.
    """

    tables: Mapping[str, Table]
    at_random: float
    samples: int


def tracked(runs: Runs, model: ModelChoice, split: str, variants: tuple[Variant, ...]) -> Tracked:
    """Ground a set under some variants, the true tracks being the candidates."""
    task = GroundTask(variants, model, CandidateChoice(TRUTH))
    benchmark, record, options = runs.of(task, "tracks", split)
    tables = {
        one.label: evaluate(
            benchmark, record, one.label, "half-open", task.settings, options
        ).scores.tables[ALL]
        for one in variants
    }
    counts = [
        next(iter(result["details"].values()))["candidates"] for result in record.results.values()
    ]
    return Tracked(tables, float(np.mean([1 / count for count in counts])), len(counts))


def answer_bar(answers: Mapping[str, Sequence[Mapping[str, Any]]], kind: str, least: float) -> Bar:
    """Questions of one kind, over all sets that are asked them."""
    splits = [split for split in answers if kind in ASKED_OF[split]]
    shares, count = per_sample([result for split in splits for result in answers[split]], kind)
    name = f"questions answered right, {kind}, {' and '.join(splits)}"
    return percent(name, least, interval(shares), f"{count} questions, {len(shares)} clips")


def track_bars(tables: Mapping[str, Mapping[str, Table]]) -> list[Bar]:
    """The bars on tracks and tubes.

    Args:
        tables: by set and label.
    """
    hard, mixed, unseen = (tables[split] for split in ("attribute-hard", "mixed", "unseen"))
    seen, new = (rows[GTI].values[RIGHT_TRACK] for rows in (hard, unseen))
    bars = [
        percent("right track, attribute-hard, GTI", 85.0, interval(seen), f"{len(seen)} samples")
    ]
    for measured, least, split, rows in (
        ("m_gt_vIoU", 80.0, "attribute-hard", hard),
        ("m_vIoU", 45.0, "mixed", mixed),
    ):
        for label, table in rows.items():
            value = interval(table.values[measured])
            name = f"{measured}, {split}, {label}"
            bars.append(percent(name, least, value, f"{table.samples} samples"))
    counts = f"{len(new)} and {len(seen)} samples"
    name = "right track, unseen less attribute-hard, GTI"
    bars.append(percent(name, -5.0, difference(new, seen), counts, "points"))
    return bars


def percent(name: str, least: float, value: Interval, n: str, unit: str = "%") -> Bar:
    """A bar whose values are shares."""
    low, high = (100.0 * value.low, 100.0 * value.high) if value.known else (None, None)
    return Bar(name, least, 100.0 * value.mean, low, high, n, unit)


def difference(
    first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int = 0
) -> Interval:
    """Difference of two means of different samples, each drawn again on its own."""
    rng = np.random.default_rng(seed)
    one, other = (
        values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
        for values in (first, second)
    )
    low, high = np.percentile(one - other, [2.5, 97.5])
    return Interval(float(first.mean() - second.mean()), float(low), float(high))


def forward_bar(seconds: Sequence[float]) -> Bar:
    """The median; its bounds are the fastest and the slowest."""
    name = f"one forward of 20 frames, {THREADS} threads, median (fastest to slowest)"
    median, n = statistics.median(seconds), f"{len(seconds)} forwards"
    return Bar(name, 0.5, median, min(seconds), max(seconds), n, "s", at_most=True)


def markdown(report: Mapping[str, Any]) -> str:
    """The table, and what a random draw would reach."""
    fields = Bar.__dataclass_fields__
    bars = [Bar(**{key: bar[key] for key in fields}) for bar in report["bars"]]
    lots = ", ".join(
        f"{name} {100 * share:.1f}%" for name, share in report["right_at_random"].items()
    )
    return "\n".join(
        [
            "| bar | asked | measured | 95% interval | n | met |",
            "|---|---|---|---|---|---|",
            *(bar.row() for bar in bars),
            "",
            f"Right track if drawn at random: {lots}. Half of the questions are to be affirmed.",
        ]
    )


if __name__ == "__main__":
    main()
