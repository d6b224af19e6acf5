"""``zerotube ground``: one video, one sentence, one tube."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerotube.cli import console
from zerotube.cli.early import check_model_flags, check_proposer
from zerotube.cli.flags import assignments, with_flags
from zerotube.cli.llm import DecomposerOption, DecompositionsOption, KeyOption, llm_settings
from zerotube.cli.model_flags import (
    DEVICE_MAP_OPTION,
    DEVICE_OPTION,
    DTYPE_OPTION,
    MODEL_OPTION,
    QUANTIZE_OPTION,
)
from zerotube.cli.paths import check_out_dir
from zerotube.cli.store_flags import NO_STORE_OPTION, STORE_OPTION, chosen_store
from zerotube.errors import UsageError
from zerotube.method.config import DEFAULT, PRESETS, MethodSettings, preset
from zerotube.query.llm import LLMSettings

BUNDLED = "bundled"
_METHODS = "|".join(PRESETS)


@with_flags(LLMSettings, into="llm", prefix="llm")
@with_flags(MethodSettings, into="changes")
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
    model: MODEL_OPTION = BUNDLED,
    proposer: Annotated[
        str | None,
        typer.Option(
            "--proposer",
            help="What finds the candidate tracks; default: gdino+sam2, or motion with --model "
            "bundled.",
        ),
    ] = None,
    proposer_set: Annotated[
        list[str] | None,
        typer.Option("--proposer-set", metavar="NAME=VALUE", help="A setting of the proposer."),
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option("--tracks", metavar="FILE", help="Read the candidates: JSON or MOT CSV."),
    ] = None,
    store: STORE_OPTION = None,
    no_store: NO_STORE_OPTION = False,
    method: Annotated[
        str, typer.Option("--method", metavar=_METHODS, help="Preset of the method settings.")
    ] = DEFAULT,
    attribute: Annotated[
        str | None, typer.Option("--attribute", help="Attribute phrase, instead of the parsed one.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Action phrase, instead of the parsed one.")
    ] = None,
    noun: Annotated[
        str | None, typer.Option("--noun", help="What to propose tracks for; default: parsed.")
    ] = None,
    decomposer: DecomposerOption = "rules",
    llm_key: KeyOption = None,
    decompositions: DecompositionsOption = None,
    exports: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="coco-vid|mot",
            help="Write the answer in this format as well, into --out; may be repeated.",
        ),
    ] = None,
    device: DEVICE_OPTION = None,
    dtype: DTYPE_OPTION = None,
    device_map: DEVICE_MAP_OPTION = None,
    quantize: QUANTIZE_OPTION = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier result.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the content of tube.json and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    *,
    changes: Mapping[str, Any],
    llm: Mapping[str, Any],
) -> None:
    """Ground a sentence in a video: which object, from when to when, and where.

    Without --out the answer is only printed. The flags from --frames on are the settings of the
    method: each overrides the preset that --method chose. Those from --llm-base-url on are for
    --decomposer openai, which sends the sentence, and nothing of the video, to that server.
    """
    asking = llm_settings(decomposer, llm)
    preset(method, **changes)  # a wrong value is refused before anything is fetched
    proposer_settings = assignments(proposer_set or [], option="--proposer-set")
    kept = chosen_store(store, off=no_store)
    # Whatever can be refused in milliseconds is refused before the seconds of loading a model.
    check_model_flags(device=device, dtype=dtype, device_map=device_map, quantize=quantize)
    check_proposer(proposer, proposer_settings, model=model)

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
    stored = None
    if decompositions is not None:
        from zerotube.query.stored import read_stored

        stored = read_stored(decompositions)
    check_folder(model)
    server = None
    if decomposer == "openai":
        from zerotube.query.llm.server import openai_decomposer

        server = openai_decomposer(asking, key=llm_key)
    with open_video(video) as source:
        brought = read_tracks(tracks, source.info) if tracks is not None else None

    from zerotube.grounder import Candidates, Grounder, model_decomposer
    from zerotube.method.recommended import settings_for

    settings = settings_for(model, method, changes)
    grounder = Grounder.from_pretrained(
        model, device=device, dtype=dtype, device_map=device_map, quantize=quantize
    )
    if server is not None:
        grounder.decomposer = server
    elif decomposer == "model":
        grounder.decomposer = model_decomposer(grounder.model, asking)
    if stored is not None:
        grounder.decomposer = stored.decomposer(video.name, grounder.decomposer)
    with console.StageProgress(quiet=quiet) as progress:
        result = grounder.ground(
            video,
            query,
            attribute=attribute,
            action=action,
            candidates=Candidates(proposer, proposer_settings, brought, kept, noun),
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
