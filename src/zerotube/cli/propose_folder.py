"""``zerotube propose FOLDER``: candidate tracks of every video of a folder, into the store."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zerotube.cli import console
from zerotube.errors import InputError, ModelError, UsageError, ZerotubeError

if TYPE_CHECKING:
    from zerotube.proposals.store.proposer import StoredProposer
    from zerotube.proposals.types import TrackSet
    from zerotube.video.types import VideoInfo

Status = Literal["made", "stored", "remade", "failed"]


@dataclass(frozen=True)
class Proposed:
    """What became of one video.

    Attributes:
        video: its path below the folder.
        status: "made"; "stored": it was there already; "remade": made again, the entry was damaged;
            "failed".
        tracks: how many there are; 0 where it failed.
        file: the track file written for it, if any.
        warnings: what a user should know about the tracks.
        reason: why it failed, else empty.
    """

    video: str
    status: Status
    tracks: int
    file: str | None
    warnings: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class FolderJob:
    """What is to be done with every video of a folder.

    Attributes:
        folder: holds the videos.
        finder: proposes, and keeps what it finds.
        noun: what to look for.
        out: folder to write a track file per video into, or None.
        overwrite: whether a track file of other content may be replaced.
    """

    folder: Path
    finder: StoredProposer
    noun: str
    out: Path | None
    overwrite: bool

    def run(self, video: Path, progress: console.StageProgress, *, wait: bool) -> Proposed | None:
        """Propose for one video.

        Returns:
            What became of it; None if another process is at work on it and ``wait`` is False.

        Raises:
            UsageError, ModelError: no video is to blame, and none will fare better.
        """
        name = str(video.relative_to(self.folder))
        try:
            return self._run(name, video, progress, wait=wait)
        except (UsageError, ModelError):
            raise
        except ZerotubeError as error:
            return _failed(name, str(error))
        except OSError as error:
            return _failed(name, f"got {error}")

    def _run(
        self, name: str, video: Path, progress: console.StageProgress, *, wait: bool
    ) -> Proposed | None:
        from zerotube.video import open_video

        with open_video(video) as source:
            fetched = self.finder.fetch(
                source,
                self.noun,
                progress=lambda done, total: progress("propose", done, total),
                wait=wait,
            )
            if fetched is None:
                return None
            found = fetched.tracks
            if fetched.origin == "unkept":
                return _failed(name, found.warnings[-1])
            warnings = (*source.info.warnings, *found.warnings)
            file = None
            if not found.tracks:
                warnings += ("no track was found",)
            elif self.out is not None:
                file = self.out / f"{name}.json"
                self._write(file, found, source.info)
        return Proposed(
            name,
            fetched.origin,
            len(found),
            None if file is None else str(file),
            tuple(dict.fromkeys(warnings)),
            "",
        )

    def _write(self, file: Path, found: TrackSet, info: VideoInfo) -> None:
        from zerotube.proposals.files import write_tracks
        from zerotube.proposals.files.own import json_text

        # A file of the same tracks is one that an earlier run wrote.
        if file.is_file() and file.read_bytes() == json_text(found, info).encode():
            return
        if file.exists() and not self.overwrite:
            raise InputError(
                f"an existing {file} of other content",
                wanted="a new file, or the tracks that were found now",
                fix="pass --overwrite or another --out",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        write_tracks(found, file, info, overwrite=self.overwrite)


def propose_folder(
    job: FolderJob, videos: Sequence[Path], store: Path, *, as_json: bool, quiet: bool
) -> None:
    """Do the job for each video and report.

    A video that fails does not stop the others, and neither does one that another process is at
    work on: it is left for the end. Interrupted, it can be started again and goes on where it was.

    Args:
        job: what to do.
        videos: of the folder.
        store: where the tracks are kept, for the report.
        as_json: print JSON instead of lines.
        quiet: show no progress.

    Raises:
        InputError: at least one video failed; the others are done.
        UsageError, ModelError: nothing can be proposed with these settings.
    """
    outcomes: list[Proposed] = []
    waiting = deque((video, False) for video in videos)
    bars = sys.stderr.isatty()
    try:
        with console.StageProgress(quiet=quiet or not bars) as progress:
            while waiting:
                progress("videos", len(outcomes), len(videos))
                video, wait = waiting.popleft()
                begin = time.perf_counter()
                outcome = job.run(video, progress, wait=wait)
                if outcome is None:
                    waiting.append((video, True))
                    continue
                outcomes.append(outcome)
                if not (quiet or bars):
                    console.note(
                        f"{len(outcomes)}/{len(videos)} {outcome.video}: {outcome.status}, "
                        f"{outcome.tracks} tracks, {time.perf_counter() - begin:.1f} s"
                    )
    finally:
        # Also after an interrupt: what was done until then is done.
        _report(outcomes, len(videos), store, as_json=as_json)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    if failed:
        raise InputError(
            f"{failed} of {len(videos)} videos that failed, each named above",
            wanted="videos that can be used",
            fix="fix or remove them and run the same command again: what is done is skipped",
        )


def _failed(name: str, reason: str) -> Proposed:
    return Proposed(name, "failed", 0, None, (), console.one_line(reason))


def _report(outcomes: Sequence[Proposed], count: int, store: Path, *, as_json: bool) -> None:
    for outcome in outcomes:
        for text in outcome.warnings:
            console.warn(f"{outcome.video}: {text}")
    for outcome in outcomes:
        if outcome.reason:
            console.warn(f"{outcome.video} failed: {outcome.reason}")
    if as_json:
        content = {"store": str(store), "videos": [asdict(outcome) for outcome in outcomes]}
        print(json.dumps(content, indent=2))
        return
    counts = Counter(outcome.status for outcome in outcomes)
    rows = [
        ("made", str(counts["made"])),
        ("stored already", str(counts["stored"])),
        ("made again", str(counts["remade"])),
        ("failed", str(counts["failed"])),
        ("not reached", str(count - len(outcomes))),
        ("store", str(store)),
    ]
    console.print_rows(row for row in rows if row[1] != "0")
