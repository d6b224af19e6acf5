"""``zerotube heads``: find the heads of a model that look at objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson, LoadFlags, Overwrite, Quiet
from zerotube.cli.paths import check_out_file


@with_flags(
    overwrite="Replace an existing file.",
    as_json="Print the content of the file instead of a table.",
)
def heads(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Hugging Face id or folder, or bundled.")
    ],
    *,
    load: LoadFlags,
    clips: Annotated[
        int, typer.Option("--clips", metavar="N", help="Generated clips to look at.")
    ] = 40,
    count: Annotated[int, typer.Option("--heads", metavar="N", help="Heads to choose.")] = 8,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "--output", metavar="FILE", help="Write them as JSON, for --heads chosen."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the attention heads that look at objects, on generated clips without labels.

    Heads that look at the video much and, on single clips, at few places of it. Beside the weights,
    as zerotube-heads.json, they are what `zerotube ground --heads chosen` reads.
    """
    if out is not None:
        check_out_file(out, overwrite=overwrite, suffixes=(".json",))

    from zerotube.check.heads import find_heads
    from zerotube.files import write_whole
    from zerotube.grounder import Grounder
    from zerotube.method.heads import FILE, place_of
    from zerotube.mllm.loading import check_folder
    from zerotube.tube.serialize import format_json

    check_folder(model)
    grounder = Grounder.from_pretrained(
        model, device=load.device, dtype=load.dtype, quantize=load.quantize
    )
    with console.StageProgress(quiet=quiet, apart=True) as progress:
        found = find_heads(grounder, clips, count, progress)
    content = format_json(found.chosen.to_dict())
    if out is not None:
        write_whole(out, content + "\n", make_folder=True)
    if as_json:
        print(content)
        return
    console.print_rows(
        [
            ("layer", "head", f"of {clips} clips", "entropy", "attention"),
            *(
                (
                    str(one.layer),
                    str(one.head),
                    str(one.often),
                    f"{one.entropy:.3f}",
                    f"{one.attention:.3f}",
                )
                for one in found.figures
            ),
        ]
    )
    if out is not None:
        console.print_rows([("file", str(out))])
        return
    place = place_of(model)
    if place is not None:
        print(f"\nto use them: zerotube heads {model} --out {place}")
    elif model != "bundled":
        print(f"\nto use them: write them into a copy of the model's folder, as {FILE} (--out)")
