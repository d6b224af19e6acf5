"""The README's first picture: the demo's clip, its answer beside the truth.

    python benchmarks/readme_picture.py [--out docs/images/demo.png] [--overwrite]

It shows what `zerotube demo` computes: the first plain clip of the held-out seeds, not picked
for its answer (`zerotube.cli.demo.demo_sample`), candidates by `motion`, the default settings. Six
of the sampled frames are shown, evenly spread, the first and the last among them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from zerotube.cli.demo import CLIP, demo_sample
from zerotube.errors import ZerotubeError
from zerotube.files import replaced
from zerotube.geometry.spans import Span
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import MethodSettings
from zerotube.synth import CRF, SynthSample
from zerotube.tube import style
from zerotube.tube.plots import COLORMAP, map_extent
from zerotube.tube.types import GroundingResult
from zerotube.video import write_video

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "demo.png"

TRUE = "#12a5b8"
"""Colour of what is true; the answer wears ``style.ACCENT`` as everywhere."""

PANELS = 6
WIDTH, MARGIN, GAP = 12.0, 0.25, 0.09
"""Inches."""

DPI = 120

SMOOTH = 32
"""Points per cell of the attention's grid."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help='"bundled" or a folder of weights')
    parser.add_argument("--seed", type=int, default=0, help="as of `zerotube demo`")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier picture")
    arguments = parser.parse_args()
    if arguments.out.exists() and not arguments.overwrite:
        parser.error(f"{arguments.out} exists; pass --overwrite to replace it")
    try:
        truth, result = grounded(arguments.model, arguments.seed)
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"readme_picture.py: error: {error}\n")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    draw(truth, result, arguments.out)
    print(arguments.out)


def grounded(
    model: str, seed: int, settings: MethodSettings | None = None
) -> tuple[SynthSample, GroundingResult]:
    """The demo's clip and the answer to its sentence.

    Args:
        model: "bundled" or a folder of weights.
        seed: as of `zerotube demo`.
        settings: of the method; None for those of the demo.

    Raises:
        ZerotubeError: the model cannot be loaded, or there is nothing to ground.
    """
    truth = demo_sample(seed)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / CLIP
        write_video(clip, truth.frames, truth.fps, crf=CRF)
        grounder = Grounder.from_pretrained(model)
        result = grounder.ground(
            clip, truth.query, candidates=Candidates("motion", store=False), settings=settings
        )
    return truth, result


def draw(truth: SynthSample, result: GroundingResult, path: Path) -> None:
    """Draw the sheet: title, frames, attention, timeline.

    Args:
        truth: the clip with its true tube.
        result: the answer.
        path: PNG file to write; an earlier one is replaced once the new one is whole.
    """
    shown = np.linspace(0, len(result.evidence.frame_indices) - 1, PANELS).round().astype(int)
    side = (WIDTH - 2 * MARGIN - (PANELS - 1) * GAP) / PANELS
    panel = side * result.video.height / result.video.width
    head, labels, bar = 0.98, 0.3, 1.2
    height = head + labels + 2 * panel + GAP + bar
    figure = Figure(figsize=(WIDTH, height), facecolor="white", dpi=DPI)
    canvas = FigureCanvasAgg(figure)

    def place(left: float, top: float, width: float, tall: float) -> Axes:
        """Axes by inches from the left and from the top."""
        return figure.add_axes(
            (left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height)
        )

    _head(figure, truth, result, height)
    # The root, so that more than the one highest cell is seen; one scale for all frames.
    scale = PowerNorm(0.5, 0.0, max(float(result.evidence.spatial_map.max()), 1e-12))
    for column, position in enumerate(shown):
        left, top = MARGIN + column * (side + GAP), head + labels
        _frame(place(left, top, side, panel), truth, result, int(position))
        _attention(place(left, top + panel + GAP, side, panel), result, int(position), scale)
    _timeline(
        place(
            MARGIN + 0.85, head + labels + 2 * panel + GAP + 0.16, WIDTH - 2 * MARGIN - 0.85, 0.62
        ),
        truth,
        result,
        shown,
    )
    with replaced(path) as partial:
        canvas.print_figure(partial, format="png", dpi=DPI, metadata={"Software": None})


def _head(figure: Figure, truth: SynthSample, result: GroundingResult, height: float) -> None:
    """The sentence, and what the colours mean."""
    left = MARGIN / WIDTH
    figure.text(
        left, 1 - 0.2 / height, f"“{truth.query}”", va="top", color=style.INK,
        fontproperties=_font(21, bold=True),
    )  # fmt: skip
    x = left
    start, end = Span(truth.start_frame, truth.end_frame).seconds(truth.fps)
    for colour, text in (
        (style.ACCENT, f"found: {result.start_s:.1f} s to {result.end_s:.1f} s"),
        (TRUE, f"true: {start:.1f} s to {end:.1f} s"),
    ):
        figure.add_artist(
            Rectangle(
                (x, 1 - 0.86 / height), 0.2 / WIDTH, 0.16 / height, fc="none", ec=colour, lw=3
            )
        )
        written = figure.text(
            x + 0.3 / WIDTH, 1 - 0.78 / height, text, va="center", color=style.INK,
            fontproperties=_font(13),
        )  # fmt: skip
        x = written.get_window_extent().x1 / (WIDTH * DPI) + 0.35 / WIDTH
    figure.text(
        1 - left, 1 - 0.78 / height, "below each frame: where the model looks", ha="right",
        va="center", color=style.NOTE, fontproperties=_font(13),
    )  # fmt: skip


def _frame(axes: Axes, truth: SynthSample, result: GroundingResult, position: int) -> None:
    """A sampled frame with both boxes, each inside its own span."""
    frame = int(result.evidence.frame_indices[position])
    _picture(axes, result, result.clip.frames[position])
    axes.set_title(
        f"{result.timestamps_s[frame]:.1f} s", color=style.NOTE, fontproperties=_font(12), pad=4
    )
    if truth.start_frame <= frame <= truth.end_frame:
        _box(axes, truth.boxes_xyxy[truth.target, frame], TRUE, 6.0)
    at = np.flatnonzero(result.tube.frame_indices == frame)
    if len(at):
        _box(axes, result.tube.boxes_xyxy[at[0]], style.ACCENT, 2.0)


def _attention(axes: Axes, result: GroundingResult, position: int, scale: Any) -> None:
    """The same frame, grey and dark, under the attention that chose the track."""
    evidence, video = result.evidence, result.video
    image = result.clip.frames[position].astype(np.float32)
    dimmed = 0.8 * image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    _picture(axes, result, dimmed.astype(np.uint8))
    strength = scale(evidence.spatial_map[evidence.step_of_frame[position]]).filled(0.0)
    # Between the cells the strength is interpolated, not the colours, which would turn muddy.
    size = SMOOTH * strength.shape[1], SMOOTH * strength.shape[0]
    cells = Image.fromarray(np.asarray(strength, dtype=np.float32))
    smooth = np.asarray(cells.resize(size, Image.Resampling.BICUBIC)).clip(0.0, 1.0)
    heat = colormaps[COLORMAP](smooth)
    heat[..., 3] = 0.4 + 0.55 * smooth
    covered = map_extent(evidence.view_xyxy, video.width, video.height)
    axes.imshow(heat, extent=covered, interpolation="bilinear", aspect="auto")
    axes.set_xlim(0, video.width)
    axes.set_ylim(video.height, 0)


def _timeline(
    axes: Axes, truth: SynthSample, result: GroundingResult, shown: NDArray[np.int64]
) -> None:
    """Both spans over the whole clip; ticks are the frames shown."""
    fps, count = float(truth.fps), len(truth.frames)
    for row, (name, colour, span) in enumerate(
        (
            ("true", TRUE, Span(truth.start_frame, truth.end_frame)),
            ("found", style.ACCENT, result.tube.span),
        )
    ):
        _bar(axes, 0.0, count / fps, row, "#e9ecf1")
        _bar(axes, *span.seconds(fps), row, colour)
        axes.text(
            -0.012 * count / fps, row, name, ha="right", va="center", color=style.INK,
            fontproperties=_font(13),
        )  # fmt: skip
    times = result.timestamps_s[result.evidence.frame_indices[shown]]
    axes.set_xticks(times, [f"{time:.1f} s" for time in times], fontproperties=_font(12))
    axes.set_xlim(0.0, count / fps)
    axes.set_ylim(1.6, -0.6)
    axes.set_yticks([])
    axes.tick_params(length=5, colors=style.NOTE)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _bar(axes: Axes, start: float, stop: float, row: int, colour: str) -> None:
    axes.add_patch(Rectangle((start, row - 0.33), stop - start, 0.66, fc=colour, ec="none"))


def _picture(axes: Axes, result: GroundingResult, image: NDArray[np.uint8]) -> None:
    extent = (0.0, float(result.video.width), float(result.video.height), 0.0)
    axes.imshow(image, extent=extent, interpolation="lanczos", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _box(axes: Axes, box: NDArray[np.float32], colour: str, room: float) -> None:
    """A box drawn ``room`` points outside its edges: two that agree lie one around the other."""
    x1, y1, x2, y2 = (float(value) for value in box)
    pixels_per_point = abs(axes.get_ylim()[0] - axes.get_ylim()[1]) / (
        72.0 * axes.get_window_extent().height / DPI
    )
    out = room * pixels_per_point
    for line, thick in (("white", 4.2), (colour, 2.8)):
        axes.add_patch(
            Rectangle(
                (x1 - out, y1 - out),
                x2 - x1 + 2 * out,
                y2 - y1 + 2 * out,
                fill=False,
                ec=line,
                lw=thick,
                joinstyle="miter",
            )
        )


def _font(size: float, *, bold: bool = False) -> FontProperties:
    """DejaVu Sans, which comes with matplotlib."""
    return FontProperties(fname=str(style.legible("0", bold=bold)[1]), size=size)


if __name__ == "__main__":
    main()
