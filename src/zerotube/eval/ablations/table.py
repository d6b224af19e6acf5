"""From the results of an ablation to its tables: means, intervals, paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zerotube.eval.ablations.rows import AblationRow
from zerotube.eval.bootstrap import Interval, interval
from zerotube.eval.markdown import markdown_table
from zerotube.eval.plain_values import plain
from zerotube.eval.predictions import failure, from_dict
from zerotube.eval.published import Comparison, published
from zerotube.eval.runner.types import RunRecord
from zerotube.eval.score import Table, score
from zerotube.eval.types import ALL, Benchmark, Prediction, Protocol

COMPARED = ("m_vIoU", "gt_vIoU@0.5")
"""Measures whose paired differences are shown: the whole answer, and the right object alone."""

_PUBLISHED: Mapping[str, Comparison] = {"components": "components", "objective": "objectives"}
_PUBLISHED_ON = {"components": "hcstvg-v1", "objective": "hcstvg-v2"}


@dataclass(frozen=True)
class MeasuredRow:
    """One row with its numbers, as fractions.

    Attributes:
        label: of the variant.
        means: by measure, with 95% bootstrap intervals over samples.
        compared_with: label of the row that the differences are taken to; None for the reference.
        differences: by measure of ``COMPARED``, this row minus the other on the same samples.
        failed: samples without an answer; they count 0.
        published: m_vIoU in percent by model, on the data set that the paper ablates on.
    """

    label: str
    means: Mapping[str, Interval]
    compared_with: str | None
    differences: Mapping[str, Interval]
    failed: int
    published: Mapping[str, float]


@dataclass(frozen=True)
class AblationTable:
    """An ablation on samples that are averaged together.

    Attributes:
        ablation: its name.
        group: data set and split, and the kind where kinds are reported apart.
        samples: how many there are.
        protocol: frame sets of vIoU.
        rows: in order.
    """

    ablation: str
    group: str
    samples: int
    protocol: Protocol
    rows: tuple[MeasuredRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; null for the ends of an interval that one sample does not have."""
        found: dict[str, Any] = plain(self)
        return found

    def markdown(self) -> str:
        """The table in percent with its intervals."""
        measures = list(self.rows[0].means)
        models = list(dict.fromkeys(name for row in self.rows for name in row.published))
        heads = ["row", *measures, *(f"Δ {name}" for name in COMPARED), "compared with", "failed"]
        heads += [f"paper: {name}" for name in models]
        rows = (
            [
                row.label,
                *(_percent(row.means[name]) for name in measures),
                *(_percent(row.differences.get(name), sign=True) for name in COMPARED),
                row.compared_with or "",
                str(row.failed),
                *(f"{row.published[name]:.1f}" if name in row.published else "" for name in models),
            ]
            for row in self.rows
        )
        about = (
            f"{self.samples} samples, vIoU {self.protocol}; percent with 95% bootstrap intervals, "
            "differences paired"
            if self.samples > 1
            else f"1 sample, vIoU {self.protocol}; percent, no intervals"
        )
        return f"**{self.group}** ({about})\n\n{markdown_table(heads, rows)}"


def tabulate(
    ablation: str,
    rows: Sequence[AblationRow],
    benchmark: Benchmark,
    record: RunRecord,
    protocol: Protocol,
) -> tuple[AblationTable, ...]:
    """The tables of a finished run, one per kind that is reported apart.

    Args:
        ablation: its name.
        rows: what was run.
        benchmark: whose samples were run.
        record: of the run; each result has a prediction per row.
        protocol: frame sets of vIoU.

    Raises:
        InputError: the run has no samples.
    """
    judged = replace(benchmark, samples=record.samples, skipped=record.skipped)
    scored = {
        row.variant.label: score(judged, _predictions(record, row.variant.label), protocol)
        for row in rows
    }
    first = next(iter(scored.values()))
    name = " ".join(part for part in (benchmark.dataset, benchmark.split) if part)
    return tuple(
        AblationTable(
            ablation,
            name if kind == ALL else f"{name}, {kind}",
            table.samples,
            first.protocol,
            tuple(
                _measured(ablation, row, {label: one.tables[kind] for label, one in scored.items()})
                for row in rows
            ),
        )
        for kind, table in first.tables.items()
        if table.samples
    )


def _predictions(record: RunRecord, label: str) -> dict[str, Prediction]:
    found = {
        sample_id: from_dict(result["predictions"][label])
        for sample_id, result in record.results.items()
    }
    return found | {name: failure(name, error) for name, error in record.errors.items()}


def _measured(ablation: str, row: AblationRow, tables: Mapping[str, Table]) -> MeasuredRow:
    own = tables[row.variant.label]
    differences = {}
    if row.compared_with is not None:
        other = tables[row.compared_with]
        differences = {name: interval(own.values[name] - other.values[name]) for name in COMPARED}
    return MeasuredRow(
        label=row.variant.label,
        means=own.intervals(),
        compared_with=row.compared_with,
        differences=differences,
        failed=own.failed + own.missing,
        published=_paper(ablation, row.published),
    )


def _paper(ablation: str, system: str) -> dict[str, float]:
    if ablation not in _PUBLISHED or not system:
        return {}
    dataset = _PUBLISHED_ON[ablation]
    rows = published(dataset, comparison=_PUBLISHED[ablation])
    return {
        f"{row.model} on {dataset}": row.means["m_vIoU"] for row in rows if row.system == system
    }


def _percent(value: Interval | None, *, sign: bool = False) -> str:
    if value is None:
        return ""
    form = "+.1f" if sign else ".1f"
    return f"{100 * value.mean:{form}} {value.bounds(form, scale=100)}".rstrip()
