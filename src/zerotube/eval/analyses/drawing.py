"""What the figures of the analyses share, in the style of the method's own plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zerotube.eval.bootstrap import Interval
from zerotube.tube import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

DPI = 130

HEAD = 0.95
"""Inches above the panels."""


def whiskers(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[Interval],
    colour: str,
    mark: str,
    line: str,
    label: str,
) -> None:
    """Means with their intervals, joined by a line."""
    axes.errorbar(
        places,
        [value.mean for value in values],
        yerr=_reach(values),
        color=colour,
        marker=mark,
        ls=line,
        ms=5,
        lw=1.6,
        elinewidth=1.1,
        capsize=2.5,
        label=label,
    )


def bars(axes: Axes, names: Sequence[str], series: Mapping[str, Sequence[Interval]]) -> None:
    """Two horizontal bars per name, from 0 to 1, with the first name on top."""
    places = np.arange(len(names), dtype=float)
    looks = ((style.ACCENT, style.NOTE, -0.19), (style.INK, style.OTHER, 0.19))
    for (label, values), (colour, edge, shift) in zip(series.items(), looks, strict=True):
        known = np.isfinite([value.mean for value in values])
        shown = [value for value, good in zip(values, known, strict=True) if good]
        means = [value.mean for value in shown]
        at = places[known] + shift
        axes.barh(at, means, 0.36, color=colour, label=label)
        axes.errorbar(
            means, at, xerr=_reach(shown), fmt="none", ecolor=edge, elinewidth=1.4, capsize=2
        )
    drawn = [_drawable(name) for name in names]
    axes.set_yticks(places, [text for text, _ in drawn])
    for tick, (_, font) in zip(axes.get_yticklabels(), drawn, strict=True):
        tick.set_fontproperties(font)
    axes.set_xlim(0, 1.02)
    axes.invert_yaxis()


def _reach(values: Sequence[Interval]) -> Any:
    """How far the interval reaches below and above the mean, never negative."""
    return np.maximum([[v.mean - v.low for v in values], [v.high - v.mean for v in values]], 0.0)


def new_figure(width: float, height: float, title: str, note: str) -> Figure:
    """An empty figure, its size in inches, with a title and a note below it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", dpi=DPI)
    x = 0.15 / width
    figure.text(
        x, 1 - 0.14 / height, title, va="top", fontsize=12, fontweight="bold", color=style.INK
    )
    figure.text(x, 1 - 0.42 / height, note, va="top", fontsize=9, color=style.NOTE)
    return figure


def lay_out(figure: Figure, height: float, *, left: float, wspace: float, gap: float) -> None:
    """Place the panels; ``gap`` is in inches, between rows of two."""
    panel = (height - HEAD - 0.55 - gap) / 2
    figure.subplots_adjust(
        left=left,
        right=0.985,
        top=1 - HEAD / height,
        bottom=0.55 / height,
        wspace=wspace,
        hspace=gap / panel,
    )


def heading(axes: Axes, text: str) -> None:
    """The title of a panel."""
    axes.set_title(text, loc="left", fontsize=9.5, color=style.INK)


def say(axes: Axes, text: str) -> None:
    """A text in the middle of a panel without data."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=9.5, color=style.NOTE)


def _drawable(token: str) -> tuple[str, FontProperties]:
    """The name of a token as it can be drawn, its position kept, and the font that has its letters.

    A dollar sign starts no formula.
    """
    from matplotlib.font_manager import FontProperties

    text, _, position = token.rpartition(" ")
    drawn, path = style.legible(f"{style.shorten(text, 24)} {position}")
    return drawn.replace("$", r"\$"), FontProperties(fname=str(path), size=8.5)
