"""Folders of images."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from video.samples import pictures
from zerotube.errors import VideoError
from zerotube.video import open_video
from zerotube.video.folder_video import natural_key


def save(folder: Path, names: list[str], width: int = 20, height: int = 12) -> list[np.ndarray]:
    frames = pictures(len(names), width, height)
    for name, frame in zip(names, frames, strict=True):
        Image.fromarray(frame).save(folder / name)
    return frames


def test_natural_order_and_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # Folders need no PyAV.
    frames = save(tmp_path, ["frame2.png", "frame10.png", "Frame11.BMP"])
    (tmp_path / "notes.txt").write_text("no frame")
    (tmp_path / "._frame1.png").write_text("no frame either")
    with open_video(tmp_path) as video:
        assert (video.info.width, video.info.height) == (20, 12)
        assert video.info.fps == 10
        assert video.info.duration_s == pytest.approx(0.3)
        np.testing.assert_array_equal(video.frames([0, 1, 2]).frames, np.stack(frames))
        np.testing.assert_allclose(video.timestamps_s, [0, 0.1, 0.2])
        assert [frame.index for frame in video.stream(0, None, 2)] == [0, 2]
    with open_video(tmp_path, fps=Fraction(30000, 1001)) as video:
        assert video.info.fps == Fraction(30000, 1001)
        np.testing.assert_allclose(video.timestamps_s[1], 1001 / 30000)


def test_natural_key_orders_any_names() -> None:
    names = ["a", "1", "a1", "a01", "10", "2", "b10c2", "b10c10", "b9", "", "²3"]
    ordered = sorted(names, key=natural_key)
    assert ordered.index("2") < ordered.index("10")
    assert ordered.index("b9") < ordered.index("b10c2") < ordered.index("b10c10")


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp"])
def test_formats(suffix: str, tmp_path: Path) -> None:
    save(tmp_path, [f"1.{suffix}", f"2.{suffix}"])
    assert len(open_video(tmp_path).frames([0, 1])) == 2


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (8, 6), (255, 255, 255)).convert(mode).save(tmp_path / f"a.{suffix}")
    image = open_video(tmp_path).frames([0]).frames[0]
    assert image.shape == (6, 8, 3)
    assert image.min() > 250


def test_sixteen_bit_grey(tmp_path: Path) -> None:
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    image = open_video(tmp_path).frames([0]).frames[0]
    assert image[0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def test_exif_orientation(tmp_path: Path) -> None:
    frame = pictures(1, 20, 12)[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(frame).save(tmp_path / "a.png", exif=exif)
    with open_video(tmp_path) as video:
        assert (video.info.width, video.info.height) == (12, 20)
        np.testing.assert_array_equal(video.frames([0]).frames[0], np.rot90(frame, -1))


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no frame")
    with pytest.raises(VideoError, match="a folder without images"):
        open_video(tmp_path)


def test_images_of_different_sizes(tmp_path: Path) -> None:
    save(tmp_path, ["1.png"])
    save(tmp_path, ["2.png"], width=21)
    with pytest.raises(VideoError, match=r"1\.png is 20x12, 2\.png is 21x12"):
        open_video(tmp_path)


def test_unreadable_images(tmp_path: Path) -> None:
    save(tmp_path, ["1.png", "2.png"], width=200, height=200)
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[: len(whole) // 2])
    with open_video(tmp_path) as video, pytest.raises(VideoError, match=r"2\.png'.*cannot be read"):
        video.frames([0, 1])
    (tmp_path / "2.png").write_bytes(b"no picture")
    with pytest.raises(VideoError, match=r"2\.png'.*cannot be read"):
        open_video(tmp_path)


def test_an_image_that_changes_under_the_reader(tmp_path: Path) -> None:
    save(tmp_path, ["1.png"])
    with open_video(tmp_path) as video:
        save(tmp_path, ["1.png"], width=21)
        with pytest.raises(VideoError, match="now 21x12"):
            video.frames([0])


def test_image_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, ["1.png"])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(VideoError, match="Permission denied"):
        open_video(tmp_path)
