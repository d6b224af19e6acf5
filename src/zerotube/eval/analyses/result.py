"""What an analysis comes to: tables, a figure, plain JSON; and its three files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from zerotube.eval.bootstrap import Interval
from zerotube.eval.plain_values import plain
from zerotube.eval.types import Benchmark, Sample
from zerotube.files import whole_files
from zerotube.tube.serialize import format_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"
"""Name of the one part of a benchmark that reports nothing apart."""

OUTPUT_FILES = ("table.md", "plot.png", "table.json")
"""Files of an analysis, in the order in which they are put into place. A benchmark that reports
kinds apart has a ``plot-KIND.png`` for each instead of the one picture."""


@dataclass(frozen=True)
class Table:
    """Cells as people read them.

    Attributes:
        title: what it shows.
        columns: their headings.
        rows: as many texts each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """A heading and a table."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join(
            [
                f"### {self.title}",
                "",
                *("| " + " | ".join(map(_cell, line)) + " |" for line in lines),
            ]
        )


@dataclass(frozen=True)
class Findings(ABC):
    """What an analysis found on some samples.

    Attributes:
        analysis: its name.
        title: of the analysis, on one line.
        measured: samples with a result.
        failed: samples without.
    """

    analysis: ClassVar[str]
    title: ClassVar[str]

    measured: int
    failed: int

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What to read before trusting the numbers."""

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """For people."""

    @abstractmethod
    def figure(self) -> Figure:
        """For people."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"analysis": self.analysis, **plain(self), "notes": list(self.notes)}


@dataclass(frozen=True)
class Report:
    """An analysis of a benchmark.

    Attributes:
        dataset: of the benchmark.
        split: of the benchmark.
        settings: what decided the results.
        findings: by kind where the benchmark reports kinds apart, else one, under ``ALL``.
        samples: how many the run was about, without the skipped ones.
        of: how many the benchmark has.
        failed: why a sample failed, by sample id.
        skipped: why a sample was left out, by sample id.
    """

    dataset: str
    split: str
    settings: Mapping[str, Any]
    findings: Mapping[str, Findings]
    samples: int
    of: int
    failed: Mapping[str, str]
    skipped: Mapping[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to read before trusting the numbers, each line once."""
        several = len(self.findings) > 1
        lines = [
            f"{kind}: {note}" if several else note
            for kind, found in self.findings.items()
            for note in found.notes
        ]
        return tuple(dict.fromkeys(lines))

    def markdown(self) -> str:
        """The content of ``table.md``."""
        first = next(iter(self.findings.values()))
        where = " ".join(part for part in (self.dataset, self.split) if part)
        parts = [
            f"# {first.title}",
            f"{where}: {self.samples} of {self.of} samples, {len(self.failed)} failed, "
            f"{len(self.skipped)} skipped; model `{self.settings['model']['name']}`. Intervals are "
            "95% (bootstrap over samples).",
        ]
        for kind, found in self.findings.items():
            if kind != ALL:
                parts.append(f"## {kind}")
            parts += [table.markdown() for table in found.tables()]
            parts += ["\n".join(f"- {note}" for note in found.notes)] if found.notes else []
        for name, reasons in (("Failed", self.failed), ("Skipped", self.skipped)):
            if reasons:
                lines = [f"- `{key}`: {' '.join(why.split())}" for key, why in reasons.items()]
                parts.append("\n".join([f"## {name}", "", *lines]))
        return "\n\n".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The content of ``table.json``: plain JSON values, no NaN."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "settings": dict(self.settings),
            "samples": self.samples,
            "of": self.of,
            "failed": dict(self.failed),
            "skipped": dict(self.skipped),
            "findings": {kind: found.to_dict() for kind, found in self.findings.items()},
        }

    def save(self, folder: Path) -> list[Path]:
        """Write the files; those of an earlier report of the same run are replaced.

        They appear together or not at all, ``table.json`` last.

        Returns:
            The files.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        markdown, plot, data = OUTPUT_FILES
        pictures = {
            kind: plot if kind == ALL else f"{Path(plot).stem}-{kind}.png" for kind in self.findings
        }
        names = [markdown, *pictures.values(), data]
        with whole_files(folder, names) as scratch:
            (scratch / markdown).write_text(self.markdown(), encoding="utf-8")
            for kind, name in pictures.items():
                canvas = FigureCanvasAgg(self.findings[kind].figure())
                canvas.print_figure(scratch / name, format="png", metadata={"Software": None})
            (scratch / data).write_text(format_json(self.to_dict()) + "\n", encoding="utf-8")
        return [folder / name for name in names]


def parts(benchmark: Benchmark, samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples that are averaged together, by kind; a kind without samples has no part."""
    if not benchmark.apart:
        return {ALL: list(samples)}
    found: dict[str, list[Sample]] = {kind: [] for kind in benchmark.apart}
    for sample in samples:
        found.setdefault(sample.kind, []).append(sample)
    return {kind: members for kind, members in found.items() if members}


def number(value: float, digits: int = 3) -> str:
    """A number for a table; a dash for none."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def ranged(value: Interval, digits: int = 3) -> str:
    """A mean with its interval for a table; a dash for none."""
    return f"{number(value.mean, digits)} {value.bounds(f'.{digits}f')}".rstrip()


def counted(samples: int) -> str:
    """A number of samples in words."""
    return f"{samples} sample" if samples == 1 else f"{samples} samples"


def lacking(samples: int, what: str) -> tuple[str, ...]:
    """A note about samples that lack something; none where all have it."""
    return (f"{counted(samples)} {what}",) if samples else ()


def few_samples(count: int) -> tuple[str, ...]:
    """A warning about a mean of one sample."""
    if count != 1:
        return ()
    return ("one sample only: it has no interval and says nothing about other samples",)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
