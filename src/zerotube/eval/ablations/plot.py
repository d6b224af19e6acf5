"""``plot.png`` of an ablation: each row's mean with its interval, a panel per measure and set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zerotube.eval.ablations.table import COMPARED, AblationTable
from zerotube.tube import style

DPI = 130

_COLOURS = ("#1f5fa8", "#c4541c")
"""One per measure; they differ in luminance as well."""


def draw(tables: Sequence[AblationTable], path: Path) -> None:
    """Draw an ablation.

    Args:
        tables: of the same rows, at least one.
        path: PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(tables[0].rows)
    height = 0.42 * rows + 1.0
    figure = Figure(
        figsize=(11.0, 0.5 + height * len(tables)),
        dpi=DPI,
        facecolor="white",
        layout="constrained",
    )
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(len(tables), len(COMPARED), squeeze=False, sharey=True, sharex="col")
    for line, table in zip(grid, tables, strict=True):
        for axes, measure, colour in zip(line, COMPARED, _COLOURS, strict=True):
            values = [row.means[measure] for row in table.rows]
            mean = np.array([100 * value.mean for value in values])
            low = np.array([100 * value.low for value in values])
            high = np.array([100 * value.high for value in values])
            at = np.arange(rows)
            axes.axvline(mean[_reference(table)], color=style.OTHER, linewidth=1, zorder=0)
            axes.errorbar(
                mean,
                at,
                xerr=np.maximum([mean - low, high - mean], 0.0),
                fmt="o",
                color=colour,
                capsize=3,
                markersize=5,
            )
            axes.set_yticks(at, [row.label for row in table.rows])
            axes.set_ylim(rows - 0.4, -0.6)
            axes.grid(axis="x", color="#e4e7ec", linewidth=0.8)
            axes.set_axisbelow(True)
            axes.set_title(f"{table.group}, {table.samples} samples", fontsize=9, color=style.NOTE)
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
    for axes, measure in zip(grid[-1], COMPARED, strict=True):
        axes.set_xlabel(f"{measure}, percent (95% interval)")
    figure.suptitle(f"Ablation: {tables[0].ablation}", fontsize=12, color=style.INK)
    canvas.print_png(path)  # type: ignore[no-untyped-call]


def _reference(table: AblationTable) -> int:
    """Position of the row that most others are compared with."""
    named = [row.compared_with for row in table.rows if row.compared_with is not None]
    if not named:
        return 0
    label = max(named, key=named.count)
    return next(i for i, row in enumerate(table.rows) if row.label == label)
