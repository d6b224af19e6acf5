"""Scores of a prediction file: means over samples, and who is missing from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.bootstrap import Interval, intervals
from zerotube.eval.metrics import THRESHOLDS, Overlap, overlap
from zerotube.eval.types import ALL, Benchmark, Prediction, Protocol, Sample, Skipped

MEASURES = (
    "m_tIoU",
    "m_vIoU",
    *(f"vIoU@{level}" for level in THRESHOLDS),
    "m_gt_vIoU",
    *(f"gt_vIoU@{level}" for level in THRESHOLDS),
)
"""What is reported, in this order; fractions from 0 to 1 (method section 10)."""

ACCURACY = "acc@0.5"
"""Of still images: share of boxes that overlap the true one by more than a half."""


@dataclass(frozen=True, eq=False)
class Table:
    """The scores of the samples whose results are averaged together.

    Attributes:
        values: by measure, float64 ``(samples,)`` in the order of the benchmark; of a share such
            as "vIoU@0.3", 1 where the sample counts. No "m_tIoU" for still images.
        members: the samples; missing and failed ones are among them, with 0.
        missing: how many have no prediction.
        failed: how many have one that says the system failed.
    """

    values: Mapping[str, NDArray[np.float64]]
    members: tuple[Sample, ...]
    missing: int
    failed: int

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.members)

    def means(self) -> dict[str, float | None]:
        """By measure; None for one that means nothing here, and without samples."""
        names = [*MEASURES, *(name for name in self.values if name not in MEASURES)]
        means: dict[str, float | None] = {}
        for name in names:
            known = self.samples > 0 and name in self.values
            means[name] = float(self.values[name].mean()) if known else None
        return means

    def intervals(self) -> dict[str, Interval]:
        """Means with 95% bootstrap intervals, by measure."""
        return intervals(self.values)

    def percent(self) -> dict[str, str]:
        """By measure what people read: the mean and its interval, which one sample has not."""
        found = self.intervals() if self.samples else {}
        return {
            name: f"{100 * one.mean:5.1f}  {one.bounds('.1f', scale=100)}".rstrip()
            for name, one in found.items()
        }

    def to_dict(self) -> dict[str, float | int | None]:
        """Means as fractions and the three counts, as plain JSON values."""
        counts = {"samples": self.samples, "missing": self.missing, "failed": self.failed}
        return {**self.means(), **counts}


@dataclass(frozen=True, eq=False)
class Scores:
    """How good the predictions for a benchmark are.

    Attributes:
        dataset: as in ``Benchmark``.
        split: as in ``Benchmark``.
        protocol: the frame sets of vIoU that were used; always "inclusive" for still images.
        per_sample: every sample of the benchmark by id; 0 where missing or failed. ``t_iou`` is
            NaN for still images.
        tables: by kind in the order of ``Benchmark.apart``; else one, under ``ALL``.
        missing_ids: samples without a prediction.
        failed_ids: samples whose prediction says that the system failed.
        unknown_ids: predictions for what is not a sample of the benchmark, not even a skipped one.
        skipped: what the benchmark leaves out; a prediction for one of these is not looked at.
    """

    dataset: str
    split: str
    protocol: Protocol
    per_sample: Mapping[str, Overlap]
    tables: Mapping[str, Table]
    missing_ids: tuple[str, ...]
    failed_ids: tuple[str, ...]
    unknown_ids: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def title(self) -> str:
        """Of the tables that people read."""
        several = any(table.samples > 1 for table in self.tables.values())
        return f"{f'{self.dataset} {self.split}'.strip()}, {self.protocol} protocol, in percent" + (
            " with 95% bootstrap intervals" if several else " (one sample: no interval)"
        )

    def to_dict(self) -> dict[str, Any]:
        """What ``zerotube score --json`` prints: the table, or one under each kind's name."""
        if tuple(self.tables) == (ALL,):
            tables: dict[str, Any] = dict(self.tables[ALL].to_dict())
        else:
            tables = {kind: table.to_dict() for kind, table in self.tables.items()}
        return {
            "dataset": self.dataset,
            "split": self.split,
            "protocol": self.protocol,
            **tables,
            "missing_ids": list(self.missing_ids),
            "failed_ids": list(self.failed_ids),
            "unknown_ids": list(self.unknown_ids),
            "skipped": [{"id": item.sample_id, "reason": item.reason} for item in self.skipped],
        }


def score(
    benchmark: Benchmark,
    predictions: Mapping[str, Prediction],
    protocol: Protocol = "half-open",
) -> Scores:
    """Score predictions for every sample of a benchmark.

    Args:
        benchmark: the samples with their truth.
        predictions: by sample id; a sample without one counts 0 in every mean.
        protocol: frame sets of vIoU; still images are always scored inclusively.

    Raises:
        InputError: the benchmark has no samples.
    """
    if not benchmark.samples:
        raise InputError(
            f"{benchmark.dataset} without samples ({len(benchmark.skipped)} skipped)",
            wanted="at least one sample",
            fix="check the annotation file, --split and --boxes",
        )
    protocol = "inclusive" if benchmark.still else protocol
    found = {
        sample.sample_id: _one(sample, predictions.get(sample.sample_id), protocol, benchmark.still)
        for sample in benchmark.samples
    }
    known = found.keys() | {item.sample_id for item in benchmark.skipped}
    missing = tuple(name for name in found if name not in predictions)
    failed = tuple(name for name in found if name in predictions and not predictions[name].span)
    return Scores(
        dataset=benchmark.dataset,
        split=benchmark.split,
        protocol=protocol,
        per_sample=found,
        tables={
            kind: _table(members, found, missing, failed)
            for kind, members in benchmark.parts(benchmark.samples).items()
        },
        missing_ids=missing,
        failed_ids=failed,
        unknown_ids=tuple(name for name in predictions if name not in known),
        skipped=benchmark.skipped,
    )


def _one(sample: Sample, prediction: Prediction | None, protocol: Protocol, still: bool) -> Overlap:
    found = overlap(sample.truth, prediction, protocol)
    if still:
        # One frame and no time: whatever span a system wrote says nothing about its box.
        return replace(found, t_iou=float("nan"), v_iou=found.gt_v_iou)
    return found


def _table(
    members: tuple[Sample, ...],
    found: Mapping[str, Overlap],
    missing: tuple[str, ...],
    failed: tuple[str, ...],
) -> Table:
    names = [sample.sample_id for sample in members]
    rows = [found[name] for name in names]
    t_iou, v_iou, gt_v_iou = (
        np.array([getattr(row, field) for row in rows], dtype=np.float64)
        for field in ("t_iou", "v_iou", "gt_v_iou")
    )
    still = bool(len(t_iou)) and bool(np.isnan(t_iou).all())
    values = {} if still else {"m_tIoU": t_iou}
    for base, overlaps in (("vIoU", v_iou), ("gt_vIoU", gt_v_iou)):
        values[f"m_{base}"] = overlaps
        for level in THRESHOLDS:
            values[f"{base}@{level}"] = (overlaps > level).astype(np.float64)
    if still:
        values[ACCURACY] = values["gt_vIoU@0.5"]
    own = set(names)
    return Table(values, members, len(own.intersection(missing)), len(own.intersection(failed)))
