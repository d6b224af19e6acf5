"""The overlay decodes again, and shows the tube where and when it is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tube.scene import GROUND, NTSC, make_result, write_squares
from zerotube.geometry.spans import Span
from zerotube.tube import style
from zerotube.tube.overlay import OverlayPainter, enlargement, write_overlay
from zerotube.tube.types import GroundingResult
from zerotube.video import open_video


def rgb(code: str) -> NDArray[np.int64]:
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)])


def share_of(image: NDArray[np.uint8], code: str, *, slack: int = 12) -> float:
    """Share of pixels of (nearly) one colour."""
    return float((np.abs(image.astype(int) - rgb(code)).max(axis=-1) <= slack).mean())


def blank(result: GroundingResult) -> NDArray[np.uint8]:
    return np.full((result.video.height, result.video.width, 3), GROUND, np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "count", "fps"),
    [(96, 64, 24, NTSC), (63, 47, 10, Fraction(25)), (480, 400, 3, Fraction(12))],
)
def test_the_overlay_decodes_again(
    tmp_path: Path, width: int, height: int, count: int, fps: Fraction
) -> None:
    source = tmp_path / "source.mp4"
    write_squares(source, width, height, count, fps)
    result = make_result(source)
    write_overlay(result, tmp_path / "overlay.mp4")
    painted = OverlayPainter(result).size
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == fps
        frames = list(container.decode(video=0))
    assert len(frames) == count
    assert (frames[0].width, frames[0].height) == tuple(side + side % 2 for side in painted)
    assert min(painted) >= 360


def test_box_and_label_show_inside_the_span_only(result: GroundingResult, tmp_path: Path) -> None:
    write_overlay(result, tmp_path / "overlay.mp4")
    factor, footer = OverlayPainter(result).factor, 64 * OverlayPainter(result).factor
    span = result.tube.span
    with open_video(tmp_path / "overlay.mp4") as video:
        shares = [share_of(frame.image[:footer], style.ACCENT) for frame in video.stream()]
        inside = next(iter(video.stream(span.start_frame))).image
    lit = [frame for frame, share in enumerate(shares) if share > 0.004]
    assert lit == list(range(span.start_frame, span.end_frame + 1))
    x1, y1, x2, y2 = (int(v) for v in result.tube.boxes_xyxy[0] * factor)
    for row, column in (((y1 + y2) // 2, x1), ((y1 + y2) // 2, x2), (y2, (x1 + x2) // 2)):
        near = inside[row - 3 : row + 4, column - 3 : column + 4]
        # H.264 halves the resolution of colour: thin lines take on some of what is beside them
        assert share_of(near, style.ACCENT, slack=60) > 0.1, (row, column)


def test_only_outlines_and_label_cover_the_picture(tmp_path: Path) -> None:
    write_squares(tmp_path / "large.mp4", 480, 400, 6)
    result = make_result(tmp_path / "large.mp4")
    painter = OverlayPainter(result)
    assert painter.factor == 1
    for frame in range(6):
        changed = (painter.paint(blank(result), frame)[:400] != blank(result)).any(axis=-1)
        assert 0.003 < changed.mean() < 0.08
        x1, y1, x2, y2 = result.tracks.by_id(1).boxes_xyxy[frame].astype(int)
        assert not changed[y1 + 5 : y2 - 4, x1 + 5 : x2 - 4].any()


def test_painting_leaves_the_given_frame_alone(result: GroundingResult) -> None:
    image = blank(result)
    OverlayPainter(result).paint(image, 12)
    assert (image == GROUND).all()


def test_the_bar_shows_the_span_and_a_moving_playhead(result: GroundingResult) -> None:
    painter = OverlayPainter(result)
    width, height = painter.size
    heads = []
    for frame in range(24):
        footer = painter.paint(blank(result), frame)[64 * painter.factor :]
        assert footer.shape == (height - 64 * painter.factor, width, 3)
        row = footer[-len(footer) // 4]  # through the bar
        is_head = (np.abs(row.astype(int) - rgb(style.PAPER)) <= 2).all(axis=-1)
        heads.append(float(np.flatnonzero(is_head).mean()))
        is_span = (np.abs(row.astype(int) - rgb(style.ACCENT)) <= 2).all(axis=-1)
        ends = np.flatnonzero(is_span)[[0, -1]] / width * 24
        span = result.tube.span
        assert ends == pytest.approx([span.start_frame, span.end_frame + 1], abs=1.0)
    assert np.diff(heads) == pytest.approx(np.full(23, width / 24), rel=0.15)


def test_where_the_track_has_no_box_none_is_drawn(tmp_path: Path) -> None:
    write_squares(tmp_path / "v.mp4", 480, 400, 24)
    result = make_result(tmp_path / "v.mp4", top_k=8, track_frames=range(8, 16))
    assert result.tube.span == Span(8, 15)
    painter = OverlayPainter(result)
    assert share_of(painter.paint(blank(result), 0)[:400], style.ACCENT) == 0
    assert share_of(painter.paint(blank(result), 12)[:400], style.ACCENT) > 0.004


def test_a_box_at_the_upper_edge_keeps_its_label_in_the_picture(result: GroundingResult) -> None:
    boxes = np.tile(np.float32([60, 0, 96, 20]), (24, 1))
    tracks = replace(result.tracks, tracks=(replace(result.tracks.by_id(1), boxes_xyxy=boxes),))
    tube = replace(
        result.tube,
        boxes_xyxy=boxes[: len(result.tube.frame_indices)],
        track_boxes_xyxy=boxes,
    )
    painted = OverlayPainter(replace(result, tracks=tracks, tube=tube)).paint(blank(result), 12)
    assert share_of(painted[:60], style.ACCENT) > 0.02


def test_a_label_in_another_script_is_drawn(source: Path) -> None:
    latin, cyrillic, unknown = (
        OverlayPainter(make_result(source, noun=noun)).paint(np.zeros((64, 96, 3), np.uint8), 12)
        for noun in ("square", "квадрат", "方块\U0010ffff")
    )
    assert (latin != cyrillic).any()
    assert (cyrillic != unknown).any()


@pytest.mark.parametrize(
    ("width", "height", "factor"),
    [(1280, 720, 1), (360, 360, 1), (224, 224, 2), (64, 48, 8), (1000, 20, 1), (1, 1, 360)],
)
def test_small_videos_are_enlarged_by_a_whole_factor(width: int, height: int, factor: int) -> None:
    assert enlargement(width, height) == factor
