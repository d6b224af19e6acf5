"""``zerotube eval``: the method on a benchmark, sample by sample, with scores at the end."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import Method, MethodChanges, ProtocolName
from zerotube.cli.llm import warn_decomposed, without_secrets
from zerotube.cli.run_flags import RunFlags
from zerotube.method.config import DEFAULT, named, preset

if TYPE_CHECKING:
    from zerotube.eval.evaluation import Evaluation

LABEL = "eval"
"""Name of the one variant of the run."""


@with_flags()
def evaluate(
    *,
    asked: RunFlags,
    method: Method = DEFAULT,
    protocol: ProtocolName = "half-open",
    changes: MethodChanges,
) -> None:
    """Ground every sample of a data set and score the answers.

    RUN gets journal.sqlite while it works (killed or interrupted, --resume goes on), and
    predictions.jsonl, metrics.json and report.html once every sample is finished. A sample that
    fails is tried again at the end; then it counts 0. The flags from --frames on are the settings
    of the method, those that begin with --llm are for --decomposer openai and --asker openai.
    """
    # A wrong value is refused before anything is fetched.
    asked.model.split.check_read([preset(method, **changes)])
    options = asked.options()

    from zerotube.eval.evaluation import (
        OUTPUT_FILES,
        REPORT_FILE,
        RunningScore,
        write_evaluation,
    )
    from zerotube.eval.evaluation import evaluate as scored
    from zerotube.eval.ground_task import GroundTask, Variant
    from zerotube.eval.report import write_report
    from zerotube.method.recommended import settings_for

    asked.check_results(OUTPUT_FILES)
    settings = settings_for(asked.model.name, method, changes)
    task = GroundTask((Variant(LABEL, settings),), asked.model.choice(), asked.candidates.choice())
    benchmark = asked.benchmark()
    running = RunningScore(LABEL, protocol, still=benchmark.still)
    record = asked.run(task, benchmark, options, running)
    evaluation = scored(
        benchmark,
        record,
        LABEL,
        protocol,
        task.settings,
        options,
        title=f"{named(settings)} on {f'{benchmark.dataset} {benchmark.split}'.strip()}",
        defaults=GroundTask((Variant(LABEL, preset()),)).settings,
        command=shlex.join(["zerotube", *without_secrets(sys.argv[1:])]),
    )
    write_report(asked.out / REPORT_FILE, evaluation)
    written = (*write_evaluation(asked.out, evaluation), asked.out / REPORT_FILE)
    if asked.as_json:
        print(json.dumps(evaluation.to_dict(), indent=2))
    else:
        _print(evaluation)
        console.print_rows([("files", str(path)) for path in written])
    _warn(evaluation)


def _print(evaluation: Evaluation) -> None:
    scores = evaluation.scores
    print(f"{scores.title}\n")
    for kind, table in scores.tables.items():
        if len(scores.tables) > 1:
            print(f"{kind}")
        console.print_rows(table.percent().items())
        console.print_rows([("samples", str(table.samples)), ("failed", str(table.failed))])
        print()


def _warn(evaluation: Evaluation) -> None:
    record, scores = evaluation.record, evaluation.scores
    warn_decomposed(record)
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
