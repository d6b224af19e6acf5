"""``plot.png`` of every analysis, in the style of the method's own plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zerotube.eval.analyses.peaks_findings import PAPER_PEAKS, PEAK, share_of_span
from zerotube.eval.analyses.region import SPAN
from zerotube.eval.analyses.result import counted
from zerotube.tube import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    from zerotube.eval.analyses.consistency_findings import ConsistencyFindings
    from zerotube.eval.analyses.peaks_findings import Change, PeaksFindings
    from zerotube.eval.analyses.tokens_findings import AttentionFindings, TokensFindings
    from zerotube.eval.bootstrap import Interval

DPI = 130

MOST_TOKENS = 14
"""Tokens named in the plot; the others of a long template stand in the table."""

_HEAD = 0.95
"""Inches above the panels."""


def tokens_figure(found: TokensFindings) -> Figure:
    """Hit ratio and ratio of attention by token, accuracy by rank; both attentions."""
    shown = {name: _ranked(one) for name, one in found.attentions.items()}
    most = max(len(rows) for rows in shown.values())
    height = 2 * (0.62 + 0.30 * max(most, 6)) + _HEAD + 0.7
    count = max(len(one.regions[SPAN].rows) for one in found.attentions.values())
    part = f"; {most} of {count} tokens, the others stand in the table" if most < count else ""
    figure = _figure(
        11.0,
        height,
        found.title,
        f"{counted(found.measured)}, {found.failed} failed; whiskers: 95% intervals; ratios over "
        f"the sampled frames of the true span{part}",
    )
    grid = figure.subplots(2, 2, gridspec_kw={"width_ratios": [1.35, 1.0]})
    for (left, right), (name, one) in zip(grid, found.attentions.items(), strict=True):
        _draw_tokens(left, one, shown[name], name)
        _draw_ranks(right, one, name, found.accuracy_of_lot)
    _lay_out(figure, height, left=0.17, wspace=0.22, gap=0.85)
    return figure


def peaks_figure(found: PeaksFindings) -> Figure:
    """Peak, and share of the mass inside the true box, before against after tuning."""
    height = 8.6
    figure = _figure(
        9.2,
        height,
        found.title,
        f"{counted(found.measured)}, {found.failed} failed; one dot per sample and prompt, the "
        f"large ones are means; the paper's mean peak: {PAPER_PEAKS[0]} to {PAPER_PEAKS[1]}",
    )
    grid = figure.subplots(2, 2)
    for row, attention in zip(grid, ("relative", "plain"), strict=True):
        for axes, quantity in zip(row, (PEAK, share_of_span()), strict=True):
            changes = [found.change(attention, prompt, quantity) for prompt in ("V_s", "V_t")]
            _draw_before_after(axes, changes, f"{attention} attention: {quantity}")
    _lay_out(figure, height, left=0.085, wspace=0.26, gap=0.85)
    return figure


def consistency_figure(found: ConsistencyFindings) -> Figure:
    """Accuracy of every group over its mean consistency, with and without tuning."""
    height = 4.9
    figure = _figure(
        10.4,
        height,
        found.title,
        f"{counted(found.measured)} in {len(found.tunings['tuned'].groups)} groups of equal size; "
        f"whiskers: 95% intervals; vIoU {found.protocol}",
    )
    pair = figure.subplots(1, 2, sharey=True)
    for axes, (tuning, one) in zip(pair, found.tunings.items(), strict=True):
        places = [group.mean for group in one.groups]
        series = (
            ("right track, assembled", "assembled", "accuracy", style.INK, "o", "-"),
            ("right track, forward map", "forward", "accuracy", style.NOTE, "s", ":"),
            ("m_vIoU, assembled", "assembled", "m_v_iou", style.ACCENT, "D", "-"),
        )
        reach = max(places) - min(places)
        for number, (label, answer, field, colour, mark, line) in enumerate(series):
            # Beside each other: whiskers on one line could not be told apart.
            moved = [place + (number - 1) * 0.006 * reach for place in places]
            values = [getattr(group.answers[answer], field) for group in one.groups]
            _whiskers(axes, moved, values, colour, mark, line, label)
        rank = one.correlations["assembled"].right
        said = (
            f"Spearman {rank.mean:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
            if np.isfinite(rank.mean)
            else "no correlation defined"
        )
        prompts = "attribute prompts tuned" if tuning == "tuned" else "attribute prompts not tuned"
        _panel(axes, f"{prompts}; right track: {said}", "mean consistency of the group (cosine)")
        axes.set_ylim(-0.02, 1.02)
    pair[0].set_ylabel("share of samples, mean vIoU", fontsize=9, color=style.INK)
    figure.legend(
        *pair[0].get_legend_handles_labels(),
        loc="upper right",
        bbox_to_anchor=(0.99, 1 - 0.08 / height),
        frameon=False,
        fontsize=8.5,
    )
    _lay_out(figure, height, left=0.07, wspace=0.08, gap=0.0)
    return figure


def _ranked(one: AttentionFindings) -> list[Any]:
    """The tokens to show, in prompt order: those that hit or are taken most often."""
    rows = list(one.regions[SPAN].rows)
    weight = [row.hit_ratio.mean + row.chosen.mean for row in rows]
    kept = sorted(np.argsort(np.negative(np.nan_to_num(weight)), kind="stable")[:MOST_TOKENS])
    return [rows[place] for place in kept]


def _draw_tokens(axes: Axes, one: AttentionFindings, rows: Sequence[Any], name: str) -> None:
    places = np.arange(len(rows), dtype=float)
    bars: Mapping[str, tuple[list[Interval], str, float]] = {
        "has the highest ratio (hit ratio)": ([row.hit_ratio for row in rows], style.ACCENT, -0.19),
        "has the highest activation (GTI)": ([row.chosen for row in rows], style.INK, 0.19),
    }
    for label, (values, colour, shift) in bars.items():
        means = np.array([value.mean for value in values])
        axes.barh(places + shift, np.nan_to_num(means), 0.36, color=colour, label=label)
        known = np.isfinite(means)
        axes.errorbar(
            means[known],
            (places + shift)[known],
            xerr=_reach([value for value, good in zip(values, known, strict=True) if good]),
            fmt="none",
            ecolor=style.OTHER if colour == style.INK else style.NOTE,
            elinewidth=1.4,
            capsize=2,
        )
    region = one.regions[SPAN]
    if np.isfinite(region.chance):
        axes.axvline(region.chance, color=style.NOTE, lw=1.2, ls="--", label="chance")
    axes.set_yticks(places)
    axes.set_yticklabels([_drawable(row.token)[0] for row in rows])
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontproperties(_drawable(row.token)[1])
    axes.set_xlim(0, 1.02)
    axes.invert_yaxis()
    both = region.chosen_is_superior.mean
    said = f": GTI takes the superior token in {100 * both:.0f}%" if np.isfinite(both) else ""
    _panel(axes, f"{name} attention{said}", "share of samples", grid="x")
    if region.samples:
        axes.legend(frameon=False, fontsize=8, loc="best")
    else:
        _say(axes, "no sample has a ratio")


def _draw_ranks(axes: Axes, one: AttentionFindings, name: str, lot: float) -> None:
    ranks = [row for row in one.ranks if row.rank is not None]
    mean = one.ranks[-1].accuracy
    places = [float(row.rank or 0) for row in ranks]
    axes.axhspan(mean.low, mean.high, color=style.ACCENT, alpha=0.18, lw=0)
    axes.axhline(mean.mean, color=style.ACCENT, lw=1.8, label="mean of tokens")
    _whiskers(
        axes, places, [row.accuracy for row in ranks], style.INK, "o", "-", "one token, by rank"
    )
    axes.set_ylim(-0.02, 1.02)
    axes.axhline(lot, color=style.NOTE, lw=1.2, ls="--", label="a candidate drawn at random")
    axes.set_xlim(0.6, len(ranks) + 0.4)
    _whole_ticks(axes)
    _panel(axes, f"{name} attention", "rank by activation (1 = the token GTI takes)")
    axes.set_ylabel("Acc@0.5", fontsize=9, color=style.INK)
    axes.legend(frameon=False, fontsize=8, loc="best")


def _draw_before_after(axes: Axes, changes: Sequence[Change], title: str) -> None:
    values = [value for one in changes for value in (*one.before, *one.after)]
    marks = (("o", style.INK), ("^", style.ACCENT))
    for one, (mark, colour) in zip(changes, marks, strict=True):
        if not one.before:
            continue
        axes.plot(one.before, one.after, mark, ms=3.5, color=colour, alpha=0.45, mew=0)
        mean = one.mean_before.mean, one.mean_after.mean
        axes.plot(
            *mean,
            mark,
            ms=10,
            mfc=colour,
            mec="white",
            mew=1.4,
            zorder=5,
            label=f"{one.prompt}: {mean[0]:.3g} to {mean[1]:.3g}",
        )
    if values:
        limits = (0.0, max(max(values) * 1.05, 1e-9))
        axes.set_xlim(limits)
        axes.set_ylim(limits)
        axes.plot(limits, limits, color=style.OTHER, lw=1.2, ls="--", zorder=1, label="no change")
        axes.legend(fontsize=8.5, loc="best", framealpha=0.85, edgecolor="white")
    else:
        _say(axes, "no sample has a true box in view")
    _panel(axes, title, "before tuning")
    axes.set_ylabel("after tuning", fontsize=9, color=style.INK)


def _whiskers(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[Interval],
    colour: str,
    mark: str,
    line: str,
    label: str,
) -> None:
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


def _reach(values: Sequence[Interval]) -> Any:
    """How far the interval reaches below and above the mean, never negative."""
    return np.maximum([[v.mean - v.low for v in values], [v.high - v.mean for v in values]], 0.0)


def _figure(width: float, height: float, title: str, note: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", dpi=DPI)
    x = 0.15 / width
    figure.text(
        x, 1 - 0.14 / height, title, va="top", fontsize=12, fontweight="bold", color=style.INK
    )
    figure.text(x, 1 - 0.42 / height, note, va="top", fontsize=9, color=style.NOTE)
    return figure


def _lay_out(figure: Figure, height: float, *, left: float, wspace: float, gap: float) -> None:
    """Place the panels; ``gap`` is in inches, between rows of two."""
    panel = (height - _HEAD - 0.55 - gap) / 2
    figure.subplots_adjust(
        left=left,
        right=0.985,
        top=1 - _HEAD / height,
        bottom=0.55 / height,
        wspace=wspace,
        hspace=gap / panel,
    )


def _panel(axes: Axes, title: str, x_label: str, grid: Literal["x", "y"] = "y") -> None:
    axes.set_title(title, loc="left", fontsize=9.5, color=style.INK)
    axes.set_xlabel(x_label, fontsize=9, color=style.INK)
    axes.tick_params(labelsize=8.5, colors=style.NOTE, length=3)
    axes.grid(axis=grid, color="#e6e9ee", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#aab1bc")


def _whole_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))


def _say(axes: Axes, text: str) -> None:
    """A text in the middle of a panel without data."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=9.5, color=style.NOTE)


def _drawable(token: str) -> tuple[str, FontProperties]:
    """A token's name as it can be drawn, its position kept, and the font that has its characters.

    A dollar sign starts no formula.
    """
    from matplotlib.font_manager import FontProperties

    text, _, position = token.rpartition(" ")
    drawn, path = style.legible(f"{style.shorten(text, 24)} {position}")
    return drawn.replace("$", r"\$"), FontProperties(fname=str(path), size=8.5)
