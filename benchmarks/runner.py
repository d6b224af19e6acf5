"""What the runner costs beside the method itself, and what a second worker brings.

    python benchmarks/runner.py [--samples 40] [--rounds 3] [--json benchmarks/results/runner.json]

Both are measured with the bundled model on generated clips and their true tracks. The runner's own
time is what a run takes beyond the seconds inside the task - its journal, its hand-out, its
bookkeeping - measured within one run: two runs after one another differ by more than that. Workers
get one thread each; their rate leaves out the seconds in which they load, as a long run does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import keep

SEED = 3_200_000


@dataclass(frozen=True)
class OpenTask:
    """A task that is open already: loading the model is no cost of the runner."""

    task: Any
    work: Any

    @property
    def settings(self) -> dict[str, Any]:
        return self.task.settings

    def open(self) -> Any:
        return self.work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    # Read by torch when it is imported, here and in the workers.
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), arguments.samples, arguments.rounds)
    print(json.dumps(report, indent=1))
    keep(report, arguments.json)


def measure(folder: Path, samples: int, rounds: int) -> dict[str, Any]:
    """All figures of the report."""
    from zerotube.eval.datasets import Request, load_benchmark
    from zerotube.eval.ground_task import TRUTH, CandidateChoice, GroundTask, ModelChoice, Variant
    from zerotube.method.config import preset
    from zerotube.synth import write_set

    root = write_set(folder / "clips", "mixed", samples, SEED)
    benchmark = load_benchmark(Request("synth", root=root))
    task = GroundTask(
        (Variant("full", preset("paper")),), ModelChoice(device="cpu"), CandidateChoice(TRUTH)
    )
    overhead = [own_time(task, benchmark, folder / f"run{n}") for n in range(rounds)]
    gains = []
    for _ in range(rounds):
        rates = {n: rate(task, benchmark, n) for n in (1, 2)}
        gains.append({"one": rates[1], "two": rates[2], "ratio": rates[2] / rates[1]})
    return {
        "samples": samples,
        "rounds": rounds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread per process",
        "overhead": {
            "method_s": summary([one["method_s"] for one in overhead]),
            "own_s": summary([one["own_s"] for one in overhead]),
            "share": summary([one["own_s"] / one["method_s"] for one in overhead]),
        },
        "workers": {
            "one_per_s": summary([one["one"] for one in gains]),
            "two_per_s": summary([one["two"] for one in gains]),
            "ratio": summary([one["ratio"] for one in gains]),
        },
    }


def own_time(task: Any, benchmark: Any, folder: Path) -> dict[str, float]:
    """Seconds inside the task and beyond it, of one run."""
    from zerotube.eval.runner import RunOptions, run_task

    work = task.open()
    work(benchmark.samples[0])
    inside = 0.0

    def timed(sample: Any) -> Any:
        nonlocal inside
        begin = time.perf_counter()
        try:
            return work(sample)
        finally:
            inside += time.perf_counter() - begin

    begin = time.perf_counter()
    record = run_task(OpenTask(task, timed), benchmark, RunOptions(folder))
    whole = time.perf_counter() - begin
    if record.errors or len(record.results) != len(benchmark.samples):
        raise RuntimeError(f"samples failed: {dict(record.errors)}")
    return {"method_s": inside, "own_s": whole - inside}


def rate(task: Any, benchmark: Any, workers: int) -> float:
    """Samples per second of some workers, counted from the first sample that each has finished."""
    from zerotube.eval.runner.processes import Processes

    pool = Processes(task, workers)
    try:
        pool.start()
        while pool.ready < workers:
            pool.wait()
        queue = list(benchmark.samples)
        # One sample each warms them up.
        warm = [queue.pop() for _ in range(workers)]
        finish(pool, warm)
        begin = time.perf_counter()
        finish(pool, queue)
        return len(queue) / (time.perf_counter() - begin)
    finally:
        pool.close()


def finish(pool: Any, samples: list[Any]) -> None:
    """Hand out samples until all are through."""
    left, queue = len(samples), list(samples)
    while left:
        while queue and pool.free:
            pool.give(queue.pop())
        for outcome in pool.wait():
            if outcome.state != "done":
                raise RuntimeError(f"a sample failed: {outcome.problem}")
            left -= 1


def summary(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


if __name__ == "__main__":
    main()
