"""A part of a video read as a video: same pictures, own numbers and times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerotube.errors import UsageError, VideoError
from zerotube.geometry.spans import Span
from zerotube.video import SegmentVideo, open_video, write_video


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("segment") / "clip.mp4"
    frames = np.zeros((12, 64, 96, 3), np.uint8)
    frames += (np.arange(12, dtype=np.uint8) * 20)[:, None, None, None]
    write_video(target, frames, Fraction(10), crf=0)
    return target


def test_frames_are_those_of_the_whole(path: Path) -> None:
    with open_video(path) as whole:
        part = SegmentVideo(whole, Span(3, 8))
        expected = whole.frames([4, 8])
        clip = part.frames([1, 5])
        assert np.array_equal(clip.frames, expected.frames)
        assert clip.frame_indices.tolist() == [1, 5]
        np.testing.assert_allclose(clip.timestamps_s, expected.timestamps_s - 0.3)
        assert [frame.index for frame in part.stream(2, 6, 2)] == [2, 4]
        assert (part.info.first_frame, part.info.frame_count) == (3, 6)
        assert part.info.duration_s == pytest.approx(0.6)
        assert part.timestamps_s[0] == 0


def test_closing_the_part_leaves_the_whole_open(path: Path) -> None:
    with open_video(path) as whole:
        with SegmentVideo(whole, Span(0, 5)) as part:
            part.frames([0])
        with pytest.raises(UsageError, match="closed"):
            part.frames([0])
        whole.frames([0])


def test_a_segment_beyond_the_end_is_refused(path: Path) -> None:
    with open_video(path) as whole, pytest.raises(VideoError, match="up to 11"):
        SegmentVideo(whole, Span(4, 12))


def test_an_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    picture = tmp_path / "cat.PNG"
    pixels = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(picture)
    with open_video(picture) as video:
        assert (video.info.frame_count, video.info.width, video.info.height) == (1, 64, 48)
        assert np.array_equal(video.frames([0]).frames[0], pixels)
