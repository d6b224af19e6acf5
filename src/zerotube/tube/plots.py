"""``attention.png`` and ``timeline.png``: what the model looked at, and why these frames.

Drawn through matplotlib's objects on the Agg canvas: no window, no global state of pyplot.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.method.types import NamedTimes, Scan, TokenChoice
from zerotube.method.when import SURE
from zerotube.tube import style
from zerotube.tube.rows import verdict_text
from zerotube.tube.types import GroundingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

Drawer = Callable[[GroundingResult, Path], None]
"""A function that draws a result into a file."""

MAX_PANELS = 30
"""Sampled frames shown in ``attention.png``; more are thinned evenly."""

COLORMAP = "inferno"

DPI = 130

_GAP = 0.1
"""Inches between panels."""


def draw_attention(result: GroundingResult, path: Path) -> None:
    """Sampled frames with the spatial map of the chosen token laid over (A_S, section 6).

    One colour scale for all frames, from 0 to the highest cell; weak cells are transparent. The
    chosen track is outlined, frames of the span have a coloured border.

    Args:
        result: a grounding.
        path: PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    evidence = result.evidence
    shown = thinned(len(evidence.frame_indices))
    aspect = result.video.width / result.video.height
    columns = min(len(shown), 5 if aspect < 2.5 else 3)
    rows = -(-len(shown) // columns)
    # inches: panels of about 2.4, larger where there are few, never higher than 4.8
    panel_width = max(2.4 if aspect < 2.5 else 4.0, 5.2 / columns)
    panel_height = max(min(panel_width / aspect, 4.8), 0.4)
    panel_width = min(panel_width, panel_height * aspect)
    grid_width = columns * panel_width + (columns - 1) * _GAP
    width = max(grid_width + 1.05, 6.6)
    title = _fitted(result.query.text, 12.0, width - 2 * _GAP, lines=3, bold=True)
    note = _fitted(_attention_note(result, len(shown)), 9.0, width - 2 * _GAP, lines=3)
    head = 0.62 + 0.24 * title.count("\n") + 0.18 * note.count("\n")
    height = head + rows * (panel_height + 0.32) + 0.1

    figure = Figure(figsize=(width, height), facecolor="white", dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(
        left=_GAP / width,
        right=(_GAP + grid_width) / width,
        top=1 - (head + 0.32) / height,
        bottom=0.1 / height,
        wspace=_GAP / panel_width,
        hspace=0.32 / panel_height,
    )
    scale = Normalize(0.0, max(float(evidence.spatial_map.max()), 1e-12))
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, position in zip(grid.flat, shown, strict=False):
        _draw_panel(axes, result, int(position), scale)
    bar_height = 1 - (head + 0.32 + 0.1) / height
    bar = figure.add_axes(
        ((grid_width + 2.4 * _GAP) / width, 0.1 / height, 0.14 / width, bar_height)
    )
    figure.colorbar(ScalarMappable(norm=scale, cmap=COLORMAP), cax=bar)
    bar.tick_params(labelsize=8, colors=style.INK)
    _title(figure, title, _GAP / width, 1 - 0.14 / height)
    _note(figure, note, _GAP / width, 1 - (0.44 + 0.24 * title.count("\n")) / height)
    canvas.print_figure(path, format="png", dpi=DPI, metadata={"Software": None})


def draw_timeline(result: GroundingResult, path: Path) -> None:
    """Frame scores of the chosen track over time, its span shaded, the other tracks faint.

    Args:
        result: a grounding.
        path: PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    evidence, tube = result.evidence, result.tube
    chosen = evidence.track_ids.index(tube.track_id)
    times = result.timestamps_s[evidence.frame_indices]
    selected = np.array([int(frame) in tube.span for frame in evidence.frame_indices])
    title = _fitted(result.query.text, 12.0, 8.6, lines=3, bold=True)
    legend_rows = 1 if evidence.scan is None and evidence.named is None else 2
    head = 0.58 + 0.2 * legend_rows + 0.24 * title.count("\n")
    height = 3.4 + head
    figure = Figure(figsize=(9.6, height), facecolor="white", dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    width = 0.9 if evidence.scan is None else 0.86
    axes = figure.add_axes((0.075, 0.55 / height, width, 1 - (head + 0.75) / height))

    axes.axvspan(
        result.start_s,
        result.end_s,
        color=style.ACCENT,
        alpha=0.18,
        lw=0,
        label="chosen span",
    )
    for row, scores in enumerate(evidence.frame_scores):
        if row != chosen:
            label = "other candidates" if row == (0 if chosen else 1) else None
            axes.plot(times, scores, "o-", color=style.OTHER, lw=1.2, ms=2.5, zorder=2, label=label)
    scores = evidence.frame_scores[chosen]
    name, font = _font(f"{style.object_name(result)}, track {tube.track_id}", 9.0)
    axes.plot(times, scores, color=style.INK, lw=1.8, zorder=3, label=name.replace("$", r"\$"))
    axes.plot(
        times[~selected],
        scores[~selected],
        "o",
        ms=5,
        mfc="white",
        mec=style.INK,
        zorder=4,
        clip_on=False,
    )
    axes.plot(
        times[selected],
        scores[selected],
        "o",
        ms=7,
        mfc=style.ACCENT,
        mec=style.INK,
        zorder=5,
        clip_on=False,
        label=f"{int(selected.sum())} of {len(selected)} sampled frames selected",
    )
    duration = max(result.video.duration_s, 1e-3)
    axes.set_xlim(-0.01 * duration, 1.01 * duration)
    axes.set_ylim(0.0, max(float(evidence.frame_scores.max()), 1e-12) * 1.08)
    style.panel(axes, "seconds", "attention inside the track")
    if evidence.scan is not None:
        _draw_scan(axes, result, evidence.scan)
    if evidence.named is not None:
        _draw_named(axes, result, evidence.named)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        frameon=False,
        borderaxespad=0.3,
        handlelength=1.4,
        columnspacing=1.4,
        prop=font,
    )
    span = tube.span
    _title(figure, title, 0.075, 1 - 0.16 / height)
    _note(
        figure,
        f"{result.start_s:.2f} s to {result.end_s:.2f} s (frames {span.start_frame} to "
        f"{span.end_frame}); {verdict_text(result)}; temporal attention read from "
        f"{_token_name(evidence.temporal_token)}",
        0.075,
        1 - (0.46 + 0.24 * title.count("\n")) / height,
    )
    canvas.print_figure(path, format="png", dpi=DPI, metadata={"Software": None})


def _draw_scan(axes: Axes, result: GroundingResult, scan: Scan) -> None:
    """Margins of the scanned windows at their middles, on an axis of their own at the right."""
    numbers = np.arange(len(result.timestamps_s))
    times = np.interp(scan.moments, numbers, result.timestamps_s)
    margins = scan.margins.clip(-SURE, SURE)
    # Behind the attention, which keeps the axes' own legend.
    beside = axes.twinx()
    beside.plot(times, margins, "s-", color=style.SCAN, lw=1.4, ms=3.5, clip_on=False)
    beside.set_ylim(-1.08 * SURE, 1.08 * SURE)
    beside.set_ylabel("asked window by window: yes over no", fontsize=9, color=style.SCAN)
    beside.tick_params(labelsize=8, colors=style.SCAN, length=0)
    for side in ("top", "left", "right", "bottom"):
        beside.spines[side].set_visible(False)
    axes.plot([], [], "s-", color=style.SCAN, lw=1.4, ms=3.5, label="scan (right axis)")


def _draw_named(axes: Axes, result: GroundingResult, named: NamedTimes) -> None:
    """The windows that were named in words, as bars along the top, one height per answer."""
    numbers = np.arange(len(result.timestamps_s))
    step = min(0.03, 0.3 / max(len(named.answers), 1))
    for row, windows in enumerate(named.answers):
        starts, ends = np.interp(np.array(windows).T, numbers, result.timestamps_s)
        axes.hlines(
            [0.98 - step * row] * len(windows),
            starts,
            ends,
            color=style.NAMED,
            lw=min(4.0, 130.0 * step),
            transform=axes.get_xaxis_transform(),
        )
    count = len(named.answers)
    label = f"named in words ({count} of {count + len(named.refused)} answers)"
    axes.plot([], [], "-", color=style.NAMED, lw=4.0, label=label)


_CONTRASTS = {
    "ratio": "relative to a content-free prompt's",
    "difference": "above a content-free prompt's",
    "excluding": "above a prompt's that leaves the object out",
}
"""What a contrast of the method is called in a note."""


def _attention_note(result: GroundingResult, shown: int) -> str:
    token, count = result.evidence.spatial_token, len(result.evidence.frame_indices)
    note = f"{verdict_text(result)}; spatial attention, read from {_token_name(token)}"
    contrast = result.settings.get("method", {}).get("contrast", "none")
    if contrast != "none":
        note += f", {_CONTRASTS[contrast]}"
    if shown < count:
        note += f"; {shown} of {count} sampled frames"
    return note + "; orange frame: in the span"


def _draw_panel(axes: Axes, result: GroundingResult, position: int, scale: Any) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    evidence, tube, video = result.evidence, result.tube, result.video
    frame = int(evidence.frame_indices[position])
    # grey and darker, so that colour in the picture means attention
    image = _reduced(result.clip.frames[position]).astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    dimmed = (0.4 * image + 0.6 * grey) * 0.8
    extent = (0.0, float(video.width), float(video.height), 0.0)
    axes.imshow(dimmed.astype(np.uint8), extent=extent, interpolation="antialiased", aspect="auto")
    strength = scale(evidence.spatial_map[evidence.step_of_frame[position]]).filled(0.0)
    heat = colormaps[COLORMAP](strength)
    heat[..., 3] = 0.9 * strength**0.75
    covered = map_extent(evidence.view_xyxy, video.width, video.height)
    axes.imshow(heat, extent=covered, interpolation="bilinear", aspect="auto")
    at = np.searchsorted(tube.track_frame_indices, frame)
    if at < len(tube.track_frame_indices) and tube.track_frame_indices[at] == frame:
        x1, y1, x2, y2 = (float(v) for v in tube.track_boxes_xyxy[at])
        for color, lw in ((style.INK, 2.6), ("white", 1.3)):
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=color, lw=lw))
    axes.set_xlim(0, video.width)
    axes.set_ylim(video.height, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    inside = frame in tube.span
    for spine in axes.spines.values():
        spine.set(color=style.ACCENT if inside else style.OTHER, linewidth=3.0 if inside else 0.8)
    axes.set_title(
        f"{result.timestamps_s[frame]:.2f} s",
        color=style.INK,
        fontproperties=_font("0", 8.5, bold=inside)[1],
        pad=4,
        loc="left",
    )


def map_extent(
    view_xyxy: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    """Where a map lies on the frame, in pixels: left, right, bottom, top as ``imshow`` takes it."""
    left, top, right, bottom = view_xyxy
    return left * width, right * width, bottom * height, top * height


def _reduced(image: NDArray[np.uint8], long_side: int = 720) -> NDArray[np.uint8]:
    """The picture at no more than twice a panel's pixels: drawing 20 frames in 4K takes minutes."""
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((long_side, long_side), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, dtype=np.uint8)


def thinned(count: int) -> NDArray[np.int64]:
    """Positions of the frames to show, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_PANELS)).round()).astype(np.int64)


def _token_name(token: TokenChoice) -> str:
    if token.chosen is not None:
        return f"the token {style.clean(repr(token.text))}"
    if np.ptp(token.weights) == 0.0:
        return "the mean of all role tokens"
    return f"{np.count_nonzero(token.weights)} of {len(token.weights)} role tokens"


def _fitted(text: str, size: float, inches: float, *, lines: int, bold: bool = False) -> str:
    """The text broken into lines that fit a width, at ``size`` points."""
    from PIL import ImageFont

    drawn, path = style.legible(style.clean(text) + "…", bold=bold)
    font = ImageFont.truetype(str(path), round(size * 10))
    # 720 = 72 points times 10; 0.95 because matplotlib spaces characters by whole pixels
    return style.wrapped(drawn[:-1], font, inches * 720 * 0.95, lines=lines)


def _font(text: str, size: float, *, bold: bool = False) -> tuple[str, FontProperties]:
    """The text as it can be drawn, and the font that has its characters."""
    from matplotlib.font_manager import FontProperties

    drawn, path = style.legible(text, bold=bold)
    return drawn, FontProperties(fname=str(path), size=size)


def _title(figure: Figure, text: str, x: float, y: float) -> None:
    _text(figure, x, y, _font(text, 12.0, bold=True), style.INK)


def _note(figure: Figure, text: str, x: float, y: float) -> None:
    _text(figure, x, y, _font(text, 9.0), style.NOTE)


def _text(figure: Figure, x: float, y: float, text: tuple[str, FontProperties], color: str) -> None:
    figure.text(
        x,
        y,
        text[0],
        ha="left",
        va="top",
        color=color,
        fontproperties=text[1],
        parse_math=False,  # a dollar sign in a query is a dollar sign
        linespacing=1.3,
    )
