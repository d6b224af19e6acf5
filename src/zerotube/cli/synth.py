"""``zerotube synth``: generated clips with sentences and true tubes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from zerotube.cli import console
from zerotube.cli.synth_sets import available_cores, stoppable
from zerotube.errors import UsageError

_SAMPLES = 10


def synth(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="New or empty folder to write into.")
    ],
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, help="How many clips; default 10, of a set 500."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Same seed, same clips; default: a held-out one."),
    ] = None,
    kind: Annotated[
        Literal["attribute", "action", "mixed"] | None,
        typer.Option(
            "--kind", help="What tells the object from the others; mixed, the default: in turn."
        ),
    ] = None,
    test_set: Annotated[
        Literal["attribute-hard", "action-hard", "mixed", "unseen", "rich"] | None,
        typer.Option("--set", help="One of the test sets that results are published for."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Generate clips of coloured shapes that move, with a sentence and its true tube each."""
    if test_set is not None and kind is not None:
        raise UsageError(
            f"--set {test_set} and --kind {kind}", wanted="one of them", fix="leave one out"
        )
    from zerotube.synth import HELD_OUT_SEED, SET_SAMPLES, read_samples, write_samples, write_set

    with console.StageProgress(quiet=quiet) as progress, stoppable():

        def report(done: int, total: int) -> None:
            progress("write", done, total)

        if test_set is not None:
            count = SET_SAMPLES if samples is None else samples
            write_set(out, test_set, count, seed, workers=available_cores(), progress=report)
        else:
            count = _SAMPLES if samples is None else samples
            write_samples(
                out,
                count,
                HELD_OUT_SEED if seed is None else seed,
                None if kind == "mixed" else kind,
                workers=available_cores(),
                progress=report,
            )
    first = read_samples(out)[0]
    print(f"{count} clip{'s' if count > 1 else ''} in {out}, listed in {out / 'samples.jsonl'}")
    print(f'try: zerotube ground {first.video} "{first.query}"')
