"""Finding a data set's files below the user's folders: by name, at any depth, in one walk."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets.choosing import Found, Wanted, by_content, shortened
from zerotube.eval.datasets.entries import Unusable
from zerotube.eval.datasets.registry import Request


class FileIndex:
    """Every file below a folder by its name. Links to folders are followed; hidden files and
    folders are left alone.

    Args:
        root: an existing folder.

    Raises:
        InputError: it is not a folder.
        OSError: a folder may not be listed.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            what = "a file" if root.exists() else "nothing"
            raise InputError(f"{what} at {root}", wanted="a folder", fix="check the path")
        self.root = root
        self._folders: dict[str, list[str]] = {}
        seen: set[tuple[int, int]] = set()
        for folder, folders, files in os.walk(root, onerror=_raise, followlinks=True):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:
                # Reached before by another link, or a link to a folder above.
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                if not name.startswith("."):
                    self._folders.setdefault(name, []).append(folder)
        self._by_stem: dict[str, list[str]] = {}
        for name in self._folders:
            self._by_stem.setdefault(Path(name).stem, []).append(name)

    def named(self, name: str) -> list[Path]:
        """The files of that name, in order of their paths; links to nothing are none."""
        paths = (Path(folder, name) for folder in self._folders.get(name, ()))
        return sorted(path for path in paths if path.is_file())

    def with_stem(self, stem: str, suffixes: Sequence[str]) -> list[Path]:
        """The files of that name without its suffix, the suffix one of some, in any case."""
        names = [
            name for name in self._by_stem.get(stem, ()) if Path(name).suffix.lower() in suffixes
        ]
        return sorted(path for name in names for path in self.named(name))

    def matching(self, pattern: str) -> list[Path]:
        """The files whose whole name matches a regular expression, in order of their paths."""
        names = [name for name in self._folders if re.fullmatch(pattern, name)]
        return sorted(path for name in names for path in self.named(name))

    def holds(self, suffixes: Sequence[str]) -> bool:
        """Whether there is any file with one of some suffixes."""
        return any(Path(name).suffix.lower() in suffixes for name in self._folders)


class Media:
    """Where the videos or images of a data set are stored.

    Args:
        index: of the root; None if there is none.
        suffixes: that a video or image may have, lower case.
        near: the annotation. A root may hold several data sets that name their videos alike: of
            several files those count that have most folders in common with it.
    """

    def __init__(
        self, index: FileIndex | None, suffixes: Sequence[str], near: Path | None = None
    ) -> None:
        self._suffixes = suffixes
        self._near = near
        # A root that holds annotations alone is as good as none: scoring needs no videos.
        self._index = index if index is not None and index.holds(suffixes) else None

    def find(self, *names: str) -> Path | None:
        """The file of the first of some names that is there; a name may lack its suffix or have
        another one than the file.

        Returns:
            Its path; None if no root was given, or one without a single video or image.

        Raises:
            Unusable: it is not there, or several different files have that name.
        """
        if self._index is None:
            return None
        for name in names:
            part = PurePosixPath(name)
            found = self._index.named(part.name) or self._index.with_stem(
                part.stem if part.suffix.lower() in self._suffixes else part.name, self._suffixes
            )
            nearer = [path for path in found if path.as_posix().endswith(f"/{part}")]
            if found:
                return the_only(_nearest(nearer or found, self._near))
        raise Unusable(f"no {names[0]} below {self._index.root}")


def _nearest(paths: Sequence[Path], to: Path | None) -> Sequence[Path]:
    """Those that have most folders in common with a file."""
    if to is None or len(paths) < 2:
        return paths
    shared = [_shared_folders(path, to) for path in paths]
    return [path for path, count in zip(paths, shared, strict=True) if count == max(shared)]


def _shared_folders(one: Path, other: Path) -> int:
    pairs = zip(one.absolute().parent.parts, other.absolute().parent.parts, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def the_only(paths: Sequence[Path]) -> Path:
    """The first of files with one name that are copies, as their equal sizes tell.

    Raises:
        Unusable: their sizes differ.
    """
    if len(paths) > 1 and len({path.stat().st_size for path in paths}) > 1:
        raise Unusable(f"{len(paths)} different files: {', '.join(map(str, paths))}")
    return paths[0]


class Sources:
    """The folders and files that a request names.

    Args:
        request: which samples are wanted.

    Raises:
        UsageError: neither a root nor an annotation file.
        InputError: the root is not a folder.
    """

    def __init__(self, request: Request) -> None:
        if request.root is None and request.annotations is None:
            raise UsageError(
                "neither a root folder nor an annotation file",
                wanted="at least one of them",
                fix="pass --root DIR or --annotations FILE",
            )
        self.request = request
        self.index = None if request.root is None else FileIndex(request.root)

    def boxes_index(self) -> FileIndex | None:
        """The folder of box files: the one named for them, else the root; None if neither is."""
        boxes, root = self.request.boxes, self.request.root
        return self.index if boxes is None or boxes == root else FileIndex(boxes)

    def annotation_file(self, wanted: Wanted) -> Found:
        """The annotation file: the one named, else the split's below the root.

        Several files of a usual name are told apart by what they hold, then by the version of the
        data set that their content or their folders name.

        Args:
            wanted: what is looked for.

        Raises:
            UsageError: no split, or one that is not there; the error says which are.
            InputError: several files could be meant, or none of several holds what is wanted.
        """
        if self.request.annotations is not None:
            return Found(self.request.annotations)
        index, split = self.index, self.request.split
        if index is None:
            raise UsageError("no root", wanted="a folder or a file", fix="pass --annotations FILE")
        names = [name for tier in wanted.tiers for name in tier]
        tiers = [
            [path for name in tier for path in index.named(name)] if split else []
            for tier in wanted.tiers
        ]
        every = [path for tier in tiers for path in tier]
        if len(every) == 1:
            return Found(every[0])
        if every:
            return by_content(tiers, wanted, index.root)
        there = sorted({self._split(path, wanted.splits) for path in index.matching(wanted.splits)})
        raise UsageError(
            f"no split {split!r} below {index.root}" if split else "no split",
            wanted=f"one of those there: {shortened(there)}"
            if there
            else f"a file named {' or '.join(names)}"
            if split
            else "a split",
            fix="pass --split NAME or --annotations FILE",
        )

    def _split(self, path: Path, splits: str) -> str:
        match = re.fullmatch(splits, path.name)
        return match.group(1) if match else path.name


def _raise(error: OSError) -> None:
    # os.walk leaves out what it may not list; a video that is silently missing is worse.
    raise error
