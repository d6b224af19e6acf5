"""The loop over samples."""

from __future__ import annotations

import time
from typing import Any

from zerotube.eval.runner.types import RunOptions, RunRecord
from zerotube.eval.task import SampleSkipped, Task
from zerotube.eval.types import Benchmark, Skipped


def run_task(task: Task, benchmark: Benchmark, options: RunOptions) -> RunRecord:
    """Compute a task for every sample."""
    first, stride = options.shard
    chosen = benchmark.samples[: options.limit][first - 1 :: stride]
    work = task.open()
    results: dict[str, dict[str, Any]] = {}
    skipped: list[Skipped] = list(benchmark.skipped)
    seconds: dict[str, float] = {}
    for sample in chosen:
        begin = time.perf_counter()
        try:
            results[sample.sample_id] = work(sample)
        except SampleSkipped as caught:
            skipped.append(Skipped(sample.sample_id, caught.got))
        seconds[sample.sample_id] = time.perf_counter() - begin
    samples = tuple(sample for sample in chosen if sample.sample_id in results)
    return RunRecord(samples, results, {}, tuple(skipped), seconds, complete=True)
