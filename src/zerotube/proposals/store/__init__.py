"""The proposal store: finished tracks on disk, so that no video is proposed for twice.

An entry is one file of three lines of UTF-8::

    {"schema": "zerotube.store/1", "sha256": "..."}
    {"key": {...}, "settings": {...}, "warnings": [...], "video_warnings": [...]}
    {"schema": "zerotube.tracks/1", ...}

The digest in the first line covers every byte after it. The second holds what a track file has no
place for, and the whole key, so that an entry says what it is. The third is a track file
(`zerotube.proposals.files`): cut out, it can be given to ``--tracks``.

Writers: an entry is written under another name and renamed, so that a reader sees all of it or
nothing, whoever is interrupted. Two processes that want the same entry agree by a lock that the
operating system drops when its holder dies; where there are no locks, or one is held too long, both
make the entry and the later one replaces the other's, which is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from filelock import BaseFileLock, FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from zerotube.errors import TracksError
from zerotube.files import cache_folder, replaced
from zerotube.proposals.files.own import json_text, read_json
from zerotube.proposals.types import TrackSet
from zerotube.video.types import VideoInfo

SCHEMA = "zerotube.store/1"
"""Name and version of the format of an entry."""

Lock = Literal["held", "busy", "none"]
"""Got it; another process has it; there is no locking here (a folder that cannot be written)."""


def default_folder() -> Path:
    """Where the store is unless a user says otherwise: ``$ZEROTUBE_CACHE/proposals``."""
    return cache_folder("proposals")


@dataclass(frozen=True)
class EntryKey:
    """Everything that decides the tracks of an entry.

    Attributes:
        content: digest of the video, see `zerotube.video.digest`.
        frame_count, width, height: of the video as it was decoded; another version of the decoder
            may see more of a damaged file.
        fps: "numerator/denominator"; a folder of images has none of its own.
        proposer: name.
        settings: its resolved settings, plain JSON values.
        revision: see `zerotube.proposals.base.Proposer.revision`.
        noun: what was looked for; None if the proposer knows no words.
        first_frame: number, in the file, of frame 0 of what was looked at.
        frames: digest of the numbers, in the file, of the frames that were looked at; None where
            they follow each other.
    """

    content: str
    frame_count: int
    width: int
    height: int
    fps: str
    proposer: str
    settings: Mapping[str, Any]
    revision: str
    noun: str | None
    first_frame: int = 0
    frames: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON values; 10 and 10.0 are one setting."""
        made: dict[str, Any] = _plain(asdict(self))
        if not self.first_frame:
            # Entries of whole videos are older than those of parts, and stay valid.
            del made["first_frame"]
        if self.frames is None:
            del made["frames"]
        return made

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        text = json.dumps(self.plain(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


class DamagedEntryError(TracksError):
    """An entry that is not what was written; ``got`` says what is wrong with it."""


class _About(BaseModel):
    model_config = ConfigDict(strict=True)

    key: dict[str, Any]
    settings: dict[str, Any]
    warnings: list[str]
    video_warnings: list[str]


class ProposalStore:
    """Entries below a folder, which is made when the first is written.

    Args:
        folder: default `default_folder`.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder).expanduser()

    def path(self, key: EntryKey) -> Path:
        """The file of an entry, whether it exists or not."""
        digest = key.digest
        return self.folder / digest[:2] / f"{digest}.jsonl"

    def get(self, key: EntryKey, info: VideoInfo) -> TrackSet | None:
        """Read an entry; None if there is none.

        Args:
            key: of the entry.
            info: of the video that the key was made of.

        Returns:
            The tracks. Warnings about the video that only showed while it was being proposed for
            stand among its ``warnings``, unless ``info`` has them too.

        Raises:
            DamagedEntryError: if it is not what was written, or of another version.
            OSError: if it cannot be read.
        """
        path = self.path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        head, _, body = data.partition(b"\n")
        try:
            header = json.loads(head)
        except ValueError as error:
            raise _damaged(path, "a first line that is not JSON") from error
        if not isinstance(header, dict) or header.get("schema") != SCHEMA:
            raise _damaged(path, "another version of the format")
        if header.get("sha256") != hashlib.sha256(body).hexdigest():
            raise _damaged(path, "a wrong checksum")
        return self._parse(path, body, key, info)

    def put(self, key: EntryKey, tracks: TrackSet, info: VideoInfo) -> TrackSet:
        """Write an entry, whole or not at all, in place of one that is there.

        Args:
            key: of the entry.
            tracks: what to keep.
            info: of the video, its warnings included.

        Returns:
            The tracks as `get` will read them.

        Raises:
            TracksError: if the tracks do not fit the video.
            OSError: if it cannot be written.
        """
        about = {
            "key": key.plain(),
            "settings": tracks.settings,
            "warnings": list(tracks.warnings),
            "video_warnings": list(info.warnings),
        }
        line = json.dumps(about, sort_keys=True, allow_nan=False)
        body = f"{line}\n{json_text(tracks, info)}".encode()
        header = {"schema": SCHEMA, "sha256": hashlib.sha256(body).hexdigest()}
        path = self.path(key)
        read = self._parse(path, body, key, info)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as partial:
            partial.write_bytes(json.dumps(header).encode() + b"\n" + body)
        return read

    def remove(self, key: EntryKey) -> None:
        """Remove an entry and what interrupted writers of it left; only under its lock.

        Raises:
            OSError: if it cannot be removed.
        """
        path = self.path(key)
        path.unlink(missing_ok=True)
        for leftover in path.parent.glob(f".{path.name}.*"):
            leftover.unlink(missing_ok=True)

    @contextmanager
    def lock(self, key: EntryKey, wait_s: float) -> Iterator[Lock]:
        """Keep other processes from making an entry at the same time.

        Args:
            key: of the entry.
            wait_s: how long to wait for another process, 0 for not at all.
        """
        # One file per 4096th of all entries: few enough to be left lying, which they must be,
        # since removing a file that others wait on would let two of them in.
        path = self.folder / "locks" / f"{key.digest[:3]}.lock"
        lock = FileLock(path, timeout=wait_s)
        state = _acquire(lock, path)
        try:
            yield state
        finally:
            if state == "held":
                lock.release()

    @staticmethod
    def _parse(path: Path, body: bytes, key: EntryKey, info: VideoInfo) -> TrackSet:
        about_line, _, tracks_line = body.partition(b"\n")
        try:
            about = _About.model_validate_json(about_line)
        except ValidationError as error:
            raise _damaged(path, "a second line of another form") from error
        if about.key != key.plain():
            raise _damaged(path, "another entry's key")
        tracks = read_json(path, tracks_line.decode(), info, trusted=True)
        late = [text for text in about.video_warnings if text not in info.warnings]
        warnings = (*about.warnings, *tracks.warnings, *late)
        return replace(tracks, settings=about.settings, warnings=warnings)


def _acquire(lock: BaseFileLock, path: Path) -> Lock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        return "busy"
    except (OSError, NotImplementedError):  # the latter: a file system without locks
        return "none"
    return "held"


def _damaged(path: Path, got: str) -> DamagedEntryError:
    return DamagedEntryError(
        f"{got} in the stored proposals {str(path)!r}",
        wanted=f"an entry of {SCHEMA} as it was written",
        fix="remove the file; it is made again when it is needed",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
