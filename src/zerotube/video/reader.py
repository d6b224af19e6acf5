"""The one way to open a video."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from zerotube.errors import UsageError, VideoError
from zerotube.video.base import Video


def open_video(path: str | Path, fps: Fraction | None = None) -> Video:
    """Open a video file, or images as if they were one.

    Args:
        path: a file in any format libav reads, a folder of bmp, jpeg, png or webp images, or one
            such image, which is a video of one frame.
        fps: frames per second of a folder of images; None for 10. Files carry their own times.

    Returns:
        The video; use it in a ``with`` statement.

    Raises:
        VideoError: there is nothing at ``path`` that can be decoded.
        UsageError: ``fps`` is not positive or given for a file, or PyAV is not installed (folders
            of images are read without it).

    Example:
        >>> with open_video("clip.mp4") as video:
        ...     clip = video.frames(uniform_indices(video.info.frame_count))
    """
    given = Path(path)
    if fps is not None and fps <= 0:
        raise UsageError(f"fps {fps}", wanted="a positive number", fix="leave it out for 10")
    try:
        is_folder, size = given.is_dir(), given.stat().st_size
    except OSError as error:
        raise VideoError(
            f"{str(path)!r}, which cannot be found ({error.strerror})",
            wanted="a video file or a folder of images",
            fix="check the spelling and the current folder",
        ) from error
    except ValueError as error:
        raise VideoError(
            f"{str(path)!r}, which is not a path ({error})",
            wanted="a path",
            fix="check the spelling",
        ) from error
    if is_folder:
        # Imported on use, like the other: `zerotube --help` needs neither Pillow nor PyAV.
        from zerotube.video.folder_video import DEFAULT_FPS, FolderVideo

        return FolderVideo(str(path), DEFAULT_FPS if fps is None else Fraction(fps))
    if fps is not None:
        raise UsageError(
            f"fps {fps} for the file {str(path)!r}",
            wanted="fps with a folder of images only",
            fix="leave it out: a file carries its own times",
        )
    if not given.is_file():
        raise VideoError(
            f"{str(path)!r}, which is neither a file nor a folder",
            wanted="a video file or a folder of images",
            fix="save the stream to a file first",
        )
    if size == 0:
        raise VideoError(
            f"{str(path)!r}, an empty file",
            wanted="a video file",
            fix="export or download it again",
        )
    if not os.access(given, os.R_OK):
        raise VideoError(
            f"{str(path)!r}, which may not be read",
            wanted="a readable file",
            fix="check permissions",
        )
    from zerotube.video.folder_video import IMAGE_SUFFIXES, FolderVideo

    if given.suffix.lower() in IMAGE_SUFFIXES:
        return FolderVideo(str(path))
    from zerotube.video.file_video import FileVideo

    return FileVideo(str(path))
