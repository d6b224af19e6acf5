"""Chosen frames of a video read as a video: same pictures, own numbers, the true times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from video.samples import encode, pictures
from zerotube.errors import UsageError, VideoError
from zerotube.geometry.spans import Span
from zerotube.video import SegmentVideo, ThinnedVideo, open_video, write_video
from zerotube.video.sampling import indices_at_rate, widened

UNEVEN = [0, 20, 40, 60, 80, 380, 680, 980, 1000, 1020, 1040, 1340]
"""Ticks of 1/600 s: five frames at 30 per second, three at 2, three at 30, and one more."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("thinned") / "clip.mp4"
    frames = np.zeros((24, 64, 96, 3), np.uint8)
    frames += (np.arange(24, dtype=np.uint8) * 10)[:, None, None, None]
    write_video(target, frames, Fraction(30), crf=0)
    return target


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(
        tmp_path_factory.mktemp("uneven") / "clip.mp4", pictures(len(UNEVEN)), ticks=UNEVEN
    )


def test_frames_are_those_of_the_whole(path: Path) -> None:
    with open_video(path) as whole:
        view = ThinnedVideo(whole, [5, 8, 11, 14])
        clip, expected = view.frames([1, 3]), whole.frames([8, 14])
        assert np.array_equal(clip.frames, expected.frames)
        np.testing.assert_allclose(clip.timestamps_s, [0.1, 0.3])
        assert [frame.index for frame in view.stream(1, 4, 2)] == [1, 3]
        assert (view.info.frame_count, view.info.first_frame) == (4, 5)
        assert view.info.fps == Fraction(10)
        assert view.info.duration_s == pytest.approx(10 / 30)
        assert not view.info.variable_frame_rate
        assert view.in_file.tolist() == [5, 8, 11, 14]
        assert (view.spacing, view.root) == (3.0, whole)


def test_a_view_of_a_part_counts_in_the_part_and_knows_the_file(path: Path) -> None:
    with open_video(path) as whole:
        view = ThinnedVideo(SegmentVideo(whole, Span(10, 20)), [0, 2, 4])
        assert np.array_equal(view.frames([1]).frames, whole.frames([12]).frames)
        assert view.in_file.tolist() == [10, 12, 14]
        assert (view.info.first_frame, view.spacing, view.root) == (10, 2.0, whole)


def test_frames_that_follow_each_other_keep_the_rate(path: Path) -> None:
    with open_video(path) as whole:
        view = ThinnedVideo(whole, np.arange(3, 9))
        part = SegmentVideo(whole, Span(3, 8))
        assert view.info == part.info
        assert view.spacing == 1.0
        assert ThinnedVideo(whole, [7]).spacing == 1.0


def test_closing_the_view_leaves_the_whole_open(path: Path) -> None:
    with open_video(path) as whole:
        with ThinnedVideo(whole, [0, 4]) as view:
            view.frames([0])
        with pytest.raises(UsageError, match="closed"):
            view.frames([0])
        whole.frames([0])


@pytest.mark.parametrize("kept", [[3, 24], [3, 3], [], [-1, 4]])
def test_frames_that_cannot_be_are_refused(path: Path, kept: list[int]) -> None:
    with open_video(path) as whole, pytest.raises(VideoError):
        ThinnedVideo(whole, np.array(kept, dtype=np.int64))


def test_an_uneven_video_is_thinned_by_its_times(uneven: Path) -> None:
    with open_video(uneven) as whole:
        times = whole.timestamps_s
        np.testing.assert_allclose(times, np.array(UNEVEN) / 600)
        # Wanted at 0, 0.1, 0.2, ...: what lies densely is thinned, what lies sparsely is kept.
        chosen = indices_at_rate(times, 0, 11, 10.0)
        assert chosen.tolist() == [0, 3, 5, 6, 7, 9, 11]
        view = ThinnedVideo(whole, chosen)
        np.testing.assert_allclose(view.timestamps_s, times[chosen])
        assert view.info.variable_frame_rate
        found = [frame.timestamp_s for frame in view.stream()]
        np.testing.assert_allclose(found, times[chosen])
        assert np.array_equal(view.frames([5]).frames, whole.frames([9]).frames)


@pytest.mark.parametrize(("fps", "least", "most"), [(10.0, 0.06, 0.14), (7.0, 0.11, 0.17)])
def test_a_rate_that_does_not_divide_is_kept_on_average(
    fps: float, least: float, most: float
) -> None:
    times = np.arange(2500) / 25
    chosen = indices_at_rate(times, 0, 2499, fps)
    assert len(chosen) == pytest.approx(times[-1] * fps, abs=2)
    gaps = np.diff(times[chosen])[:-1]
    assert least < gaps.min() <= gaps.max() < most


def test_a_rate_above_the_videos_is_every_frame_and_both_ends_are_in() -> None:
    times = np.arange(50) / 25
    for fps in (25.0, 60.0, 1e9, 0.0):
        assert indices_at_rate(times, 5, 40, fps).tolist() == list(range(5, 41))
    assert indices_at_rate(times, 5, 40, 0.01).tolist() == [5, 40]
    assert indices_at_rate(times, 7, 7, 10.0).tolist() == [7]
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="0 or more"):
            indices_at_rate(times, 0, 9, wrong)


def test_a_stretch_is_widened_by_time_and_ends_with_the_video() -> None:
    times = np.array(UNEVEN) / 600
    assert widened(times, 5, 6, 0.5) == (4, 7)
    assert widened(times, 5, 6, 0.6) == (1, 10)
    assert widened(times, 5, 6, 100.0) == (0, 11)
    assert widened(times, 5, 6, 0.0) == (5, 6)
