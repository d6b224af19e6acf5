"""``zerotube ablate``: the paper's ablations on a benchmark, every row on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zerotube.cli import console
from zerotube.cli.dataset_flags import (
    ANNOTATIONS_OPTION,
    BOXES_OPTION,
    DATASET_OPTION,
    ROOT_OPTION,
)
from zerotube.cli.eval import check_videos
from zerotube.cli.flags import assignments, with_flags
from zerotube.cli.paths import check_out_dir
from zerotube.cli.run_flags import (
    DEVICE_MAP_OPTION,
    DEVICE_OPTION,
    DTYPE_OPTION,
    LIMIT_OPTION,
    MODEL_OPTION,
    PROPOSER_OPTION,
    PROPOSER_SET_OPTION,
    QUANTIZE_OPTION,
    QUIET_OPTION,
    RAY_OPTION,
    RESUME_OPTION,
    RUN_DECOMPOSER_OPTION,
    RUN_OPTION,
    SHARD_OPTION,
    TRACKS_DIR_OPTION,
    WORKERS_OPTION,
    check_decomposer,
    run_options,
)
from zerotube.cli.store_flags import NO_STORE_OPTION, STORE_OPTION, chosen_store
from zerotube.errors import InputError, UsageError
from zerotube.method.config import PRESETS, MethodSettings, preset

if TYPE_CHECKING:
    from zerotube.eval.ablations import AblationTable

SYNTH_SETS = "attribute-hard,action-hard,mixed"
"""What is run of the data set synth if no split is named."""


@with_flags(MethodSettings, into="changes")
def ablate(
    what: Annotated[
        Literal["components", "objective", "frames", "topk", "lr", "trackers"],
        typer.Argument(
            metavar="components|objective|frames|topk|lr|trackers",
            help="components: the parts of the method (Table 2). objective: what tuning minimises "
            "(Table 3). frames: sampled frames. topk: frames in the span. lr: learning rate by "
            "iterations. trackers: what finds the candidates.",
        ),
    ],
    dataset: DATASET_OPTION,
    out: RUN_OPTION,
    root: ROOT_OPTION = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="NAME[,NAME]",
            help="Splits, each with a table of its own; default for synth without --root: "
            f"{SYNTH_SETS}.",
        ),
    ] = "",
    annotations: ANNOTATIONS_OPTION = None,
    boxes: BOXES_OPTION = None,
    values: Annotated[
        str,
        typer.Option(
            "--values",
            metavar="A,B,...",
            help="What frames, topk or lr run through, or the proposers of trackers (truth: the "
            "true tracks); default: the paper's.",
        ),
    ] = "",
    model: MODEL_OPTION = "bundled",
    method: Annotated[
        str,
        typer.Option("--method", metavar="|".join(PRESETS), help="Preset that the rows change."),
    ] = "full",
    proposer: PROPOSER_OPTION = None,
    proposer_set: PROPOSER_SET_OPTION = None,
    tracks: TRACKS_DIR_OPTION = None,
    store: STORE_OPTION = None,
    no_store: NO_STORE_OPTION = False,
    decomposer: RUN_DECOMPOSER_OPTION = "rules",
    protocol: Annotated[
        Literal["half-open", "inclusive"],
        typer.Option("--protocol", help="Frames of vIoU, see `zerotube score`."),
    ] = "half-open",
    device: DEVICE_OPTION = None,
    dtype: DTYPE_OPTION = None,
    device_map: DEVICE_MAP_OPTION = None,
    quantize: QUANTIZE_OPTION = None,
    resume: RESUME_OPTION = False,
    limit: LIMIT_OPTION = None,
    shard: SHARD_OPTION = "1/1",
    workers: WORKERS_OPTION = None,
    ray: RAY_OPTION = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the content of table.json and nothing else.")
    ] = False,
    quiet: QUIET_OPTION = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Set variants of the method beside each other on a data set.

    RUN gets a folder with a journal per split while it works (killed or interrupted, --resume goes
    on), and table.md, table.json and plot.png once every sample is finished. Differences between
    rows are paired, with 95% bootstrap intervals. The flags from --frames on are settings that all
    rows share unless the ablation decides them.
    """
    base = preset(method, **changes)
    proposer_settings = assignments(proposer_set or [], option="--proposer-set")
    kept = chosen_store(store, off=no_store)
    check_decomposer(decomposer)
    options = run_options(out, resume=resume, limit=limit, shard=shard, workers=workers, ray=ray)
    if tracks is not None and not tracks.is_dir():
        raise InputError(f"no folder {tracks}", wanted="a folder of track files", fix="pass it")
    splits = _splits(dataset, split, root, annotations)

    from zerotube.cli.run_progress import RunProgress
    from zerotube.cli.synth_sets import prepare_synth
    from zerotube.eval.ablations import OUTPUT_FILES, rows_of, save, tabulate
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.ground_task import CandidateChoice, GroundTask, ModelChoice
    from zerotube.eval.runner import run_task
    from zerotube.tube.serialize import format_json

    check_out_dir(out, OUTPUT_FILES, overwrite=resume)
    rows = rows_of(what, base, [value for value in values.split(",") if value])
    if what == "trackers" and any(named is not None for named in (proposer, tracks)):
        raise UsageError(
            "--proposer or --tracks for the ablation of trackers",
            wanted="its rows to name the proposers",
            fix="pass --values, for example --values truth,motion",
        )
    task = GroundTask(
        tuple(row.variant for row in rows),
        ModelChoice(model, device, dtype, device_map, quantize, decomposer),
        CandidateChoice(proposer, proposer_settings, tracks, kept),
    )
    for one in splits:
        prepare_synth(dataset, one, root, annotations, quiet=quiet)
    benchmarks = [load_benchmark(Request(dataset, one, root, annotations, boxes)) for one in splits]
    tables: list[AblationTable] = []
    for name, benchmark in zip(splits, benchmarks, strict=True):
        check_videos(benchmark)
        if name and not quiet:
            console.note(f"{benchmark.dataset} {name}: {len(benchmark.samples)} samples")
        own = replace(options, folder=out / name if name else out)
        with RunProgress(quiet=quiet) as progress:
            record = run_task(task, benchmark, own, watch=progress)
        tables += tabulate(what, rows, benchmark, record, protocol)
        if len(record.samples) + len(record.skipped) < len(benchmark.samples):
            console.warn("a part of the benchmark (--limit, --shard): intervals are wide")
    written = save(out, tables, task.settings)
    if as_json:
        print(format_json([table.to_dict() for table in tables]))
        return
    for table in tables:
        print(table.markdown() + "\n")
    console.print_rows([("files", str(path)) for path in written])


def _splits(dataset: str, split: str, root: Path | None, annotations: Path | None) -> list[str]:
    """The splits to run, each once.

    Raises:
        UsageError: one is named twice, or several beside an annotation file.
    """
    names = [name.strip() for name in split.split(",") if name.strip()]
    if not names:
        if dataset == "synth" and root is None and annotations is None:
            return SYNTH_SETS.split(",")
        return [""]
    if len(set(names)) < len(names) or (annotations is not None and len(names) > 1):
        raise UsageError(
            f"--split {split}",
            wanted="different splits, or an annotation file of one",
            fix="name each split once",
        )
    return names
