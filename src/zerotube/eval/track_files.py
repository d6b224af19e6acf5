"""Track files of a data set below one folder, found by the names of the videos."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath

from zerotube.errors import InputError

_SUFFIX = ".json"


class TrackFiles:
    """Every ``.json`` file below a folder, at any depth.

    The tracks of a video are a file named as the video (``55_abc.json``), or a folder named as it
    (``55_abc/person.json``, ``55_abc/dog.json``), as the authors of the method published their
    proposals for VidSTG: what `zerotube.proposals.files.read_tracks` takes.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, list[Path]] = defaultdict(list)
        self._folders: dict[str, set[Path]] = defaultdict(set)
        self._content: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob(f"*{_SUFFIX}")):
            self._files[path.stem].append(path)
            self._folders[path.parent.name].add(path.parent)
            self._content[path.parent].append(path)

    def of(self, video_name: str) -> Path:
        """The tracks of a video.

        Args:
            video_name: as the annotation names it, with or without a suffix.

        Returns:
            A file, or a folder of several files.

        Raises:
            InputError: there is nothing of that name, or more than one thing.
        """
        part = PurePosixPath(video_name)
        names = {part.name, part.stem}
        folders = {path for name in names for path in self._folders.get(name, ())}
        files = {path for name in names for path in self._files.get(name, ())}
        found = {path for path in files if path.parent not in folders}
        for path in folders:
            content = self._content[path]
            # A single file may be of any format, the files of a folder only of the published one.
            found.add(content[0] if len(content) == 1 else path)
        if not found:
            raise InputError(
                f"no track file {part.stem}{_SUFFIX} and no folder {part.stem} with such files "
                f"below {self.folder}",
                wanted="the tracks of every video",
                fix="make them with `zerotube propose`, or leave --tracks out",
            )
        if len(found) > 1:
            raise InputError(
                f"{len(found)} places with tracks of {video_name!r}: "
                f"{', '.join(map(str, sorted(found)))}",
                wanted="one",
                fix="pass --tracks with a folder that holds only one of them",
            )
        return found.pop()
