"""Which videos a folder holds."""

from __future__ import annotations

import os
from pathlib import Path

VIDEO_SUFFIXES = (
    ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
"""File names that count as videos when a folder is searched, in any case. A file named otherwise
can still be opened by itself."""


def find_videos(path: str | os.PathLike[str]) -> list[Path]:
    """The videos that a path stands for; a folder's content decides what it is.

    - A file, or nothing at all: the path itself.
    - A folder with video files in it or at any depth below: these files. Images beside them are
      left alone.
    - Else a folder of images: the folder itself, one video.
    - Else a folder with folders of images at any depth below: each of them is a video.
    - Else the folder itself, which `zerotube.video.open_video` refuses with the reason.

    Hidden files and folders are not looked at, and links to folders are not followed.

    Args:
        path: need not exist.

    Returns:
        At least one path, in natural order of the names (2 before 10), each below ``path`` or equal
        to it.

    Raises:
        OSError: if a folder may not be listed.
    """
    from zerotube.video.folder_video import image_files, natural_key

    root = Path(path)
    if not root.is_dir():
        return [root]
    videos: list[Path] = []
    pictures: list[Path] = []
    for name, folders, files in os.walk(root, onerror=_raise):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        folder = Path(name)
        videos += [
            folder / file
            for file in files
            if not file.startswith(".") and Path(file).suffix.lower() in VIDEO_SUFFIXES
        ]
        if image_files(folder):
            pictures.append(folder)
    found = videos or ([] if root in pictures else pictures) or [root]
    return sorted(found, key=lambda one: [natural_key(part) for part in one.parts])


def _raise(error: OSError) -> None:
    # os.walk leaves out what it may not list; a video that is silently missing is worse.
    raise error
