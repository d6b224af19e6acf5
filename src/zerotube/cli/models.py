"""``zerotube models``: the supported families, what to load, how much memory it takes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from zerotube.cli import console

_GIB = 2**30


@dataclass(frozen=True)
class ModelRow:
    """One checkpoint that can be loaded.

    Attributes:
        family: name of the adapter's class.
        architecture: what its config names.
        modality: "video", or "image" for families that see one frame.
        name: id to pass to --model.
        billions: parameters, in units of 10^9.
        weights_gib: memory of the weights alone at 16 bits per parameter.
        weights_4bit_gib: the same at 4 bits.
        gated: whether a licence has to be accepted first.
        cached: whether config and weights are on this disk.
        note: what to do before it loads, if anything.
    """

    family: str
    architecture: str
    modality: str
    name: str
    billions: float
    weights_gib: float
    weights_4bit_gib: float
    gated: bool
    cached: bool
    note: str


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """List the model families: ids to try, parameters, memory, and what is downloaded already.

    Memory is that of the weights; add room for the visual prefix and, while tuning, its
    activations (docs/models.md has measured peaks).
    """
    rows = list_models()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    console.print_rows(
        [
            ("family", "prompt holds", "id for --model", "size", "16 bit", "4 bit", "on disk", ""),
            *(
                (
                    row.family,
                    row.modality,
                    row.name,
                    f"{row.billions:g} B",
                    f"{row.weights_gib:.1f} GiB",
                    f"{row.weights_4bit_gib:.1f} GiB",
                    "yes" if row.cached else "no",
                    "; ".join(["gated"] * row.gated + [row.note] * bool(row.note)),
                )
                for row in rows
            ),
        ]
    )


def list_models() -> list[ModelRow]:
    """Every checkpoint of every registered family, families in alphabetical order."""
    from zerotube.mllm.registry import FAMILIES, family_for
    from zerotube.mllm.weights import weights_cached

    rows = []
    for architecture in FAMILIES:
        family = family_for(architecture)
        for item in family.checkpoints:
            parameters = item.billions * 1e9
            rows.append(
                ModelRow(
                    family=type(family).__name__,
                    architecture=architecture,
                    modality=family.modality,
                    name=item.name,
                    billions=item.billions,
                    weights_gib=round(parameters * 2 / _GIB, 1),
                    weights_4bit_gib=round(parameters / 2 / _GIB, 1),
                    gated=item.gated,
                    cached=weights_cached(item.name),
                    note=item.note,
                )
            )
    return sorted(rows, key=lambda row: (row.family, row.billions))
