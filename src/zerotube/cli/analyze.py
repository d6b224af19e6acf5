"""``zerotube analyze``: the paper's analyses of its own method, on any benchmark and model."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import MethodChanges
from zerotube.cli.llm import warn_decomposed
from zerotube.cli.run_flags import RunFlags
from zerotube.eval.names import Analysis, Protocol
from zerotube.method.config import preset
from zerotube.method.heads import chosen_heads


@with_flags()
def analyze(
    what: Annotated[
        Analysis,
        typer.Argument(
            metavar="|".join(get_args(Analysis)),
            help="tokens: which role token grounds (hit ratio, accuracy by activation rank). "
            "consistency: accuracy against the agreement of the forward and the reversed map. "
            "peaks: the attention's maximum and its mass in the true box, before and after tuning.",
        ),
    ],
    *,
    asked: RunFlags,
    groups: Annotated[
        int | None,
        typer.Option(
            "--groups", metavar="N", help="consistency: groups of equal size (default 10)."
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option("--protocol", help="consistency: frames of vIoU (default half-open)."),
    ] = None,
    changes: MethodChanges,
) -> None:
    """Measure on a data set what the paper's method rests on.

    RUN gets journal.sqlite while it works (killed or interrupted, --resume goes on), and table.md,
    table.json and plot.png once every sample is finished. The flags from --frames on are settings
    of the method; one that an analysis decides itself or does not read is refused. Those that begin
    with --llm are for --decomposer openai and --asker openai. What each analysis measures stands
    in docs/analyses.md.
    """
    asked.model.split.check_read([preset(**changes)])
    options = asked.options()
    if changes.get("heads") == "chosen":
        chosen_heads(asked.model.name)

    from zerotube.eval.analyses import OUTPUT_FILES, analysis
    from zerotube.eval.runner.run import select
    from zerotube.tube.serialize import format_json

    asked.check_results(OUTPUT_FILES)
    choice = asked.candidates.choice() if asked.candidates.given or what != "peaks" else None
    chosen = analysis(
        what,
        changes,
        model=asked.model.choice(),
        candidates=choice,
        groups=groups,
        protocol=protocol,
    )
    benchmark = asked.benchmark()
    chosen.check(benchmark, select(benchmark.samples, options))
    record = asked.run(chosen, benchmark, options)
    report = chosen.report(benchmark, record)
    written = report.save(asked.out)
    if asked.as_json:
        print(format_json(report.to_dict()))
    else:
        print(report.markdown())
        console.print_rows([("files", str(path)) for path in written])
    for note in report.notes:
        console.warn(note)
    warn_decomposed(record)
    if report.samples + len(record.skipped) < len(benchmark.samples):
        console.warn(
            "a part of the benchmark (--limit, --shard): these numbers do not compare with others"
        )
