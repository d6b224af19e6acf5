"""``zerotube synth``: generated clips with sentences and true tubes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from zerotube.cli import console
from zerotube.cli.synth_sets import available_cores, stoppable

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
    test_set: Annotated[
        Literal["attribute-hard", "action-hard", "mixed", "unseen", "rich"] | None,
        typer.Option(
            "--set", help="One of the published test sets, whole; default: a few samples of mixed."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Generate clips of coloured shapes that move, with a sentence and its true tube each."""
    from zerotube.synth import HELD_OUT_SEED, SET_SAMPLES, read_samples, write_set

    if test_set is None and seed is None:
        seed = HELD_OUT_SEED
    usual = _SAMPLES if test_set is None else SET_SAMPLES
    count = usual if samples is None else samples
    with console.StageProgress(quiet=quiet) as progress, stoppable():
        write_set(
            out,
            test_set or "mixed",
            count,
            seed,
            workers=available_cores(),
            progress=lambda done, total: progress("write", done, total),
        )
    first = read_samples(out)[0]
    print(f"{count} clip{'s' if count > 1 else ''} in {out}, listed in {out / 'samples.jsonl'}")
    print(f'try: zerotube ground {first.video} "{first.query}"')
