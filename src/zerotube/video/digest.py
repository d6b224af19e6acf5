"""What tells one video's content from another's, whatever it is named and wherever it is stored."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from zerotube.errors import VideoError

_BLOCK = 1 << 20
"""Bytes in memory at a time."""


@dataclass(frozen=True)
class Content:
    """The content of a video file or image folder at one moment.

    Attributes:
        digest: SHA-256 as 64 hexadecimal digits: of a file's bytes, or of names, lengths and bytes
            of a folder's images in the order that they are read in.
        stamp: name, bytes and modification time in nanoseconds of every file read. Two equal
            stamps do not prove equal content - a file can be rewritten within one tick of the file
            system's clock - so a digest is never looked up by it; two different ones show that
            something was changed meanwhile.
    """

    digest: str
    stamp: tuple[tuple[str, int, int], ...]


def read_content(path: str | os.PathLike[str]) -> Content:
    """Read a video to its end and say what is in it.

    Args:
        path: a video file or a folder of images, as for `zerotube.video.open_video`.

    Raises:
        VideoError: if there is nothing at ``path`` or it cannot be read.
    """
    path = Path(path)
    try:
        stamp = _stamp(path)
        digest = hashlib.sha256()
        for file in _files(path):
            if path.is_dir():
                name = os.fsencode(file.name)
                # Names and lengths are part of the content: they order the frames, and without
                # them two folders whose files join to the same bytes would look alike.
                digest.update(f"{len(name)} {file.stat().st_size} ".encode())
                digest.update(name)
            with file.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
    except OSError as error:
        raise VideoError(
            f"{str(path)!r}, which cannot be read to its end ({error.strerror})",
            wanted="a readable video file or folder of images",
            fix="check the path and its permissions",
        ) from error
    return Content(digest.hexdigest(), stamp)


def unchanged(path: str | os.PathLike[str], content: Content) -> bool:
    """Whether nothing at ``path`` looks changed since the content was read."""
    try:
        return _stamp(Path(path)) == content.stamp
    except OSError:
        return False


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    for file in _files(path):
        status = file.stat()
        found.append((file.name, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    from zerotube.video.folder_video import image_files

    return image_files(path)
