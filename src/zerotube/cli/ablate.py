"""``zerotube ablate``: the paper's ablations on a benchmark, every row on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.llm import warn_decomposed
from zerotube.cli.run_flags import RunFlags, with_run
from zerotube.errors import UsageError
from zerotube.method.config import PRESETS, MethodSettings, preset

if TYPE_CHECKING:
    from zerotube.eval.ablations import AblationTable

SYNTH_SETS = "attribute-hard,action-hard,mixed"
"""What is run of the data set synth if no split is named."""


SPLITS_OPTION = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="NAME[,NAME]",
        help="Splits, each with a table of its own; default for synth without --root: "
        f"{SYNTH_SETS}.",
    ),
]


@with_flags(MethodSettings, into="changes")
@with_run(split=SPLITS_OPTION)
def ablate(
    what: Annotated[
        Literal["components", "beyond", "objective", "frames", "topk", "lr", "trackers"],
        typer.Argument(
            metavar="components|beyond|objective|frames|topk|lr|trackers",
            help="components: the parts of the method (Table 2). beyond: what goes beyond the "
            "paper's recipe. objective: what tuning minimises (Table 3). frames: sampled frames. "
            "topk: frames in the span. lr: learning rate by iterations. trackers: what finds the "
            "candidates.",
        ),
    ],
    *,
    values: Annotated[
        str,
        typer.Option(
            "--values",
            metavar="A,B,...",
            help="What frames, topk or lr run through, or the proposers of trackers (truth: the "
            "true tracks); default: the paper's.",
        ),
    ] = "",
    method: Annotated[
        str,
        typer.Option("--method", metavar="|".join(PRESETS), help="Preset that the rows change."),
    ] = "paper",
    protocol: Annotated[
        Literal["half-open", "inclusive"],
        typer.Option("--protocol", help="Frames of vIoU, see `zerotube score`."),
    ] = "half-open",
    changes: Mapping[str, Any],
    asked: RunFlags,
) -> None:
    """Set variants of the method beside each other on a data set.

    RUN gets a folder with a journal per split while it works (killed or interrupted, --resume goes
    on), and table.md, table.json and plot.png once every sample is finished. Differences between
    rows are paired, with 95% bootstrap intervals. The flags from --frames on are settings that all
    rows share unless the ablation decides them, those that begin with --llm are for --decomposer
    openai.
    """
    base = preset(method, **changes)
    options = asked.options()
    splits = _splits(asked)

    from zerotube.cli.run_progress import RunProgress
    from zerotube.eval.ablations import OUTPUT_FILES, rows_of, save, tabulate
    from zerotube.eval.ground_task import GroundTask
    from zerotube.eval.runner import run_task
    from zerotube.tube.serialize import format_json

    asked.check_results(OUTPUT_FILES, splits)
    rows = rows_of(what, base, [value for value in values.split(",") if value])
    if what == "trackers" and (asked.proposer is not None or asked.tracks is not None):
        raise UsageError(
            "--proposer or --tracks for the ablation of trackers",
            wanted="its rows to name the proposers",
            fix="pass --values, for example --values truth,motion",
        )
    variants = tuple(row.variant for row in rows)
    for variant in variants:
        if variant.candidates is not None:
            asked.check_candidates(variant.candidates)
    task = GroundTask(variants, asked.model_choice(), asked.candidate_choice())
    benchmarks = [asked.benchmark(one) for one in splits]
    tables: list[AblationTable] = []
    for name, benchmark in zip(splits, benchmarks, strict=True):
        if name and not asked.quiet:
            console.note(f"{benchmark.dataset} {name}: {len(benchmark.samples)} samples")
        own = replace(options, folder=asked.out / name)
        with RunProgress(quiet=asked.quiet) as progress:
            record = run_task(task, benchmark, own, watch=progress)
        tables += tabulate(what, rows, benchmark, record, protocol)
        warn_decomposed(record)
        if len(record.samples) + len(record.skipped) < len(benchmark.samples):
            console.warn("a part of the benchmark (--limit, --shard): intervals are wide")
    written = save(asked.out, tables, task.settings)
    if asked.as_json:
        print(format_json([table.to_dict() for table in tables]))
        return
    for table in tables:
        print(table.markdown() + "\n")
    console.print_rows([("files", str(path)) for path in written])


def _splits(asked: RunFlags) -> list[str]:
    """The splits to run, each once.

    Raises:
        UsageError: one is named twice, or several beside an annotation file.
    """
    names = [name.strip() for name in asked.split.split(",") if name.strip()]
    if not names:
        kept = asked.dataset == "synth" and asked.root is None and asked.annotations is None
        return SYNTH_SETS.split(",") if kept else [""]
    if len(set(names)) < len(names) or (asked.annotations is not None and len(names) > 1):
        raise UsageError(
            f"--split {asked.split}",
            wanted="different splits, or an annotation file of one",
            fix="name each split once",
        )
    return names
