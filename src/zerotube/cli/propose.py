"""``zerotube propose``: candidate tracks of a video into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import assignments
from zerotube.cli.paths import check_out_file


def propose(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Video file or folder of images.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Track file to write; --tracks reads it."),
    ],
    proposer: Annotated[
        str, typer.Option("--proposer", help="What finds the candidate tracks.")
    ] = "motion",
    proposer_set: Annotated[
        list[str] | None,
        typer.Option("--proposer-set", metavar="NAME=VALUE", help="A setting of the proposer."),
    ] = None,
    noun: Annotated[str, typer.Option("--noun", help="What to propose tracks for.")] = "object",
    device: Annotated[
        str | None,
        typer.Option("--device", help="For a proposer with models: cpu, cuda, cuda:1, mps."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the content of the file instead of a summary.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Find the candidate object tracks of a video and write them to a file."""
    check_out_file(out, overwrite=overwrite, suffixes=(".json", ".csv", ".txt"))

    settings = assignments(proposer_set or [], option="--proposer-set")
    if device is not None:
        settings.setdefault("device", device)

    from zerotube.errors import NothingToGroundError
    from zerotube.proposals.io import write_tracks
    from zerotube.proposals.registry import proposer as make
    from zerotube.video import open_video

    finder = make(proposer, **settings)
    with open_video(video) as source, console.StageProgress(quiet=quiet) as progress:
        info = source.info
        found = finder.propose(
            source, noun, progress=lambda done, total: progress("propose", done, total)
        )
    for warning in (*info.warnings, *found.warnings):
        console.warn(warning)
    if not found.tracks:
        raise NothingToGroundError(
            f"no track in {video}",
            wanted="at least one object",
            fix="try another --proposer, or write the tracks yourself and pass --tracks",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_tracks(found, out, info, overwrite=overwrite)
    if as_json:
        print(out.read_text(encoding="utf-8"), end="")
        return
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
    print(f"{len(found)} tracks in {out}")
