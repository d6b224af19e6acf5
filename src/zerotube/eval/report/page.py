"""Puts the page together and writes it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zerotube.eval.bootstrap import Interval
from zerotube.eval.evaluation import Evaluation
from zerotube.eval.published import PublishedRow, published
from zerotube.eval.report import cards, charts, summary
from zerotube.eval.report.summary import Part
from zerotube.eval.types import Benchmark
from zerotube.files import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

SEED = 0
"""Of the samples that are drawn at random."""


@dataclass(frozen=True)
class Gallery:
    """Samples with pictures under one heading."""

    title: str
    note: str
    cards: tuple[cards.Card, ...]


@dataclass(frozen=True)
class NamedList:
    """Samples without a score of their own, by reason."""

    title: str
    note: str
    reasons: tuple[summary.Reason, ...]
    count: int


@dataclass(frozen=True, eq=False)
class Section:
    """Everything shown of one part of the run.

    Attributes:
        part: its numbers.
        published: rows measured by others on the same split.
        published_note: what to know of them, or why there are none.
        charts: distributions.
        breakdowns: by kind and tag.
    """

    part: Part
    published: tuple[PublishedRow, ...]
    published_note: str
    charts: tuple[charts.Chart, ...]
    breakdowns: tuple[summary.Breakdown, ...]


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Write a run as one HTML page that needs no other file and no network.

    Only the samples that are shown are decoded. The file appears under its name once it is
    complete; an older one is then replaced.

    Args:
        path: of the page; its folder exists.
        evaluation: of the run.

    Raises:
        InputError: the page cannot be written.
    """
    write_whole(path, render(evaluation))


def render(evaluation: Evaluation) -> str:
    """The page as text."""
    return _environment().get_template("report.html.j2").render(**_values(evaluation))


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Escapes every value: a query or an error may hold anything.
    environment = Environment(
        loader=PackageLoader("zerotube.eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "reach": _reach, "seconds": _seconds}
    return environment


def _values(evaluation: Evaluation) -> dict[str, object]:
    return {
        "evaluation": evaluation,
        "benchmark": evaluation.benchmark,
        "record": evaluation.record,
        "failed": len(evaluation.scores.failed_ids),
        "missing": len(evaluation.scores.missing_ids),
        "notes": tuple(_notes(evaluation)),
        "sections": tuple(_section(evaluation, part) for part in summary.parts(evaluation.scores)),
        "galleries": _galleries(evaluation),
        "lists": tuple(item for item in _lists(evaluation) if item.count),
        "most_reasons": summary.MOST_REASONS,
        "most_ids": summary.MOST_IDS,
        "settings": summary.setting_rows(evaluation.settings, evaluation.defaults),
        "chart_size": (charts.WIDTH, charts.HEIGHT),
        "chart_box": (charts.LEFT, charts.RIGHT, charts.TOP, charts.BOTTOM),
    }


def _notes(evaluation: Evaluation) -> Iterator[str]:
    """What a reader must know before any number."""
    record, left_out = evaluation.record, evaluation.left_out
    ran = len(record.samples)
    if left_out:
        yield (
            f"This run is a part of the data set: {ran:,} of {ran + left_out:,} samples. "
            "Its numbers do not compare with published ones."
        )
    if not record.complete:
        waiting = ran - len(record.results) - len(record.errors)
        yield (
            f"This run is not finished: {waiting:,} of {ran:,} samples have no result yet and "
            "count 0."
        )
    unknown = evaluation.scores.unknown_ids
    if unknown:
        yield (
            f"{len(unknown):,} predictions are for no sample of this data set and were not looked "
            f"at, such as {unknown[0]!r}."
        )
    if evaluation.benchmark.dataset == "synth":
        yield (
            "These are generated clips of coloured shapes. How well a model does here says little "
            "about real footage."
        )
    yield from evaluation.notes


def _section(evaluation: Evaluation, part: Part) -> Section:
    rows, note = _published(evaluation.benchmark, part)
    return Section(part, rows, note, _charts(part), summary.breakdowns(part))


def _published(benchmark: Benchmark, part: Part) -> tuple[tuple[PublishedRow, ...], str]:
    if benchmark.dataset == "synth":
        return (), "Nothing is published for generated clips; there is nothing to compare with."
    if benchmark.dataset == "hcstvg":
        return (), (
            "Nobody said which version of HC-STVG this is, so no published numbers stand beside "
            "it: choose hcstvg-v1 or hcstvg-v2."
        )
    # Steps of the ablations are compared where the ablations are.
    rows = [
        row
        for row in published(benchmark.dataset, part.key)
        if row.comparison in ("systems", "models", "images")
    ]
    if not rows:
        return (), f"No published numbers are known for {benchmark.dataset}."
    fitting = tuple(row for row in rows if benchmark.split in ("", row.split))
    if not fitting:
        splits = ", ".join(dict.fromkeys(row.split for row in rows))
        return (), (
            f"Numbers are published for the split {splits}; this is {benchmark.split}, which does "
            "not compare."
        )
    sources = "; ".join(dict.fromkeys(row.source for row in fitting))
    return fitting, f"Published numbers are from: {sources}."


def _charts(part: Part) -> tuple[charts.Chart, ...]:
    values = part.table.values
    gt_v_iou = charts.histogram("gt_vIoU", values["m_gt_vIoU"])
    if part.still:
        return (gt_v_iou,)
    unit, groups = summary.by_length(part)
    return (
        charts.histogram("tIoU", values["m_tIoU"]),
        charts.histogram("vIoU", values["m_vIoU"]),
        gt_v_iou,
        charts.scatter("tIoU", "gt_vIoU", values["m_tIoU"], values["m_gt_vIoU"]),
        *((charts.means_by_length(unit, groups),) if len(groups) > 1 else ()),
    )


def _galleries(evaluation: Evaluation) -> tuple[Gallery, ...]:
    overlaps, samples = evaluation.scores.per_sample, evaluation.record.samples
    choice = cards.choose(samples, overlaps, evaluation.predictions, SEED)
    zero = sum(overlaps[sample.sample_id].v_iou == 0 for sample in samples)
    still = evaluation.benchmark.still
    shown = (
        ("Best", "The highest overlaps of the run.", choice.best),
        (
            "Worst",
            f"The lowest overlaps among the samples with an answer; {zero:,} of {len(samples):,} "
            "samples have none at all.",
            choice.worst,
        ),
        (
            "Drawn at random",
            f"Drawn with seed {SEED} from the other {choice.others:,} samples: the best and the "
            "worst alone mislead.",
            choice.drawn,
        ),
    )
    return tuple(
        Gallery(
            title,
            note,
            tuple(
                cards.card(one, overlaps[name], evaluation.predictions.get(name), still=still)
                for one in chosen
                for name in (one.sample_id,)
            ),
        )
        for title, note, chosen in shown
        if chosen
    )


def _lists(evaluation: Evaluation) -> Iterator[NamedList]:
    for title, note, reasons in (
        (
            "Failed",
            "The method gave an error; the sample counts 0 in every mean.",
            [*evaluation.failures.items()],
        ),
        (
            "Missing",
            "There is no prediction; the sample counts 0 in every mean.",
            [(name, "no prediction") for name in evaluation.scores.missing_ids],
        ),
        (
            "Skipped",
            "The annotation or the video cannot be used; the sample is in no mean.",
            [(item.sample_id, item.reason) for item in evaluation.record.skipped],
        ),
    ):
        yield NamedList(title, note, summary.by_reason(reasons), len(reasons))


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _reach(mean: Interval) -> str:
    """The interval in percent; "" where there is none."""
    if not mean.known:
        return ""
    return f"{100 * mean.low:.1f}–{100 * mean.high:.1f}"


def _seconds(value: float) -> str:
    """A length of time with three digits or so."""
    if value >= 5400:
        return f"{value / 3600:,.1f} h"
    if value >= 90:
        return f"{value / 60:.1f} min"
    if value >= 10:
        return f"{value:.1f} s"
    if value >= 0.1:
        return f"{value:.2f} s"
    return f"{1000 * value:.1f} ms"
