"""Charts as plain geometry, which the page's template draws as inline SVG.

Own geometry rather than matplotlib's SVG: the page's style sheet colours it for light and dark,
its texts stay texts, and a chart of ten thousand samples stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.bootstrap import Interval
from zerotube.eval.report.summary import Group

WIDTH, HEIGHT = 360.0, 232.0
"""Units of a chart's view box; a text of 11 units is about as large as the page's small print."""

LEFT, RIGHT, TOP, BOTTOM = 54.0, 352.0, 12.0, 186.0
"""Edges of the plot inside the view box."""

BINS = 20
"""Bars of a histogram of overlaps, from 0 to 1."""

FEW = 400
"""Samples up to which a scatter plot counts them in small cells; more make a carpet there."""

_SMALL_DOT, _LARGE_DOT = 2.6, 9.0
"""Radius of a dot of one sample, and the largest; the plot has a margin of that width."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in units of the view box, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    """A filled rectangle with a tooltip."""

    x: float
    y: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True)
class Dot:
    """A filled circle with a tooltip; ``low`` and ``high`` end its whisker, None for none."""

    x: float
    y: float
    radius: float
    tip: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Chart:
    """Everything a chart shows.

    Attributes:
        title: what it shows, for people.
        alt: the same in words with its main numbers, for who cannot see it.
        x_label, y_label: of the axes.
        x_ticks, y_ticks: marks of the axes.
        bars, dots: the data.
        rules: vertical lines with a text, such as the mean.
        note: a line below the chart; "" for none.
    """

    title: str
    alt: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    rules: tuple[Tick, ...] = ()
    note: str = ""


def histogram(name: str, values: NDArray[np.float64]) -> Chart:
    """How often each overlap occurs.

    Args:
        name: of the overlap, such as "vIoU".
        values: float64 ``(n,)`` in [0, 1], n >= 1.
    """
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts = np.histogram(values, edges)[0]
    ticks, top = _count_axis(int(counts.max()))
    bars = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        y = _y(count, top)
        bars.append(
            Bar(
                _x(left) + 0.75,
                y,
                _x(right) - _x(left) - 1.5,
                BOTTOM - y,
                f"{left:.2f} to {right:.2f}: {_samples(count)}",
            )
        )
    mean, median, none = float(values.mean()), float(np.median(values)), int((values == 0).sum())
    highest = int(counts.argmax())
    return Chart(
        title=name,
        alt=f"Histogram of {name} over {_samples(len(values))}: mean {mean:.3f}, median "
        f"{median:.3f}, exactly 0 in {none}; the highest bar, {counts[highest]}, stands between "
        f"{edges[highest]:.2f} and {edges[highest + 1]:.2f}.",
        x_label=name,
        y_label="samples",
        x_ticks=_unit_ticks(_x),
        y_ticks=ticks,
        bars=tuple(bars),
        rules=(Tick(_x(mean), f"mean {mean:.2f}"),),
        note=f"median {median:.2f}; exactly 0 in {none:,} of {len(values):,}",
    )


def scatter(x_name: str, y_name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Chart:
    """Two overlaps of the same samples against each other.

    Samples are counted in cells, so that those in one place do not hide each other; the area of a
    dot stands for the count.

    Args:
        x_name, y_name: of the overlaps.
        x, y: float64 ``(n,)`` in [0, 1], n >= 1.
    """
    share = {
        f"{y_name} above 0.5 but {x_name} not": float(((y > 0.5) & (x <= 0.5)).mean()),
        f"{x_name} above 0.5 but {y_name} not": float(((x > 0.5) & (y <= 0.5)).mean()),
        "both above 0.5": float(((x > 0.5) & (y > 0.5)).mean()),
    }
    said = "; ".join(f"{what} in {100 * part:.0f}%" for what, part in share.items())
    return Chart(
        title=f"{y_name} against {x_name}",
        alt=f"Scatter plot of {y_name} against {x_name} over {_samples(len(x))}: {said}.",
        x_label=x_name,
        y_label=y_name,
        x_ticks=_unit_ticks(_inner_x),
        y_ticks=_unit_ticks(_inner_y),
        dots=_counted(x, y, 100 if len(x) <= FEW else 20),
        note=f"{said}; the area of a dot is the number of samples",
    )


def means_by_length(unit: str, groups: Sequence[Group]) -> Chart:
    """The mean vIoU of short and long spans, with its 95% intervals.

    Args:
        unit: of the lengths, for the axis.
        groups: by length, shortest first; an interval that is not a number is not drawn.
    """
    room = (RIGHT - LEFT) / len(groups)
    places = [LEFT + (number + 0.5) * room for number in range(len(groups))]
    means = [group.means["m_vIoU"] for group in groups]
    top = _unit_top(max(_highest(mean) for mean in means))
    dots = []
    for place, group, mean in zip(places, groups, means, strict=True):
        known = mean.known
        reach = f" ({mean.low:.2f} to {mean.high:.2f})" if known else ""
        ends = (_y(mean.low, top), _y(mean.high, top)) if known else (None, None)
        text = f"{group.name} {unit}: {mean.mean:.2f}{reach}, {_samples(group.samples)}"
        dots.append(Dot(place, _y(mean.mean, top), 4.0, text, *ends))
    return Chart(
        title="vIoU by length of the true span",
        alt="Mean vIoU by length of the true span, with 95% intervals. "
        + "; ".join(dot.tip for dot in dots)
        + ".",
        x_label=f"true span, {unit}",
        y_label="mean vIoU",
        x_ticks=tuple(Tick(at, one.name) for at, one in zip(places, groups, strict=True)),
        y_ticks=tuple(Tick(_y(v, top), f"{v:.2g}") for v in np.linspace(0.0, top, 5)),
        dots=tuple(dots),
        note="samples: "
        + ", ".join(f"{group.samples:,}" for group in groups)
        + "; whiskers: 95% intervals",
    )


def _counted(x: NDArray[np.float64], y: NDArray[np.float64], cells: int) -> tuple[Dot, ...]:
    """One dot per cell that holds samples, at their middle; its area is their number."""
    edges = np.linspace(0.0, 1.0, cells + 1)
    columns, rows = (np.clip((v * cells).astype(np.int64), 0, cells - 1) for v in (x, y))
    occupied, place, counts = np.unique(
        columns * cells + rows, return_inverse=True, return_counts=True
    )
    middle_x, middle_y = (np.bincount(place, weights=v) / counts for v in (x, y))
    scale = min(_SMALL_DOT, _LARGE_DOT / float(np.sqrt(counts.max())))
    return tuple(
        Dot(
            _inner_x(at_x),
            _inner_y(at_y),
            max(scale * float(np.sqrt(count)), 0.4),
            f"{edges[cell // cells]:.2f} to {edges[cell // cells + 1]:.2f}, "
            f"{edges[cell % cells]:.2f} to {edges[cell % cells + 1]:.2f}: {_samples(count)}",
        )
        for cell, count, at_x, at_y in zip(occupied, counts, middle_x, middle_y, strict=True)
    )


def _x(value: float) -> float:
    return float(LEFT + value * (RIGHT - LEFT))


def _y(value: float, top: float = 1.0) -> float:
    return float(BOTTOM - value / top * (BOTTOM - TOP))


def _inner_x(value: float) -> float:
    """As ``_x``, with room for a large dot at either end."""
    return float(LEFT + _LARGE_DOT + value * (RIGHT - LEFT - 2 * _LARGE_DOT))


def _inner_y(value: float) -> float:
    return float(BOTTOM - _LARGE_DOT - value * (BOTTOM - TOP - 2 * _LARGE_DOT))


def _unit_ticks(place: Callable[[float], float]) -> tuple[Tick, ...]:
    return tuple(Tick(place(v), f"{v:g}") for v in (0.0, 0.25, 0.5, 0.75, 1.0))


def _count_axis(largest: int) -> tuple[tuple[Tick, ...], float]:
    """Whole numbers at round steps, and where the axis ends."""
    from matplotlib.ticker import MaxNLocator

    # Room above the highest bar, where the rules have their texts.
    top = 1.14 * max(largest, 1)
    values = MaxNLocator(nbins=4, integer=True, steps=[1, 2, 5, 10]).tick_values(0, largest)
    return tuple(Tick(_y(v, top), f"{v:,.0f}") for v in values if 0 <= v <= top), top


def _unit_top(largest: float) -> float:
    """Where an axis of overlaps ends: low means are not drawn in a sliver."""
    return next((top for top in (0.2, 0.4, 0.6, 0.8) if largest <= top), 1.0)


def _highest(mean: Interval) -> float:
    return mean.high if mean.known else mean.mean


def _samples(count: float) -> str:
    return f"{count:,.0f} sample" + ("" if count == 1 else "s")
