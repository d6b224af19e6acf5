"""A folder of images, read as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from zerotube.errors import VideoError
from zerotube.video.base import Video
from zerotube.video.types import Frame, VideoInfo

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
"""File names that count as frames, in any case; other files in the folder are left alone."""

DEFAULT_FPS = Fraction(10)
"""Frames per second of a folder of images, which carries no times of its own."""

_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


class FolderVideo(Video):
    """Images of one size in a folder, in the natural order of their names (2 before 10).

    Args:
        folder: an existing folder; sub-folders and hidden files are not looked at. Or one image,
            a video of one frame.
        fps: frames per second to assume.

    Raises:
        VideoError: the folder holds no images, images of different sizes, or unreadable ones.
    """

    def __init__(self, folder: str, fps: Fraction = DEFAULT_FPS) -> None:
        try:
            given = Path(folder)
            self._files = image_files(given) if given.is_dir() else [given]
        except OSError as error:
            raise VideoError(
                f"{folder!r}, a folder that may not be listed ({error.strerror})",
                wanted="a readable folder of images",
                fix="check its permissions",
            ) from error
        if not self._files:
            raise VideoError(
                f"{folder!r}, a folder without images",
                wanted=f"files named *{', *'.join(IMAGE_SUFFIXES)}",
                fix="pass a video file or the folder that holds the frames",
            )
        size = _shown_size(self._files[0])
        for file in self._files[1:]:
            if (other := _shown_size(file)) != size:
                raise VideoError(
                    f"images of different sizes in {folder!r} ({self._files[0].name} is "
                    f"{size[0]}x{size[1]}, {file.name} is {other[0]}x{other[1]})",
                    wanted="one size",
                    fix="resize them or move the odd ones out",
                )
        count = len(self._files)
        info = VideoInfo(
            path=folder,
            fps=fps,
            frame_count=count,
            width=size[0],
            height=size[1],
            duration_s=float(count / fps),
            rotation_deg=0,
            variable_frame_rate=False,
            warnings=(),
        )
        super().__init__(info, np.arange(count) * fps.denominator / fps.numerator)

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        for index in wanted.tolist():
            self._check_open()
            image = _read_image(self._files[index])
            if image.shape[:2] != (self._info.height, self._info.width):
                raise VideoError(
                    f"{str(self._files[index])!r}, now {image.shape[1]}x{image.shape[0]}",
                    wanted=f"{self._info.width}x{self._info.height}, the folder's size",
                    fix="leave the folder alone while it is read, or save the image again",
                )
            yield Frame(index, float(self._timestamps_s[index]), image)


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in the order of its frames; it may hold none.

    Raises:
        OSError: if the folder may not be listed.
    """
    names = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    # A dot marks what is not a picture whatever its suffix says, such as macOS's "._1.jpg".
    return [
        path
        for path in names
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key by which numbers in names compare as numbers: frame2 before frame10."""
    parts = re.split(r"(\d+)", name.casefold())
    # Digits alternate with text, so that numbers only ever meet numbers; the name itself breaks
    # the tie between "1.png" and "01.png".
    numbered = [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
    return (*numbered, (0, name))


def _shown_size(file: Path) -> tuple[int, int]:
    """(width, height) after EXIF orientation, from the header alone."""
    try:
        with Image.open(file) as image:
            # Pillow decodes a whole PNG in search of EXIF data behind the pixels.
            sideways = (image.format != "PNG" or "exif" in image.info) and (
                image.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
            )
            width, height = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(file, error) from error
    return (height, width) if sideways else (width, height)


def _read_image(file: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of any image Pillow reads; transparency is dropped."""
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                # 16-bit grey: Pillow's own conversion clips it to white.
                grey = np.clip(np.asarray(upright).astype(np.int64), 0, 65535) >> 8
                return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
            return np.array(upright.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> VideoError:
    return VideoError(
        f"{str(file)!r}, an image that cannot be read ({str(error).splitlines()[0]})",
        wanted="a whole bmp, jpeg, png or webp file",
        fix="replace it or move it out of the folder",
    )
