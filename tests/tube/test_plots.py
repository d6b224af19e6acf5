"""The two pictures: not empty, and telling of the right frames."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tube.scene import make_result, write_squares
from zerotube.tube import plots, style
from zerotube.tube.types import GroundingResult

DRAWERS = [plots.draw_attention, plots.draw_timeline]


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(np.int64)


def accent(image: NDArray[np.int64]) -> int:
    code = style.ACCENT
    color = [int(code[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(image - color).max(axis=-1) <= 3).sum())


def test_attention_is_brightest_where_the_map_is(result: GroundingResult, tmp_path: Path) -> None:
    """Against the same picture without attention, the change lies in the map's hot frames."""
    flat = replace(result.evidence, spatial_map=np.zeros_like(result.evidence.spatial_map))
    first, last = np.zeros((2, *result.evidence.spatial_map.shape), np.float32)
    first[0, :4], last[-1, 4:] = 1.0, 1.0
    images = {}
    for name, evidence in {
        "flat": flat,
        "first": replace(result.evidence, spatial_map=first),
        "last": replace(result.evidence, spatial_map=last),
    }.items():
        plots.draw_attention(replace(result, evidence=evidence), tmp_path / f"{name}.png")
        images[name] = pixels(tmp_path / f"{name}.png")
    height, width = images["flat"].shape[:2]
    panels = slice(0, int(width * 0.9))  # without the colour bar
    centres = {}
    for name in ("first", "last"):
        changed = (np.abs(images[name] - images["flat"]).sum(axis=-1) > 60)[:, panels]
        assert 0.005 < changed.mean() < 0.2
        rows, columns = np.nonzero(changed)
        centres[name] = (rows.mean() / height, columns.mean() / width)
    assert centres["first"][0] < centres["last"][0]  # the last of 8 frames is in the second row
    assert centres["first"][1] < 0.2 < 0.4 < centres["last"][1] < 0.6  # third of five columns


def test_a_map_of_a_cropped_view_is_drawn_where_the_view_lies(
    result: GroundingResult, tmp_path: Path
) -> None:
    """A map that covers the left half of the frame leaves the right half of every panel alone."""
    even = np.ones_like(result.evidence.spatial_map)
    half = replace(result.evidence, spatial_map=even, view_xyxy=(0.0, 0.0, 0.5, 1.0))
    none = replace(result.evidence, spatial_map=np.zeros_like(even))
    plots.draw_attention(replace(result, evidence=half), tmp_path / "half.png")
    plots.draw_attention(replace(result, evidence=none), tmp_path / "none.png")
    one, other = pixels(tmp_path / "half.png"), pixels(tmp_path / "none.png")
    changed = np.abs(one - other).sum(axis=-1) > 60
    panels = changed[:, : int(changed.shape[1] * 0.9)]
    assert 0.2 < panels.mean() < 0.5
    assert panels[:, : panels.shape[1] // 12].mean() > 0.4  # left half of the first of five columns


def test_frames_of_the_span_have_a_border(source: Path, tmp_path: Path) -> None:
    counts = []
    for top_k in (1, 3, 8):
        plots.draw_attention(make_result(source, top_k=top_k), tmp_path / "a.png")
        counts.append(accent(pixels(tmp_path / "a.png")))
    assert 0 < counts[0] < counts[1] < counts[2]


def test_a_map_of_merged_frames_is_shown_on_each_of_them(
    result: GroundingResult, tmp_path: Path
) -> None:
    steps = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    four = result.evidence.spatial_map[:4]
    merged = replace(result.evidence, spatial_map=four, step_of_frame=steps)
    apart = replace(result.evidence, spatial_map=four[steps])
    plots.draw_attention(replace(result, evidence=merged), tmp_path / "merged.png")
    plots.draw_attention(replace(result, evidence=apart), tmp_path / "apart.png")
    assert (tmp_path / "merged.png").read_bytes() == (tmp_path / "apart.png").read_bytes()


def test_the_timeline_changes_with_scores_and_span(result: GroundingResult, tmp_path: Path) -> None:
    evidence = result.evidence
    other = replace(evidence, frame_scores=evidence.frame_scores[:, ::-1] * [[1.0], [0.5]])
    plots.draw_timeline(result, tmp_path / "a.png")
    plots.draw_timeline(replace(result, evidence=other), tmp_path / "b.png")
    first, second = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert first.shape == second.shape
    assert (first != second).any(axis=-1).mean() > 0.002
    shaded = (first == np.round(255 + 0.18 * (np.array([255, 157, 30]) - 255)).astype(int)).all(-1)
    columns = np.flatnonzero(shaded.mean(axis=0) > 0.2)
    span, width = result.tube.span, first.shape[1]
    assert (columns[-1] - columns[0]) / width == pytest.approx(
        0.9 * span.frame_count / 24 / 1.02, abs=0.02
    )


@pytest.mark.parametrize("draw", DRAWERS)
@pytest.mark.parametrize(("size", "count"), [((64, 48), 1), ((480, 64), 3), ((48, 160), 7)])
def test_any_shape_and_number_of_frames(
    tmp_path: Path, draw: plots.Drawer, size: tuple[int, int], count: int
) -> None:
    write_squares(tmp_path / "v.mp4", *size, count)
    draw(make_result(tmp_path / "v.mp4"), tmp_path / "out.png")
    image = pixels(tmp_path / "out.png")
    assert image.shape[0] >= 150
    assert image.shape[1] >= 600
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


def test_many_frames_are_thinned_evenly() -> None:
    for count in (1, 2, 20, 30, 31, 64, 1000):
        shown = plots.thinned(count)
        assert len(shown) == min(count, plots.MAX_PANELS)
        assert (shown[0], shown[-1]) == (0, count - 1)
        assert np.ptp(np.diff(shown)) <= 1 if count > 1 else True


@pytest.mark.parametrize("draw", DRAWERS)
def test_any_sentence_is_drawn_without_a_warning(
    source: Path, tmp_path: Path, draw: plots.Drawer
) -> None:
    text = "红色 $x_1$ and $\\frac{ “Quadrat” квадрат \udc80 \x00 👩‍👩 " + "again " * 1500
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(make_result(source, text=text, noun="$\\frac{ 红 _"), tmp_path / "out.png")
    assert pixels(tmp_path / "out.png").size


@pytest.mark.parametrize("draw", DRAWERS)
def test_drawing_needs_no_pyplot_and_repeats_itself(
    result: GroundingResult, tmp_path: Path, draw: plots.Drawer
) -> None:
    for name in ("a.png", "b.png"):
        draw(result, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
