"""``zerotube synth``: generated clips with sentences and true tubes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def synth(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="New or empty folder to write into.")
    ],
    samples: Annotated[int, typer.Option("--samples", min=1, help="How many clips.")] = 10,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Same seed, same clips; default: a held-out one."),
    ] = None,
    kind: Annotated[
        Literal["attribute", "action", "mixed"],
        typer.Option("--kind", help="What tells the object from the others; mixed: in turn."),
    ] = "mixed",
) -> None:
    """Generate clips of coloured shapes that move, with a sentence and its true tube each."""
    from zerotube.synth import HELD_OUT_SEED, read_samples, write_samples

    write_samples(
        out, samples, HELD_OUT_SEED if seed is None else seed, None if kind == "mixed" else kind
    )
    first = read_samples(out)[0]
    print(f"{samples} clip{'s' if samples > 1 else ''} in {out}, listed in {out / 'samples.jsonl'}")
    print(f'try: zerotube ground {first.video} "{first.query}"')
