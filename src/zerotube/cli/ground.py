"""``zerotube ground``: one video, one sentence, one tube."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerotube.cli import console
from zerotube.cli.early import check_proposer
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import (
    AsJson,
    CandidateFlags,
    Method,
    MethodChanges,
    ModelFlags,
    Overwrite,
    Quiet,
)
from zerotube.cli.paths import check_out_dir
from zerotube.errors import UsageError
from zerotube.method.config import DEFAULT, preset

BUNDLED = "bundled"


@with_flags(
    method="Preset of the method settings.",
    overwrite="Replace the files of an earlier result.",
    as_json="Print the content of tube.json and nothing else.",
)
def ground(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Video file or folder of images.")],
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="Sentence that describes one object.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write tube.json, overlay.mp4, attention.png and timeline.png there.",
        ),
    ] = None,
    *,
    model: ModelFlags,
    candidates: CandidateFlags,
    method: Method = DEFAULT,
    attribute: Annotated[
        str | None, typer.Option("--attribute", help="Attribute phrase, instead of the parsed one.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Action phrase, instead of the parsed one.")
    ] = None,
    noun: Annotated[
        str | None, typer.Option("--noun", help="What to propose tracks for; default: parsed.")
    ] = None,
    exports: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="coco-vid|mot",
            help="Write the answer in this format as well, into --out; may be repeated.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    changes: MethodChanges,
) -> None:
    """Ground a sentence in a video: which object, from when to when, and where.

    Without --out the answer is only printed. The flags from --frames on are the settings of the
    method: each overrides the preset that --method chose. Those that begin with --llm are for
    --decomposer openai, which sends the sentence, and nothing of the video, to that server, and for
    --asker openai, which sends it the sampled frames.
    """
    # Whatever can be refused in milliseconds is refused before the seconds of loading a model.
    model.split.check_read([preset(method, **changes)])
    check_proposer(candidates.proposer, candidates.settings, model=model.name)

    from zerotube.exports import export, format_named
    from zerotube.mllm.loading import check_folder
    from zerotube.proposals.files import read_tracks
    from zerotube.query import decompose
    from zerotube.tube.io import RESULT_FILES, format_json
    from zerotube.video import open_video

    foreign = {name: format_named(name).file_name for name in exports or []}
    if foreign and out is None:
        raise UsageError(
            f"--export {' --export '.join(foreign)} without --out",
            wanted="a folder for the files",
            fix="add --out DIR",
        )
    written_names = (*RESULT_FILES, *foreign.values())
    if out is not None:
        check_out_dir(out, written_names, overwrite=overwrite)
    decompose(query, attribute=attribute, action=action)
    chosen = model.choice()
    check_folder(model.name)
    with open_video(video) as source:
        tracks = candidates.tracks
        brought = None if tracks is None else read_tracks(tracks, source.info)

    from zerotube.grounder import Candidates
    from zerotube.method.recommended import settings_for

    settings = settings_for(model.name, method, changes)
    with model.key_in_environment():
        grounder = chosen.load()
    if chosen.decompositions is not None:
        grounder.decomposer = chosen.decompositions.decomposer(video.name, grounder.decomposer)
    with console.StageProgress(quiet=quiet) as progress:
        result = grounder.ground(
            video,
            query,
            attribute=attribute,
            action=action,
            candidates=Candidates(
                candidates.proposer,
                candidates.settings,
                brought,
                candidates.keep.chosen,
                noun,
                candidates.order,
            ),
            settings=settings,
            progress=progress,
        )
    for warning in result.warnings:
        console.warn(warning)
    written = result.save(out, overwrite=overwrite) if out is not None else None
    if written is not None:
        for name, file_name in foreign.items():
            export(result, written / file_name, name, overwrite=overwrite)
    if as_json:
        print(format_json(result.to_dict()))
        return
    print(result)
    if written is not None:
        console.print_rows([("files", str(written / name)) for name in written_names])
