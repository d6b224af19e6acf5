"""``zerotube score``: how good a prediction file is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson, Overwrite, ProtocolName
from zerotube.cli.paths import check_out_file
from zerotube.eval.datasets import Request

if TYPE_CHECKING:
    from zerotube.eval.score import Scores, Table

_NAMED = 5
"""Ids that a message names; the rest is counted, and listed by --json."""


@with_flags(
    protocol="Frames of vIoU: half-open as TubeDETR and its successors count them, or with both "
    "ends; images are always scored with both ends.",
    overwrite="Replace an existing --per-sample file.",
    as_json="Print fractions, counts and all ids as JSON.",
)
def score(
    *,
    data: Request,
    predictions: Annotated[
        Path,
        typer.Option(
            "--predictions", metavar="FILE", help="JSON lines, one prediction per sample."
        ),
    ],
    protocol: ProtocolName = "half-open",
    allow_unknown: Annotated[
        bool,
        typer.Option(
            "--allow-unknown", help="Leave out predictions for what the annotations do not have."
        ),
    ] = False,
    per_sample: Annotated[
        Path | None,
        typer.Option(
            "--per-sample", metavar="FILE", help="Write tIoU, vIoU and gt_vIoU of every sample."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Score predictions of this or any other system against the annotations.

    A sample without a prediction, or with one that says the system failed, counts 0 in every mean.
    """
    from zerotube.eval.datasets import load_benchmark
    from zerotube.eval.per_sample import write_per_sample
    from zerotube.eval.predictions import read_predictions
    from zerotube.eval.score import score as score_predictions

    if per_sample is not None:
        check_out_file(per_sample, overwrite=overwrite, suffixes=(".jsonl",))
    # The predictions first: reading them is quicker than reading thousands of box files.
    found = read_predictions(predictions)
    benchmark = load_benchmark(data)
    for note in benchmark.notes:
        console.note(note)
    scores = score_predictions(benchmark, found, protocol)
    _check_unknown(scores, predictions, allowed=allow_unknown)
    if per_sample is not None:
        write_per_sample(per_sample, benchmark.samples, scores)
    if as_json:
        print(json.dumps(scores.to_dict(), indent=2))
    else:
        _print_table(scores)
    _warn(scores, answered=len(set(found).intersection(item.sample_id for item in scores.skipped)))


def _check_unknown(scores: Scores, path: Path, *, allowed: bool) -> None:
    from zerotube.errors import InputError

    if scores.unknown_ids and not allowed:
        raise InputError(
            f"{path} with {_some(scores.unknown_ids)} that the annotations do not have",
            wanted="predictions for these annotations",
            fix="check --dataset, --annotations and --split, or pass --allow-unknown",
        )


def _print_table(scores: Scores) -> None:
    """Measures down, kinds across, in percent with 95% intervals."""
    print(f"{scores.title}\n")
    columns = [_column(table) for table in scores.tables.values()]
    apart = len(scores.tables) > 1
    head = [("", *scores.tables)] if apart else []
    labels = list(columns[0])
    console.print_rows(
        [*head, *((label, *(column[label] for column in columns)) for label in labels)]
    )


def _column(table: Table) -> dict[str, str]:
    known = table.percent()
    cells = {name: known.get(name, "    -") for name in table.means()}
    counts = {"samples": table.samples, "missing": table.missing, "failed": table.failed}
    return cells | {name: f"{count:5d}" for name, count in counts.items()}


def _warn(scores: Scores, *, answered: int) -> None:
    """Name on stderr what the means do not rest on."""
    if scores.missing_ids:
        console.warn(f"no prediction, counted 0: {_some(scores.missing_ids)}")
    if scores.failed_ids:
        console.warn(f"the system failed, counted 0: {_some(scores.failed_ids)}")
    if scores.unknown_ids:
        console.warn(f"not in the annotations, left out: {_some(scores.unknown_ids)}")
    if scores.skipped:
        names = _some([item.sample_id for item in scores.skipped])
        console.warn(f"skipped, not counted: {names}; the first: {scores.skipped[0].reason}")
    if answered == 1:
        console.note("1 prediction is for a skipped sample and was left out")
    elif answered:
        console.note(f"{answered} predictions are for skipped samples and were left out")


def _some(names: Sequence[str]) -> str:
    """How many, and the first of them by name."""
    shown = ", ".join(names[:_NAMED])
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names)} id{'s' if len(names) > 1 else ''} ({shown}{more})"
