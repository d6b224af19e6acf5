"""``zerotube propose``: candidate tracks of a video into a file, of many into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson, Overwrite, ProposerFlags, Quiet
from zerotube.cli.paths import check_out_dir, check_out_file
from zerotube.errors import UsageError

if TYPE_CHECKING:
    from zerotube.proposals.base import Proposer
    from zerotube.proposals.types import TrackSet


@with_flags(
    as_json="Print the content of the file instead of a summary.",
)
def propose(
    video: Annotated[
        Path,
        typer.Argument(
            metavar="VIDEO", help="Video file, folder of images, or folder with videos in it."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Track file to write, which --tracks reads; for many videos a folder of them.",
        ),
    ] = None,
    *,
    proposer: Annotated[
        str, typer.Option("--proposer", help="What finds the candidate tracks.")
    ] = "motion",
    finding: ProposerFlags,
    noun: Annotated[str, typer.Option("--noun", help="What to propose tracks for.")] = "object",
    device: Annotated[
        str | None,
        typer.Option("--device", help="For a proposer with models: cpu, cuda, cuda:1, mps."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the candidate object tracks of a video and keep them.

    They go into the store, where later runs find them, and into the file of --out. A folder that
    holds video files, at any depth, stands for all of these videos: those that are stored already
    are skipped, and one that fails does not stop the others. A folder of images is one video.
    """
    kept = finding.keep.chosen
    if kept is False and out is None:
        raise UsageError(
            "--no-store without --out", wanted="a place for the tracks", fix="pass --out FILE"
        )
    settings = finding.settings
    if device is not None:
        settings = {"device": device} | settings

    from zerotube.proposals.registry import proposer as make

    finder = make(proposer, **settings)

    from zerotube.video.collection import find_videos

    videos = find_videos(video)
    many = videos != [video]
    if many and out is not None:
        check_out_dir(out, (), overwrite=overwrite)
    elif out is not None:
        check_out_file(out, overwrite=overwrite, suffixes=(".json", ".csv", ".txt"))

    from zerotube.proposals.store import ProposalStore
    from zerotube.proposals.store.proposer import StoredProposer

    place = None if kept is False else ProposalStore(None if kept is True else kept)
    if not many:
        keeping = finder if place is None else StoredProposer(finder, place)
        where = "" if place is None else str(place.folder)
        _one(video, out, keeping, noun, where, overwrite=overwrite, as_json=as_json, quiet=quiet)
        return
    if place is None:
        raise UsageError(
            f"--no-store with the {len(videos)} videos of a folder",
            wanted="the store, by which an interrupted run goes on",
            fix="leave --no-store out, or pass --store DIR",
        )
    if finder.revision is None:
        raise UsageError(
            f"the proposer {proposer!r}, which cannot tell the revision of its weights",
            wanted="proposals that can be kept",
            fix="load the weights from the hub or from a folder written by save_pretrained",
        )
    check_out_dir(place.folder, (), overwrite=True)

    from zerotube.cli.propose_folder import FolderJob, propose_folder

    job = FolderJob(video, StoredProposer(finder, place, must_keep=True), noun, out, overwrite)
    propose_folder(job, videos, place.folder, as_json=as_json, quiet=quiet)


def _one(
    video: Path,
    out: Path | None,
    finder: Proposer,
    noun: str,
    store: str,
    *,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Propose for one video; ``store`` is where the finder keeps tracks, for the summary."""
    from zerotube.errors import NothingToGroundError
    from zerotube.proposals.files import write_tracks
    from zerotube.proposals.files.own import json_text
    from zerotube.video import open_video

    with open_video(video) as source, console.StageProgress(quiet=quiet) as progress:
        found = finder.propose(
            source, noun, progress=lambda done, total: progress("propose", done, total)
        )
        info = source.info
    for warning in dict.fromkeys((*info.warnings, *found.warnings)):
        console.warn(warning)
    if not found.tracks:
        raise NothingToGroundError(
            f"no track in {video}",
            wanted="at least one object",
            fix="try another --proposer, or write the tracks yourself and pass --tracks",
        )
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_tracks(found, out, info, overwrite=overwrite)
    if as_json:
        text = json_text(found, info) if out is None else out.read_text(encoding="utf-8")
        print(text, end="")
        return
    _print(found, out or store)


def _print(found: TrackSet, where: Path | str) -> None:
    console.print_rows(
        [
            (
                f"track {track.track_id}",
                track.label,
                f"frames {track.frame_indices[0]} to {track.frame_indices[-1]}",
                f"{len(track.frame_indices)} boxes",
            )
            for track in found
        ]
    )
    print(f"{len(found)} tracks in {where}")
