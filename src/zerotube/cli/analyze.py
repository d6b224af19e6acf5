"""``zerotube analyze``: the paper's analyses of its own method, on any benchmark and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from zerotube.cli import console
from zerotube.cli.dataset_flags import (
    ANNOTATIONS_OPTION,
    BOXES_OPTION,
    DATASET_OPTION,
    ROOT_OPTION,
    SPLIT_OPTION,
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
from zerotube.method.config import MethodSettings


@with_flags(MethodSettings, into="changes")
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
    dataset: DATASET_OPTION,
    out: RUN_OPTION,
    root: ROOT_OPTION = None,
    split: SPLIT_OPTION = "",
    annotations: ANNOTATIONS_OPTION = None,
    boxes: BOXES_OPTION = None,
    model: MODEL_OPTION = "bundled",
    proposer: PROPOSER_OPTION = None,
    proposer_set: PROPOSER_SET_OPTION = None,
    tracks: TRACKS_DIR_OPTION = None,
    store: STORE_OPTION = None,
    no_store: NO_STORE_OPTION = False,
    decomposer: RUN_DECOMPOSER_OPTION = "rules",
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
    """Measure on a data set what the paper's method rests on.

    RUN gets journal.sqlite while it works (killed or interrupted, --resume goes on), and table.md,
    table.json and plot.png once every sample is finished. The flags from --frames on are settings
    of the method; one that an analysis decides itself or does not read is refused. What each
    analysis measures stands in docs/analyses.md.
    """
    proposer_settings = assignments(proposer_set or [], option="--proposer-set")
    kept = chosen_store(store, off=no_store)
    check_decomposer(decomposer)
    options = run_options(out, resume=resume, limit=limit, shard=shard, workers=workers, ray=ray)
    if tracks is not None and not tracks.is_dir():
        raise InputError(f"no folder {tracks}", wanted="a folder of track files", fix="pass it")

    from zerotube.cli.run_progress import RunProgress
    from zerotube.cli.synth_sets import prepare_synth
    from zerotube.eval.analyses import OUTPUT_FILES, analysis
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.ground_task import CandidateChoice, ModelChoice
    from zerotube.eval.runner import run_task
    from zerotube.eval.runner.run import select
    from zerotube.tube.serialize import format_json

    check_out_dir(out, OUTPUT_FILES, overwrite=True)
    _check_new(out, OUTPUT_FILES)
    named = (proposer, proposer_set, tracks, store, no_store or None)
    candidates = None
    if any(value is not None for value in named) or what != "peaks":
        candidates = CandidateChoice(proposer, proposer_settings, tracks, kept)
    chosen = analysis(
        what,
        changes,
        model=ModelChoice(model, device, dtype, device_map, quantize, decomposer),
        candidates=candidates,
        groups=groups,
        protocol=protocol,
    )
    prepare_synth(dataset, split, root, annotations, quiet=quiet)
    benchmark = load_benchmark(Request(dataset, split, root, annotations, boxes))
    check_videos(benchmark)
    chosen.check(benchmark, select(benchmark.samples, options))
    with RunProgress(quiet=quiet) as progress:
        record = run_task(chosen.task, benchmark, options, watch=progress)
    report = chosen.report(benchmark, record)
    written = report.save(out)
    if as_json:
        print(format_json(report.to_dict()))
    else:
        print(report.markdown())
        console.print_rows([("files", str(path)) for path in written])
    for note in report.notes:
        console.warn(note)
    if report.samples + len(record.skipped) < len(benchmark.samples):
        console.warn(
            "a part of the benchmark (--limit, --shard): these numbers do not compare with others"
        )


def _check_new(out: Path, names: Iterable[str]) -> None:
    """Refuse a folder that holds such files and no run, of which they could be the results."""
    from zerotube.eval.runner.journal import JOURNAL_FILE

    found = [name for name in names if (out / name).exists()]
    if found and not (out / JOURNAL_FILE).exists():
        raise UsageError(
            f"an existing {out / found[0]} that no run in {out} made",
            wanted="a new folder, or one with a run to go on with",
            fix="choose another --out",
        )
