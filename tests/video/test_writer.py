"""Written files play, keep their rate and leave nothing behind when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from video.samples import pictures
from zerotube.errors import UsageError, VideoError
from zerotube.video import open_video, write_video


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(10), Fraction(7, 2)])
def test_round_trip(fps: Fraction, tmp_path: Path) -> None:
    frames = pictures(9, 64, 48)
    path = tmp_path / "two words.mp4"
    assert write_video(path, iter(frames), fps) == 9
    assert [file.name for file in tmp_path.iterdir()] == ["two words.mp4"]
    with open_video(path) as video:
        assert video.info.fps == fps
        assert video.info.frame_count == 9
        np.testing.assert_allclose(video.timestamps_s, np.arange(9) / float(fps), atol=1e-9)
        assert video.info.warnings == ()


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, pictures(3), Fraction(30))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert context.colorspace == 1
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(200, 30, 40), (20, 180, 60), (30, 40, 220), (255, 255, 255), (0, 0, 0)]
    frames = [np.full((32, 32, 3), colour, dtype=np.uint8) for colour in colours]
    write_video(tmp_path / "a.mp4", frames, Fraction(10), crf=1)
    with open_video(tmp_path / "a.mp4") as video:
        shown = video.frames(range(5)).frames[:, 16, 16]
    np.testing.assert_allclose(shown.astype(int), colours, atol=4)


def test_odd_sizes_repeat_the_edge(tmp_path: Path) -> None:
    frame = np.zeros((27, 35, 3), dtype=np.uint8)
    frame[:, -3:] = 200
    write_video(tmp_path / "a.mp4", [frame] * 2, Fraction(10), crf=1)
    with open_video(tmp_path / "a.mp4") as video:
        assert (video.info.width, video.info.height) == (36, 28)
        image = video.frames([0]).frames[0].astype(int)
    assert np.abs(image[:, 35] - 200).max() < 12


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")
    write_video(path, pictures(2), Fraction(10))
    assert open_video(path).info.frame_count == 2


def test_no_frames(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frames"):
        write_video(tmp_path / "a.mp4", [], Fraction(10))
    assert list(tmp_path.iterdir()) == []


def test_a_failing_source_leaves_the_old_file(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from pictures(40)
        raise KeyError("source")

    path = tmp_path / "a.mp4"
    path.write_text("old")
    with pytest.raises(KeyError, match="source"):
        write_video(path, broken(), Fraction(10))
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    "second",
    [
        np.zeros((48, 62, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
    ],
)
def test_frames_of_another_kind(second: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="frame 1"):
        write_video(tmp_path / "a.mp4", [pictures(1)[0], second], Fraction(10))
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings(tmp_path: Path) -> None:
    frames = pictures(1)
    with pytest.raises(UsageError, match="name it so"):
        write_video(tmp_path / "a.avi", frames, Fraction(10))
    with pytest.raises(UsageError, match="fps"):
        write_video(tmp_path / "a.mp4", frames, Fraction(-1))
    with pytest.raises(UsageError, match="not a float"):
        write_video(tmp_path / "a.mp4", frames, Fraction(29.97))
    with pytest.raises(UsageError, match="crf"):
        write_video(tmp_path / "a.mp4", frames, Fraction(10), crf=99)
    with pytest.raises(VideoError, match="existing folder"):
        write_video(tmp_path / "no" / "a.mp4", frames, Fraction(10))


def test_without_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zerotube.video.writer._ENCODER", "no_such_encoder")
    with pytest.raises(UsageError, match=r"writes H\.264"):
        write_video(tmp_path / "a.mp4", pictures(1), Fraction(10))


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(VideoError, match="No space left"):
        write_video(tmp_path / "a.mp4", pictures(1), Fraction(10))
    assert list(tmp_path.iterdir()) == []
