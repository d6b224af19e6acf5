"""``zerotube ablate``: the paper's ablations on a benchmark, every row on the same samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import Method, MethodChanges, ProtocolName
from zerotube.cli.llm import warn_decomposed
from zerotube.cli.run_flags import RunFlags
from zerotube.errors import UsageError
from zerotube.eval.datasets import Request
from zerotube.eval.names import FROM_THE_DEFAULT, Ablation
from zerotube.method.config import preset
from zerotube.method.heads import chosen_heads
from zerotube.method.recommended import settings_for

if TYPE_CHECKING:
    from zerotube.eval.ablations import AblationTable
    from zerotube.eval.ground_task import Variant
    from zerotube.proposals.order import Order

SYNTH_SETS = "attribute-hard,action-hard,mixed"
"""What is run of the data set synth if no split is named."""


@dataclass(frozen=True)
class SeveralSplits(Request):
    """A request for each of several splits."""

    split: str = field(
        default="",
        metadata={
            "metavar": "NAME[,NAME]",
            "help": "Splits, each with a table of its own; default for synth without --root: "
            f"{SYNTH_SETS}.",
        },
    )
    """Names with commas between them."""


@dataclass(frozen=True, kw_only=True)
class AblationFlags(RunFlags):
    """The flags of a run over several splits."""

    data: SeveralSplits


@with_flags(method="Preset that the rows change; default: paper. Not for methods and extensions.")
def ablate(
    what: Annotated[
        Ablation,
        typer.Argument(
            metavar="|".join(get_args(Ablation)),
            help="methods: the default beside the paper's and others. components: the parts of the "
            "method (Table 2). extensions: the default beside the paper's recipe, with its parts "
            "alone and left out. objective: what tuning minimises (Table 3). frames: sampled "
            "frames. topk: frames in the span. lr: learning rate by iterations. trackers: what "
            "finds the candidates.",
        ),
    ],
    *,
    asked: AblationFlags,
    values: Annotated[
        str,
        typer.Option(
            "--values",
            metavar="A,B,...",
            help="What frames, topk or lr run through, or the proposers of trackers (truth: the "
            "true tracks); default: the paper's.",
        ),
    ] = "",
    method: Method = "",
    protocol: ProtocolName = "half-open",
    changes: MethodChanges,
) -> None:
    """Set variants of the method beside each other on a data set.

    RUN gets a folder with a journal per split while it works (killed or interrupted, --resume goes
    on), and table.md, table.json and plot.png once every sample is finished. Differences between
    rows are paired, with 95% bootstrap intervals. The flags from --frames on are settings that all
    rows share unless the ablation decides them, those that begin with --llm are for --decomposer
    openai and --asker openai.
    """
    if what in FROM_THE_DEFAULT:
        if method:
            raise UsageError(
                f"--method {method} for the ablation of {what}",
                wanted="its rows to name the methods",
                fix="leave --method out",
            )
        base = settings_for(asked.model.name, changes=changes)
    else:
        base = preset(method or "paper", **changes)
    options = asked.options()
    splits = _splits(asked)

    from zerotube.eval.ablations import OUTPUT_FILES, rows_of, save, tabulate, with_known_heads
    from zerotube.eval.ground_task import GroundTask
    from zerotube.tube.serialize import format_json

    asked.check_results(OUTPUT_FILES, splits)
    words = asked.model.name != "bundled" or asked.model.split.asker == "openai"
    rows = rows_of(what, base, [value for value in values.split(",") if value], asks=words)
    asked.model.split.check_read(row.variant.settings for row in rows)
    if what == "extensions":
        known = with_known_heads(rows, asked.model.name)
        if len(known) < len(rows):
            console.note(
                f"no row of chosen heads: `zerotube heads {asked.model.name}` chooses them"
            )
        rows = known
    elif base.heads == "chosen":
        chosen_heads(asked.model.name)
    named = asked.candidates
    if what == "trackers" and (named.proposer is not None or named.tracks is not None):
        raise UsageError(
            "--proposer or --tracks for the ablation of trackers",
            wanted="its rows to name the proposers",
            fix="pass --values, for example --values truth,motion",
        )
    variants = tuple(_ordered(row.variant, named.order) for row in rows)
    for variant in variants:
        if variant.candidates is not None:
            asked.check_candidates(variant.candidates)
    task = GroundTask(variants, asked.model.choice(), named.choice())
    benchmarks = [asked.benchmark(one) for one in splits]
    tables: list[AblationTable] = []
    for name, benchmark in zip(splits, benchmarks, strict=True):
        if name and not asked.quiet:
            console.note(f"{benchmark.dataset} {name}: {len(benchmark.samples)} samples")
        record = asked.run(task, benchmark, replace(options, folder=asked.out / name))
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


def _ordered(variant: Variant, order: Order) -> Variant:
    """A row that names its own proposer, with the order of work that was asked for."""
    choice = variant.candidates
    if choice is None or choice.looks_for_nothing:
        return variant
    return replace(variant, candidates=replace(choice, order=order))


def _splits(asked: RunFlags) -> list[str]:
    """The splits to run, each once.

    Raises:
        UsageError: one is named twice, or several beside an annotation file.
    """
    data = asked.data
    names = [name.strip() for name in data.split.split(",") if name.strip()]
    if not names:
        kept = data.dataset == "synth" and data.root is None and data.annotations is None
        return SYNTH_SETS.split(",") if kept else [""]
    if len(set(names)) < len(names) or (data.annotations is not None and len(names) > 1):
        raise UsageError(
            f"--split {data.split}",
            wanted="different splits, or an annotation file of one",
            fix="name each split once",
        )
    return names
