"""Whether an opened video fits its annotation."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from zerotube.eval.datasets.fit import misfit
from zerotube.eval.types import Sample, Truth
from zerotube.geometry.spans import Span
from zerotube.video import open_video, write_video
from zerotube.video.types import VideoInfo

INFO = VideoInfo(
    path="a.mp4",
    fps=Fraction(30),
    frame_count=600,
    width=640,
    height=360,
    duration_s=20.0,
    rotation_deg=0,
    variable_frame_rate=False,
    warnings=(),
)
SAMPLE = Sample(
    sample_id="a",
    query="the man walks",
    kind="declarative",
    video_name="a.mp4",
    video=None,
    truth=Truth(Span(100, 199), np.tile([0.0, 0.0, 9.0, 9.0], (100, 1))),
    frame_count=600,
    width=640,
    height=360,
)


@pytest.mark.parametrize(
    ("frames", "segment", "reason"),
    [
        (600, None, None),
        (598, None, None),
        (580, None, None),
        (560, None, "560 frames, annotated are 600: damaged or cut"),
        (199, None, "199 frames, the true tube lasts until frame 199"),
        (1200, None, "1200 frames, annotated are 600: frame numbers mean other times"),
        (250, Span(50, 249), None),
        (230, Span(50, 249), None),
        (210, Span(50, 249), "210 frames, annotated are 250"),
        (199, Span(50, 249), "the true tube lasts until frame 199"),
    ],
)
def test_length(frames: int, segment: Span | None, reason: str | None) -> None:
    got = misfit(replace(SAMPLE, segment=segment), replace(INFO, frame_count=frames))
    assert got is None if reason is None else got is not None and reason in got


def test_a_segment_behind_the_end() -> None:
    sample = replace(
        SAMPLE, truth=Truth(Span(0, 0), np.zeros((1, 4))), segment=Span(300, 310), frame_count=None
    )
    assert "segment begins at frame 300" in str(misfit(sample, replace(INFO, frame_count=300)))
    assert misfit(sample, replace(INFO, frame_count=301)) is None


def test_size() -> None:
    turned = misfit(SAMPLE, replace(INFO, width=360, height=640))
    assert turned == (
        "the video is 360x640, annotated are 640x360: the true boxes are in other pixels"
    )
    assert misfit(replace(SAMPLE, width=None, height=None), replace(INFO, width=320)) is None


def test_a_real_video_that_was_cut(tmp_path: Path) -> None:
    frames = np.zeros((24, 48, 64, 3), np.uint8)
    write_video(tmp_path / "a.mp4", frames, Fraction(12))
    sample = replace(SAMPLE, width=64, height=48, frame_count=24)
    short = replace(sample, truth=Truth(Span(20, 23), np.zeros((4, 4))))
    with open_video(tmp_path / "a.mp4") as video:
        assert misfit(short, video.info) is None
        assert "the true tube lasts until frame 199" in str(misfit(sample, video.info))
        assert "annotated are 50" in str(misfit(replace(short, frame_count=50), video.info))
