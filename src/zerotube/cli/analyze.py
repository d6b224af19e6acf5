"""``zerotube analyze``: the paper's analyses of its own method, on any benchmark and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.llm import warn_decomposed
from zerotube.cli.run_flags import RunFlags, with_run
from zerotube.method.config import MethodSettings


@with_flags(MethodSettings, into="changes")
@with_run()
def analyze(
    what: Annotated[
        Literal["tokens", "consistency", "peaks"],
        typer.Argument(
            metavar="tokens|consistency|peaks",
            help="tokens: which role token grounds (hit ratio, accuracy by activation rank). "
            "consistency: accuracy against the agreement of the forward and the reversed map. "
            "peaks: the attention's maximum and its mass in the true box, before and after tuning.",
        ),
    ],
    *,
    groups: Annotated[
        int | None,
        typer.Option(
            "--groups", metavar="N", help="consistency: groups of equal size (default 10)."
        ),
    ] = None,
    protocol: Annotated[
        Literal["half-open", "inclusive"] | None,
        typer.Option("--protocol", help="consistency: frames of vIoU (default half-open)."),
    ] = None,
    changes: Mapping[str, Any],
    asked: RunFlags,
) -> None:
    """Measure on a data set what the paper's method rests on.

    RUN gets journal.sqlite while it works (killed or interrupted, --resume goes on), and table.md,
    table.json and plot.png once every sample is finished. The flags from --frames on are settings
    of the method; one that an analysis decides itself or does not read is refused. Those that begin
    with --llm are for --decomposer openai. What each
    analysis measures stands in docs/analyses.md.
    """
    options = asked.options()

    from zerotube.cli.run_progress import RunProgress
    from zerotube.eval.analyses import OUTPUT_FILES, analysis
    from zerotube.eval.runner import run_task
    from zerotube.eval.runner.run import select
    from zerotube.tube.serialize import format_json

    asked.check_results(OUTPUT_FILES)
    choice = asked.candidate_choice() if asked.names_candidates or what != "peaks" else None
    chosen = analysis(
        what,
        changes,
        model=asked.model_choice(),
        candidates=choice,
        groups=groups,
        protocol=protocol,
    )
    benchmark = asked.benchmark()
    chosen.check(benchmark, select(benchmark.samples, options))
    with RunProgress(quiet=asked.quiet) as progress:
        record = run_task(chosen, benchmark, options, watch=progress)
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
