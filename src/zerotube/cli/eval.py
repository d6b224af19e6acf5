"""``zerotube eval``: the method on a benchmark, sample by sample, with scores at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zerotube.cli import console
from zerotube.cli.dataset_flags import (
    ANNOTATIONS_OPTION,
    BOXES_OPTION,
    DATASET_OPTION,
    ROOT_OPTION,
    SPLIT_OPTION,
)
from zerotube.cli.flags import assignments, with_flags
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
from zerotube.errors import InputError
from zerotube.method.config import PRESETS, MethodSettings, preset

if TYPE_CHECKING:
    from zerotube.eval.evaluation import Evaluation
    from zerotube.eval.types import Benchmark

LABEL = "eval"
"""Name of the one variant of the run."""


@with_flags(MethodSettings, into="changes")
def evaluate(
    dataset: DATASET_OPTION,
    out: RUN_OPTION,
    root: ROOT_OPTION = None,
    split: SPLIT_OPTION = "",
    annotations: ANNOTATIONS_OPTION = None,
    boxes: BOXES_OPTION = None,
    model: MODEL_OPTION = "bundled",
    method: Annotated[
        str, typer.Option("--method", metavar="|".join(PRESETS), help="Preset of the settings.")
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
        bool, typer.Option("--json", help="Print the content of metrics.json and nothing else.")
    ] = False,
    quiet: QUIET_OPTION = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Ground every sample of a data set and score the answers.

    RUN gets journal.sqlite while it works (killed or interrupted, --resume goes on), and
    predictions.jsonl and metrics.json once every sample is finished. A sample that fails is tried
    again at the end; then it counts 0. The flags from --frames on are the settings of the method.
    """
    settings = preset(method, **changes)
    proposer_settings = assignments(proposer_set or [], option="--proposer-set")
    kept = chosen_store(store, off=no_store)
    check_decomposer(decomposer)
    options = run_options(out, resume=resume, limit=limit, shard=shard, workers=workers, ray=ray)
    if tracks is not None and not tracks.is_dir():
        raise InputError(f"no folder {tracks}", wanted="a folder of track files", fix="pass it")

    from zerotube.cli.run_progress import RunProgress
    from zerotube.cli.synth_sets import prepare_synth
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.evaluation import RunningScore, write_evaluation
    from zerotube.eval.evaluation import evaluate as scored
    from zerotube.eval.ground_task import CandidateChoice, GroundTask, ModelChoice, Variant
    from zerotube.eval.runner import run_task

    candidates = CandidateChoice(proposer, proposer_settings, tracks, kept)
    mllm = ModelChoice(model, device, dtype, device_map, quantize, decomposer)
    task = GroundTask((Variant(LABEL, settings),), mllm, candidates)
    prepare_synth(dataset, split, root, annotations, quiet=quiet)
    benchmark = load_benchmark(Request(dataset, split, root, annotations, boxes))
    check_videos(benchmark)
    running = RunningScore(LABEL, protocol, still=benchmark.still)
    with RunProgress(quiet=quiet, metrics=running) as progress:
        record = run_task(task, benchmark, options, watch=progress)
    evaluation = scored(benchmark, record, LABEL, protocol, task.settings, options)
    # The report of the run is written here as well: `evaluation` holds all that it shows.
    written = write_evaluation(out, evaluation)
    if as_json:
        print(json.dumps(evaluation.to_dict(), indent=2))
    else:
        _print(evaluation)
        console.print_rows([("files", str(path)) for path in written])
    _warn(evaluation)


def check_videos(benchmark: Benchmark) -> None:
    """Refuse a benchmark of which no video is known, before the seconds of loading a model.

    Raises:
        InputError: there is no sample, or none has a video.
    """
    if any(sample.video is not None for sample in benchmark.samples):
        return
    left_out = f", {len(benchmark.skipped)} skipped" if benchmark.skipped else ""
    because = f" (the first: {benchmark.skipped[0].reason})" if benchmark.skipped else ""
    raise InputError(
        f"{len(benchmark.samples)} samples without any video{left_out}{because}",
        wanted="samples with their videos",
        fix="pass --root with the folder that holds the videos",
    )


def _print(evaluation: Evaluation) -> None:
    scores = evaluation.scores
    name = f"{scores.dataset} {scores.split}".strip()
    print(f"{name}, {scores.protocol} protocol, in percent with 95% bootstrap intervals\n")
    for kind, table in scores.tables.items():
        if len(scores.tables) > 1:
            print(f"{kind}")
        intervals = table.intervals() if table.samples else {}
        console.print_rows(
            (measure, f"{100 * one.mean:5.1f}  [{100 * one.low:.1f}, {100 * one.high:.1f}]")
            for measure, one in intervals.items()
        )
        console.print_rows([("samples", str(table.samples)), ("failed", str(table.failed))])
        print()


def _warn(evaluation: Evaluation) -> None:
    record, scores = evaluation.record, evaluation.scores
    if scores.failed_ids:
        console.warn(f"{len(scores.failed_ids)} samples failed and count 0, see metrics.json")
    if record.skipped:
        first = record.skipped[0]
        console.warn(
            f"{len(record.skipped)} samples skipped, the first, {first.sample_id!r}, because "
            f"{first.reason}"
        )
    asked = len(record.samples) + len(record.skipped)
    if asked < len(evaluation.benchmark.samples):
        console.warn(
            "a part of the benchmark (--limit, --shard): these means do not compare with others"
        )
