"""The numbers of the page: headline, table beside published numbers, breakdowns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.bootstrap import Interval, intervals
from zerotube.eval.metrics import Overlap
from zerotube.eval.report.content import ReportContent
from zerotube.eval.score import ACCURACY, ALL, Table
from zerotube.eval.types import Sample

COLUMNS = (
    "m_vIoU",
    "vIoU@0.3",
    "vIoU@0.5",
    "m_tIoU",
    "m_gt_vIoU",
    "gt_vIoU@0.3",
    "gt_vIoU@0.5",
)
"""All measures; first those that are published, so that a narrow screen shows them together."""

HEADLINE = COLUMNS[:5]
"""Measures in large type."""

MOST_GROUPS = 12
"""Groups shown of one tag; of more, the largest."""

FEWEST = 5
"""Samples below which no interval is given: so few resamples repeat each other."""


@dataclass(frozen=True)
class Group:
    """One row of a breakdown: samples that have something in common, and their means."""

    name: str
    samples: int
    means: Mapping[str, Interval]


@dataclass(frozen=True)
class Breakdown:
    """The samples of a part by one property.

    Attributes:
        name: of the property.
        measures: columns.
        groups: rows.
        note: what the rows leave out; "" for nothing.
    """

    name: str
    measures: tuple[str, ...]
    groups: tuple[Group, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """Samples whose results are averaged together: all of a run, or one kind of it.

    Attributes:
        key: of the score table.
        title: for people; "" where there is one part only.
        samples: in the order of the run.
        overlaps: one per sample.
        table: their scores.
        means: of every measure, with intervals.
        measures: those that mean something here, in order.
    """

    key: str
    title: str
    samples: tuple[Sample, ...]
    overlaps: tuple[Overlap, ...]
    table: Table
    means: Mapping[str, Interval]
    measures: tuple[str, ...]

    @property
    def headline(self) -> tuple[str, ...]:
        """Measures in large type."""
        if ACCURACY in self.measures:
            return self.measures
        return HEADLINE

    def column(self, field: str) -> NDArray[np.float64]:
        """An overlap of every sample: "t_iou", "v_iou" or "gt_v_iou"."""
        return np.array([getattr(item, field) for item in self.overlaps], dtype=np.float64)


def parts(content: ReportContent) -> tuple[Part, ...]:
    """What the benchmark averages together; kinds that it reports apart stay apart."""
    scores = content.scores
    alone = tuple(scores.tables) == (ALL,)
    found = []
    for key, table in scores.tables.items():
        samples = tuple(s for s in content.record.samples if alone or s.kind == key)
        if not samples:
            continue
        found.append(
            Part(
                key=key,
                title="" if alone else key,
                samples=samples,
                overlaps=tuple(scores.per_sample[s.sample_id] for s in samples),
                table=table,
                means=_with_intervals(table.values),
                measures=(ACCURACY, "m_gt_vIoU") if content.benchmark.still else COLUMNS,
            )
        )
    return tuple(found)


def breakdowns(part: Part) -> tuple[Breakdown, ...]:
    """A part by kind, then by each tag; a property that all samples share is left out."""
    names = dict.fromkeys(name for sample in part.samples for name in sample.tags)
    properties: dict[str, Sequence[str | None]] = {
        "kind": [sample.kind for sample in part.samples],
        **{name: [sample.tags.get(name) for sample in part.samples] for name in names},
    }
    found = []
    for name, values in properties.items():
        broken = _breakdown(part, name, values)
        if broken is not None:
            found.append(broken)
    return tuple(found)


def _breakdown(part: Part, name: str, values: Sequence[str | None]) -> Breakdown | None:
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault("(none)" if value is None else value, []).append(row)
    largest = sorted(rows, key=lambda value: (-len(rows[value]), value))[:MOST_GROUPS]
    # One group says nothing new, and groups of one sample each are a list of samples.
    if len(rows) < 2 or (len(rows[largest[0]]) < 2 and len(rows) > MOST_GROUPS):
        return None
    shown = largest if len(rows) > MOST_GROUPS else sorted(rows, key=_natural)
    measures = part.measures if ACCURACY in part.measures else ("m_vIoU", "m_tIoU", "m_gt_vIoU")
    groups = tuple(
        Group(
            value,
            len(rows[value]),
            _with_intervals({name: part.table.values[name][rows[value]] for name in measures}),
        )
        for value in shown
    )
    rest = len(part.samples) - sum(group.samples for group in groups)
    note = f"the {MOST_GROUPS} largest of {len(rows)} groups; {rest} samples are in the others"
    return Breakdown(name, measures, groups, note if len(rows) > MOST_GROUPS else "")


def _natural(text: str) -> tuple[bool, float, str]:
    """Numbers by size, before words."""
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)


@dataclass(frozen=True)
class LengthGroup:
    """Samples with true spans of about the same length."""

    label: str
    samples: int
    mean: Interval


def by_length(part: Part) -> tuple[str, tuple[LengthGroup, ...]]:
    """vIoU of short and long true spans, in groups of about the same size.

    Returns:
        The unit, "seconds" where the frame rate of every sample is known and "frames" otherwise,
        and the groups, shortest first; fewer than two where there is nothing to compare.
    """
    frames = np.array([sample.truth.span.frame_count for sample in part.samples], dtype=np.float64)
    rates = [sample.fps for sample in part.samples]
    known = [rate for rate in rates if rate]
    unit = "seconds" if len(known) == len(rates) else "frames"
    lengths = frames / np.array(known) if unit == "seconds" else frames
    count = min(6, len(lengths) // FEWEST)
    if count < 2:
        return unit, ()
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, count + 1)[1:-1]))
    group = np.searchsorted(edges, lengths, side="left")
    values = part.column("v_iou")
    places = [group == number for number in np.unique(group)]
    ends = [(lengths[inside].min(), lengths[inside].max()) for inside in places]
    labels = _told_apart(ends, (1, 2, 3) if unit == "seconds" else (0,))
    return unit, tuple(
        LengthGroup(label, int(inside.sum()), _with_intervals({"v_iou": values[inside]})["v_iou"])
        for label, inside in zip(labels, places, strict=True)
    )


def _told_apart(ends: Sequence[tuple[float, float]], decimals: Sequence[int]) -> list[str]:
    """Ranges as texts, with as few decimals as keep them different."""
    labels: list[str] = []
    for places in decimals:
        shown = [(f"{low:.{places}f}", f"{high:.{places}f}") for low, high in ends]
        labels = [low if low == high else f"{low}–{high}" for low, high in shown]
        if len(set(labels)) == len(labels):
            break
    return labels


def _with_intervals(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, Interval]:
    """Means with 95% intervals; of very few samples the mean alone."""
    nan = float("nan")
    if all(len(values) < FEWEST for values in columns.values()):
        return {name: Interval(float(values.mean()), nan, nan) for name, values in columns.items()}
    return intervals(columns)


@dataclass(frozen=True)
class Reason:
    """Samples that share a reason."""

    text: str
    count: int
    ids: tuple[str, ...]


MOST_REASONS = 60
"""Different reasons listed; more are counted."""

MOST_IDS = 40
"""Ids listed per reason; more are counted."""

MOST_CHARACTERS = 1600
"""Of one reason; a longer one loses its middle."""


def by_reason(items: Iterable[tuple[str, str]]) -> tuple[Reason, ...]:
    """(id, text) pairs, those with the same text together, the most frequent first."""
    ids: dict[str, list[str]] = {}
    for name, text in items:
        ids.setdefault(text, []).append(name)
    order = sorted(ids, key=lambda text: -len(ids[text]))
    return tuple(Reason(_middle_cut(text), len(ids[text]), tuple(ids[text])) for text in order)


def _middle_cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"
