"""The numbers of the page: headline, breakdowns, reasons without an answer, settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.bootstrap import Interval, intervals
from zerotube.eval.score import ACCURACY, Scores, Table
from zerotube.eval.types import ALL

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

HEADLINE = 5
"""Measures in large type, at most."""

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
        table: their scores.
        means: of every measure, with intervals.
    """

    key: str
    table: Table
    means: Mapping[str, Interval]

    @property
    def title(self) -> str:
        """For people; "" where there is one part only."""
        return "" if self.key == ALL else self.key

    @property
    def still(self) -> bool:
        """Whether the samples are single images."""
        return ACCURACY in self.means

    @property
    def measures(self) -> tuple[str, ...]:
        """Those that mean something here, in order."""
        return (ACCURACY, "m_gt_vIoU") if self.still else COLUMNS

    @property
    def headline(self) -> tuple[str, ...]:
        """Measures in large type."""
        return self.measures[:HEADLINE]


def parts(scores: Scores) -> tuple[Part, ...]:
    """What the benchmark averages together; kinds that it reports apart stay apart."""
    return tuple(
        Part(key, table, _with_intervals(table.values))
        for key, table in scores.tables.items()
        if table.samples
    )


def breakdowns(part: Part) -> tuple[Breakdown, ...]:
    """A part by kind, then by each tag; a property that all samples share is left out."""
    members = part.table.members
    names = dict.fromkeys(name for sample in members for name in sample.tags)
    properties: dict[str, Sequence[str | None]] = {
        "kind": [sample.kind for sample in members],
        **{name: [sample.tags.get(name) for sample in members] for name in names},
    }
    found = [_breakdown(part, name, values) for name, values in properties.items()]
    return tuple(broken for broken in found if broken is not None)


def _breakdown(part: Part, name: str, values: Sequence[str | None]) -> Breakdown | None:
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault("(none)" if value is None else value, []).append(row)
    largest = sorted(rows, key=lambda value: (-len(rows[value]), value))[:MOST_GROUPS]
    # One group says nothing new, and groups of one sample each are a list of samples.
    if len(rows) < 2 or (len(rows[largest[0]]) < 2 and len(rows) > MOST_GROUPS):
        return None
    shown = largest if len(rows) > MOST_GROUPS else sorted(rows, key=_natural)
    measures = part.measures if part.still else ("m_vIoU", "m_tIoU", "m_gt_vIoU")
    groups = tuple(
        Group(
            value,
            len(rows[value]),
            _with_intervals({name: part.table.values[name][rows[value]] for name in measures}),
        )
        for value in shown
    )
    rest = part.table.samples - sum(group.samples for group in groups)
    note = f"the {MOST_GROUPS} largest of {len(rows)} groups; {rest} samples are in the others"
    return Breakdown(name, measures, groups, note if len(rows) > MOST_GROUPS else "")


def _natural(text: str) -> tuple[bool, float, str]:
    """Numbers by size, before words."""
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)


def by_length(part: Part) -> tuple[str, tuple[Group, ...]]:
    """vIoU of short and long true spans, in groups of about the same size.

    Returns:
        The unit, "seconds" where the frame rate of every sample is known and "frames" otherwise,
        and the groups, shortest first; fewer than two where there is nothing to compare.
    """
    members = part.table.members
    frames = np.array([sample.truth.span.frame_count for sample in members], dtype=np.float64)
    rates = [sample.fps for sample in members]
    known = [rate for rate in rates if rate]
    unit = "seconds" if len(known) == len(rates) else "frames"
    lengths = frames / np.array(known) if unit == "seconds" else frames
    count = min(6, len(lengths) // FEWEST)
    if count < 2:
        return unit, ()
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, count + 1)[1:-1]))
    group = np.searchsorted(edges, lengths, side="left")
    values = part.table.values["m_vIoU"]
    places = [group == number for number in np.unique(group)]
    ends = [(lengths[inside].min(), lengths[inside].max()) for inside in places]
    labels = _told_apart(ends, (1, 2, 3) if unit == "seconds" else (0,))
    return unit, tuple(
        Group(label, int(inside.sum()), _with_intervals({"m_vIoU": values[inside]}))
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
    return tuple(Reason(_middle_cut(text), tuple(ids[text])) for text in order)


def _middle_cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its path, dots between the levels.
        value: as JSON, texts without quotes.
        default: likewise; None where there is no default.
        differs: whether the value is not the default.
    """

    name: str
    value: str
    default: str | None
    differs: bool


def setting_rows(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Every setting on a row of its own, in the order given."""
    known = dict(_flat(defaults))
    return tuple(
        Setting(
            name,
            _text(value),
            _text(known[name]) if name in known else None,
            name in known and known[name] != value,
        )
        for name, value in _flat(settings)
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            # Tuples of a dataclass and lists of its JSON are the same setting.
            yield f"{prefix}{name}", list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
