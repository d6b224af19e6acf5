"""Types, sampling and timing, without any file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.errors import UsageError, VideoError
from zerotube.video import Clip, Frame, VideoInfo, uniform_indices
from zerotube.video.timing import frame_rate, is_variable, last_frame_duration_s

INFO = VideoInfo("a.mp4", Fraction(30), 10, 6, 4, 1 / 3, 0, False, ())


@pytest.mark.parametrize(
    "change",
    [
        {"fps": Fraction(0)},
        {"frame_count": 0},
        {"width": 0},
        {"height": -1},
        {"duration_s": float("nan")},
        {"duration_s": -1.0},
        {"rotation_deg": 45},
    ],
)
def test_info_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(VideoError):
        replace(INFO, **change)  # type: ignore[arg-type]


def clip(**changes: object) -> Clip:
    parts = {
        "info": INFO,
        "frames": np.zeros((3, 4, 6, 3), np.uint8),
        "frame_indices": np.array([0, 4, 9]),
        "timestamps_s": np.array([0.0, 0.1, 0.3]),
    }
    return Clip(**{**parts, **changes})  # type: ignore[arg-type]


def test_clip_is_checked() -> None:
    assert len(clip()) == 3
    for changes in (
        {"frames": np.zeros((3, 6, 4, 3), np.uint8)},
        {"frames": np.zeros((3, 4, 6, 3), np.float32)},
        {"frame_indices": np.array([0, 4, 4])},
        {"frame_indices": np.array([0, 4, 10])},
        {"frame_indices": np.array([-1, 4, 9])},
        {"frame_indices": np.array([0, 4, 9], np.int32)},
        {"timestamps_s": np.array([0.0, 0.1])},
        {"timestamps_s": np.array([0.0, 0.1, np.inf])},
        {
            "frames": np.zeros((0, 4, 6, 3), np.uint8),
            "frame_indices": np.zeros(0, np.int64),
            "timestamps_s": np.zeros(0),
        },
    ):
        with pytest.raises(VideoError):
            clip(**changes)


def test_frame_is_checked() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert Frame(0, 0.0, image).index == 0
    for index, second, picture in ((-1, 0.0, image), (0, -1.0, image), (0, 0.0, image[..., 0])):
        with pytest.raises(VideoError):
            Frame(index, second, picture)


@given(frames=st.integers(1, 10**7), count=st.integers(1, 300))
def test_uniform_indices(frames: int, count: int) -> None:
    indices = uniform_indices(frames, count)
    assert indices.dtype == np.int64
    assert len(indices) == min(frames, count)
    assert (np.diff(indices) > 0).all()
    if len(indices) > 1:
        assert (indices[0], indices[-1]) == (0, frames - 1)
        even = np.linspace(0, frames - 1, len(indices))
        assert np.abs(indices - even).max() <= 0.5 + 1e-6
    if count >= frames:
        assert indices.tolist() == list(range(frames))


def test_uniform_indices_by_hand() -> None:
    assert uniform_indices(300)[:3].tolist() == [0, 16, 31]
    assert uniform_indices(300, 1).tolist() == [149]
    assert uniform_indices(5, 4).tolist() == [0, 1, 3, 4]
    for frames, count in ((0, 20), (10, 0)):
        with pytest.raises(UsageError):
            uniform_indices(frames, count)


def test_frame_rate_believes_a_header_that_fits() -> None:
    ntsc = Fraction(30000, 1001)
    times = np.arange(50) * 1001 / 30000
    assert frame_rate([ntsc], times) == ntsc
    assert frame_rate([None, Fraction(1000), ntsc], times) == ntsc
    assert float(frame_rate([Fraction(1000)], times)) == pytest.approx(float(ntsc), rel=1e-4)
    # A hole does not change the rate of the rest.
    assert frame_rate([ntsc], np.delete(times, np.arange(20, 40))) == ntsc
    assert frame_rate([None], np.array([0.0, 5000.0])) == pytest.approx(1 / 5000)
    assert frame_rate([Fraction(25)], np.zeros(1)) == 25
    assert frame_rate([], np.zeros(1)) == 1


def test_variable_rate() -> None:
    even = np.arange(100) / 60
    assert not is_variable(even, 1 / 90000)
    assert not is_variable(np.round(even, 3), 1e-3)
    assert not is_variable(even[:2], 1e-3)
    assert is_variable(np.delete(even, 50), 1 / 90000)
    # One dropped frame, on a clock that ticks once per frame.
    assert is_variable(np.delete(np.arange(50.0), 25) / 30, 1 / 30)


def test_last_frame_duration() -> None:
    times = np.array([0.0, 0.1, 0.2])
    assert last_frame_duration_s(0.5, times, Fraction(10)) == 0.5
    assert last_frame_duration_s(0, times, Fraction(4)) == pytest.approx(0.1)
    assert last_frame_duration_s(0, times[:1], Fraction(4)) == 0.25
