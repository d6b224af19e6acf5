"""``zerotube check``: the acceptance test for the weights a user holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson, LoadFlags, Overwrite, Quiet
from zerotube.cli.paths import check_out_file

_NAME_WIDTH = 22


@with_flags(
    overwrite="Replace an existing report.",
    as_json="Print the report as JSON instead of a table.",
)
def check(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Hugging Face id or folder, or bundled.")
    ],
    *,
    load: LoadFlags,
    clips: Annotated[
        int, typer.Option("--clips", metavar="N", help="Generated clips to look at.")
    ] = 40,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write a report, .md or .json, to attach to an issue."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that a model is read correctly, and that it is of use; exit 5 if a check failed.

    Files, prompt, captured attention and the place of every visual token pass or fail. Answers to
    yes/no questions and the choice of objects on generated clips fail only where they are not
    better than chance. --out is written after every line, so that an interrupt leaves the report
    so far; docs/models.md says what each line means.
    """
    if out is not None:
        check_out_file(out, overwrite=overwrite, suffixes=(".md", ".json"))

    from zerotube.check.report import as_json as json_of
    from zerotube.check.report import write_report
    from zerotube.check.run import CheckOptions, run_checks
    from zerotube.check.types import CheckFailedError, CheckReport

    options = CheckOptions(model, **load.loading, clips=clips)
    report = CheckReport(options.shown_name)
    with console.StageProgress(quiet=quiet, apart=True) as progress:
        try:
            for line in run_checks(options, progress):
                report = replace(report, lines=(*report.lines, line))
                if out is not None:
                    write_report(report, out)
                if not as_json:
                    print(f"{line.status}  {line.name:<{_NAME_WIDTH}}  {line.figure}", flush=True)
                    if line.status == "fail" and line.detail:
                        print(f"      {'':<{_NAME_WIDTH}}  {line.detail}", flush=True)
            report = replace(report, finished=True)
        finally:
            # Also after an interrupt: what was found until then is said.
            if out is not None and report.lines:
                write_report(report, out)
            if as_json:
                print(json_of(report), end="")
    if report.failed:
        raise CheckFailedError(
            f"{len(report.failed)} of {len(report.lines)} lines that failed "
            f"({', '.join(report.failed)})",
            wanted="a model that is read correctly and answers better than chance",
            fix="attach the report of --out to an issue, or use another model",
        )
