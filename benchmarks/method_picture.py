"""The picture of docs/method.md: from windows and maps to a tube, on one generated clip.

    python benchmarks/method_picture.py [--set mixed] [--index 1] [--out docs/images/method.png] \
        [--overwrite]

Everything is computed by the method, with the bundled model and the true tracks as candidates.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from readme_picture import TRUE
from zerotube.errors import ZerotubeError
from zerotube.files import replaced
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import MethodSettings
from zerotube.method.when import SURE, timeline
from zerotube.synth.candidates import SampleVideo, true_tracks
from zerotube.synth.draw import SynthSample, set_sample
from zerotube.tube import style
from zerotube.tube.plots import COLORMAP
from zerotube.tube.types import GroundingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "method.png"
DPI = 130
MAP_NAMES = ("attention A", '(4) gradient of "{attribute}"', "(4) gradient of the whole sentence")


@dataclass(frozen=True, eq=False)
class Shown:
    """What is drawn.

    Attributes:
        result: the answer.
        truth: the clip.
        maps: float32 ``(T, h, w)`` each, the three that score a track.
    """

    result: GroundingResult
    truth: SynthSample
    maps: tuple[NDArray[np.float32], ...]


def grounded(name: str, index: int) -> Shown:
    """Ground a sample and keep the maps."""
    truth = set_sample(name, index)
    grounder = Grounder.from_pretrained("bundled")
    grounder.keeps_clip = True
    video, candidates = SampleVideo(truth), Candidates(tracks=true_tracks(truth))
    result = grounder.ground(video, truth.query, candidates=candidates)
    settings, query = MethodSettings(**result.settings["method"]), result.query
    session = grounder.prepare(video, truth.query, settings, candidates=candidates).session
    gradients = [
        session.gradient_map(phrase).numpy() for phrase in (query.attribute, query.statement)
    ]
    return Shown(result, truth, (result.evidence.spatial_map, *gradients))


def draw(shown: Shown, path: Path) -> None:
    """Frames and windows above, the two curves and the cut in the middle, the maps below."""
    figure = Figure(figsize=(11.0, 7.4), facecolor="white", dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    result = shown.result
    figure.text(0.05, 0.965, f'"{result.query.text}"', fontsize=14, weight="bold", color=style.INK)
    left, width = 0.07, 0.88
    _frames(figure, shown, (left, 0.80, width, 0.14))
    _when(figure.add_axes((left, 0.42, width, 0.34)), shown)
    for number, one_map in enumerate(shown.maps):
        axes = figure.add_axes((left + number * 0.225, 0.05, 0.21, 0.27))
        name = MAP_NAMES[number].format(attribute=result.query.attribute)
        _map(axes, shown, one_map, name)
    _scores(figure.add_axes((left + 0.72, 0.09, 0.16, 0.21)), shown)
    canvas.print_figure(path, format="png", dpi=DPI, metadata={"Software": None})


def _frames(figure: Figure, shown: Shown, place: tuple[float, float, float, float]) -> None:
    """Ten of the sampled frames; those of the span have a border."""
    result = shown.result
    chosen = result.clip.frame_indices[::2]
    each = place[2] / len(chosen)
    for number, frame in enumerate(chosen):
        axes = figure.add_axes((place[0] + number * each, place[1], each * 0.94, place[3]))
        axes.imshow(shown.truth.frames[frame])
        axes.set_xticks([])
        axes.set_yticks([])
        inside = int(frame) in result.tube.span
        for spine in axes.spines.values():
            spine.set(color=style.ACCENT if inside else "white", linewidth=3 if inside else 0)
        if inside:
            row = int(frame) - result.tube.span.start_frame
            _box(axes, result.tube.boxes_xyxy[row], style.ACCENT)


def _box(axes: Axes, box: NDArray[np.float32], color: str) -> None:
    x1, y1, x2, y2 = (float(side) for side in box)
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=color, lw=1.8))


def _when(axes: Axes, shown: Shown) -> None:
    """Margins of the windows as bars as long as their windows, the fused curve, both spans."""
    result, truth = shown.result, shown.truth
    evidence, scan = result.evidence, result.evidence.scan
    if scan is None:
        raise ValueError("a clip that was not scanned")
    row = evidence.track_ids.index(result.tube.track_id)
    seconds = result.timestamps_s
    found = timeline(evidence, row, MethodSettings(**result.settings["method"]))
    for first, last, margin in zip(scan.first_frames, scan.last_frames, scan.margins, strict=True):
        height = float(np.clip(margin, -SURE, SURE))
        axes.plot(
            [seconds[first], seconds[last]],
            [height, height],
            color=style.SCAN,
            lw=5,
            solid_capstyle="butt",
            alpha=0.75,
        )
    axes.plot([], [], color=style.SCAN, lw=5, label="(1) margin of yes over no, one bar per window")
    numbers = np.arange(len(seconds))
    moments = np.interp(found.moments, numbers, seconds)
    scale = 0.8 * SURE / max(float(np.abs(found.values).max()), 1e-9)
    axes.plot(
        moments,
        scale * found.values,
        "o-",
        color=style.INK,
        lw=1.6,
        ms=3.5,
        label="(2) with the attention inside the track (scaled)",
    )
    axes.axvspan(
        result.start_s, result.end_s, color=style.ACCENT, alpha=0.2, lw=0, label="(3) the cut"
    )
    for number, frame in enumerate((truth.start_frame, truth.end_frame)):
        axes.axvline(
            seconds[frame] + number / float(truth.fps),
            color=TRUE,
            lw=2,
            ls="--",
            label=None if number else "true begin and end",
        )
    axes.set_xlim(0, float(seconds[-1]) + 1 / float(truth.fps))
    axes.set_ylim(-1.15 * SURE, 1.15 * SURE)
    style.panel(axes, "seconds", "yes over no, log-odds")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=4,
        fontsize=9,
        frameon=False,
        borderaxespad=0.1,
        columnspacing=1.4,
    )


def _map(axes: Axes, shown: Shown, one_map: NDArray[np.float32], name: str) -> None:
    """A map over the frame in the middle of the span, all candidates outlined."""
    result = shown.result
    span, frames = result.tube.span, result.clip.frame_indices
    position = int(np.abs(frames - (span.start_frame + span.end_frame) / 2).argmin())
    picture = shown.truth.frames[frames[position]]
    height, width, _ = picture.shape
    axes.imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    cells = one_map[result.evidence.step_of_frame[position]]
    axes.imshow(
        cells,
        cmap=COLORMAP,
        alpha=0.72,
        extent=(0, width, height, 0),
        interpolation="bilinear",
        vmin=0.0,
    )
    for track in result.tracks:
        boxes, visible = track.boxes_at(frames[position : position + 1])
        if visible[0]:
            chosen = track.track_id == result.tube.track_id
            _box(axes, boxes[0], style.ACCENT if chosen else "white")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(name, fontsize=9, color=style.INK)


def _scores(axes: Axes, shown: Shown) -> None:
    """The product of the three inside every track."""
    result = shown.result
    scores = result.evidence.track_scores
    colors = [
        style.ACCENT if one == result.tube.track_id else style.OTHER
        for one in result.evidence.track_ids
    ]
    axes.barh(range(len(scores)), scores, color=colors)
    axes.set_yticks(range(len(scores)), [f"track {one}" for one in result.evidence.track_ids])
    axes.invert_yaxis()
    axes.tick_params(labelsize=8, length=0)
    axes.set_title("(5) score of every track", fontsize=9, color=style.INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", default="mixed")
    parser.add_argument("--index", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--overwrite", action="store_true")
    args = parser.parse_args()
    try:
        if args.out.exists() and not args.overwrite:
            parser.error(f"{args.out} exists: add --overwrite")
        shown = grounded(args.set, args.index)
        with replaced(args.out) as part:
            draw(shown, part)
    except ZerotubeError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
