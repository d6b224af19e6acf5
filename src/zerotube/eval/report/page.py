"""Puts the page together and writes it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zerotube.errors import InputError
from zerotube.eval.bootstrap import Interval
from zerotube.eval.published import PublishedRow, published
from zerotube.eval.report import cards, charts, facts, summary
from zerotube.eval.report.content import ReportContent
from zerotube.eval.report.summary import Part
from zerotube.eval.types import Sample
from zerotube.files import whole_file

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Gallery:
    """Samples with pictures under one heading."""

    title: str
    note: str
    cards: tuple[cards.Card, ...]


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


def write_report(path: Path, content: ReportContent) -> None:
    """Write a run as one HTML page that needs no other file and no network.

    Only the samples that are shown are decoded. The file appears under its name once it is
    complete; an older one is then replaced.

    Args:
        path: of the page; its folder exists.
        content: the run.

    Raises:
        InputError: the page cannot be written.
    """
    text = render(content)
    try:
        # A lone surrogate (an undecodable byte on the command line) must not lose the page.
        with whole_file(path, errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as problem:
        raise InputError(
            f"{path}, which cannot be written ({problem.strerror or problem})",
            wanted="a file in a writable folder with space left",
            fix="choose another place, or make room",
        ) from problem


def render(content: ReportContent) -> str:
    """The page as text."""
    return _environment().get_template("report.html.j2").render(**_values(content))


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


def _values(content: ReportContent) -> dict[str, object]:
    failures = content.failures()
    return {
        "content": content,
        "benchmark": content.benchmark,
        "scores": content.scores,
        "record": content.record,
        "notes": tuple(_notes(content)),
        "sections": tuple(_section(content, part) for part in summary.parts(content)),
        "galleries": _galleries(content, failures),
        "lists": _lists(content, failures),
        "most_reasons": summary.MOST_REASONS,
        "most_ids": summary.MOST_IDS,
        "failed": len(failures),
        "missing": len(content.missing()),
        "times": facts.times(content.record, content.timings_s, content.wall_s),
        "settings": facts.setting_rows(content.settings, content.defaults),
        "chart_size": (charts.WIDTH, charts.HEIGHT),
        "chart_box": (charts.LEFT, charts.RIGHT, charts.TOP, charts.BOTTOM),
    }


def _notes(content: ReportContent) -> Iterable[str]:
    """What a reader must know before any number."""
    ran = len(content.record.samples)
    if content.left_out:
        yield (
            f"This run is a part of the data set: {ran:,} of {ran + content.left_out:,} samples. "
            "Its numbers do not compare with published ones."
        )
    if not content.record.complete:
        yield (
            f"This run is not finished: {content.unfinished:,} of {ran:,} samples have no result "
            "yet and count 0."
        )
    if content.scores.unknown_ids:
        yield (
            f"{len(content.scores.unknown_ids):,} predictions are for no sample of this data set "
            f"and were not looked at, such as {content.scores.unknown_ids[0]!r}."
        )
    if content.benchmark.dataset == "synth":
        yield (
            "These are generated clips of coloured shapes. How well a model does here says little "
            "about real footage."
        )
    yield from content.notes


def _section(content: ReportContent, part: Part) -> Section:
    rows, note = _published(content, part)
    return Section(part, rows, note, _charts(content, part), summary.breakdowns(part))


def _published(content: ReportContent, part: Part) -> tuple[tuple[PublishedRow, ...], str]:
    benchmark = content.benchmark
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


def _charts(content: ReportContent, part: Part) -> tuple[charts.Chart, ...]:
    gt_v_iou = part.column("gt_v_iou")
    if content.benchmark.still:
        return (charts.histogram("gt_vIoU", gt_v_iou),)
    t_iou, v_iou = part.column("t_iou"), part.column("v_iou")
    shown = [
        charts.histogram("tIoU", t_iou),
        charts.histogram("vIoU", v_iou),
        charts.histogram("gt_vIoU", gt_v_iou),
        charts.scatter("tIoU", "gt_vIoU", t_iou, gt_v_iou),
    ]
    unit, groups = summary.by_length(part)
    if len(groups) > 1:
        shown.append(
            charts.means_by_length(
                "vIoU",
                unit,
                [group.label for group in groups],
                [group.mean for group in groups],
                [group.samples for group in groups],
            )
        )
    return tuple(shown)


def _galleries(content: ReportContent, failures: dict[str, str]) -> tuple[Gallery, ...]:
    overlaps = content.scores.per_sample
    samples = content.record.samples
    choice = cards.choose(samples, overlaps, content.predictions, content.seed)
    zero = sum(overlaps[sample.sample_id].v_iou == 0 for sample in samples)

    def made(title: str, note: str, chosen: Sequence[Sample]) -> Gallery:
        return Gallery(
            title,
            note,
            tuple(
                cards.card(
                    sample,
                    overlaps[sample.sample_id],
                    content.predictions.get(sample.sample_id),
                    failures.get(sample.sample_id),
                    still=content.benchmark.still,
                )
                for sample in chosen
            ),
        )

    galleries = (
        made("Best", "The highest overlaps of the run.", choice.best),
        made(
            "Worst",
            f"The lowest overlaps among the samples with an answer; {zero:,} of {len(samples):,} "
            "samples have none at all.",
            choice.worst,
        ),
        made(
            "Drawn at random",
            f"Drawn with seed {content.seed} from the other {choice.others:,} samples: the best "
            "and the worst alone mislead.",
            choice.drawn,
        ),
    )
    return tuple(gallery for gallery in galleries if gallery.cards)


@dataclass(frozen=True)
class NamedList:
    """Samples without a score of their own, by reason."""

    title: str
    note: str
    reasons: tuple[summary.Reason, ...]
    count: int


def _lists(content: ReportContent, failures: dict[str, str]) -> tuple[NamedList, ...]:
    missing = content.missing()
    skipped = [(item.sample_id, item.reason) for item in content.record.skipped]
    lists = (
        NamedList(
            "Failed",
            "The method gave an error; the sample counts 0 in every mean.",
            summary.by_reason(failures.items()),
            len(failures),
        ),
        NamedList(
            "Missing",
            "There is no prediction; the sample counts 0 in every mean.",
            summary.by_reason((name, "no prediction") for name in missing),
            len(missing),
        ),
        NamedList(
            "Skipped",
            "The annotation or the video cannot be used; the sample is in no mean.",
            summary.by_reason(skipped),
            len(skipped),
        ),
    )
    return tuple(item for item in lists if item.count)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _reach(mean: Interval) -> str:
    """The interval in percent; "" where there is none."""
    if mean.low != mean.low:
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
