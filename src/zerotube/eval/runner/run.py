"""The driver of a run: it hands samples to workers and alone writes the journal."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zerotube.errors import InputError, UsageError, ZerotubeError
from zerotube.eval.runner.attempt import Outcome
from zerotube.eval.runner.identity import Identity, identity_of
from zerotube.eval.runner.interrupts import Interrupts
from zerotube.eval.runner.journal import JOURNAL_FILE, Journal
from zerotube.eval.runner.pool import Here, Pool, WorkerFailedError
from zerotube.eval.runner.processes import Processes
from zerotube.eval.runner.types import RunOptions, RunRecord, RunState, Watch
from zerotube.eval.task import Task
from zerotube.eval.types import Benchmark, Sample, Skipped

LOCK_FILE = ".lock"
"""Held, inside the folder of a run, by the process that works on it."""


class RunInterruptedError(ZerotubeError):
    """Ctrl-C or SIGTERM. What is finished is kept."""

    exit_code = 130


def run_task(
    task: Task, benchmark: Benchmark, options: RunOptions, *, watch: Watch | None = None
) -> RunRecord:
    """Compute a task for every sample, once and for all: what is finished is in the journal.

    A sample that fails is tried once more when all others are through; then its failure stands.

    Args:
        task: what to compute.
        benchmark: the samples.
        options: which of them, where the journal is stored, and who works.
        watch: is told how far the run is.

    Returns:
        The record of the run with all its resumptions; it is complete.

    Raises:
        UsageError: the folder holds a run and ``resume`` is False, or one of other settings or
            samples; or there is nothing to do.
        InputError: the journal cannot be used or written, or another process works on it.
        RunInterruptedError: a signal came.
        Exception: what opening the task raised.
    """
    chosen = select(benchmark.samples, options)
    identity = identity_of(task.settings, benchmark, chosen, options)
    with _locked(options.folder), Interrupts() as interrupts:
        journal = _reopened(options, identity)
        created = journal is None
        try:
            if journal is None or any(journal.unfinished()):
                with _started(task, options, interrupts) as pool:
                    if journal is None:
                        # Only now: a run that could not begin leaves no journal behind.
                        ids = [sample.sample_id for sample in chosen]
                        journal = Journal.create(options.folder / JOURNAL_FILE, identity, ids)
                    _Driver(journal, chosen, pool, interrupts, watch).drive()
            return _record(journal, chosen, benchmark.skipped)
        except KeyboardInterrupt as caught:
            raise _interrupted(journal, len(chosen)) from caught
        except ZerotubeError:
            # Settings that fit no sample: corrected, they would no longer fit this journal.
            if journal is not None and created and journal.untouched():
                journal.discard()
            raise
        finally:
            if journal is not None:
                journal.close()


def select(samples: Sequence[Sample], options: RunOptions) -> tuple[Sample, ...]:
    """The samples that a run is about: the first ``limit``, and of these every n-th.

    Raises:
        UsageError: there is none.
    """
    number, count = options.shard
    chosen = tuple(samples[: options.limit][number - 1 :: count])
    if not chosen:
        raise UsageError(
            f"no sample (shard {number}/{count} of {len(samples[: options.limit])})",
            wanted="at least one sample",
            fix="check the split, or use fewer shards",
        )
    return chosen


class _Driver:
    """Hands out what is not finished and notes what comes back."""

    def __init__(
        self,
        journal: Journal,
        chosen: Sequence[Sample],
        pool: Pool,
        interrupts: Interrupts,
        watch: Watch | None,
    ) -> None:
        self._journal = journal
        self._samples = {sample.sample_id: sample for sample in chosen}
        self._pool = pool
        self._interrupts = interrupts
        self._watch = watch
        first, again = journal.unfinished()
        self._first, self._again = deque(first), deque(again)
        self._failed_once = set(again)
        self._counts = Counter(journal.counts())
        self._running: set[str] = set()
        self._here = 0
        self._begin = time.perf_counter()

    def drive(self) -> None:
        """Work until every sample is finished."""
        self._tell(None)
        while self._first or self._again or self._running:
            while self._pool.free and (self._first or self._again):
                self._hand_out((self._first or self._again).popleft())
            with self._interrupts.breakable():
                outcomes = self._pool.wait()
            for outcome in outcomes:
                self._note(outcome)

    def _hand_out(self, sample_id: str) -> None:
        self._journal.begin(sample_id)
        self._running.add(sample_id)
        self._pool.give(self._samples[sample_id])

    def _note(self, outcome: Outcome) -> None:
        problem = outcome.problem
        if problem is not None and problem.fatal is not None and not self._counts["done"]:
            # In the settings, most likely: ten thousand failures would tell no more.
            raise problem.fatal
        self._running.discard(outcome.sample_id)
        self._journal.finish(outcome)
        self._here += 1
        self._count(outcome)
        self._tell(outcome)
        if problem is not None and problem.ruined and not self._pool.replaces:
            raise WorkerFailedError(
                f"a fault of the device at sample {outcome.sample_id!r} ({problem.text}), after "
                "which this process cannot go on",
                wanted="a device that works",
                fix="run the same command with --resume; --workers 2 replaces such a process",
            )

    def _count(self, outcome: Outcome) -> None:
        again = outcome.sample_id in self._failed_once
        if again:
            self._counts["retrying"] -= 1
        if outcome.state == "failed" and not again:
            self._failed_once.add(outcome.sample_id)
            self._again.append(outcome.sample_id)
            self._counts["retrying"] += 1
        else:
            self._counts[outcome.state] += 1

    def _tell(self, outcome: Outcome | None) -> None:
        if self._watch is None:
            return
        came: Iterable[tuple[Sample, Mapping[str, Any]]] = ()
        problem = None
        if outcome is None:
            earlier = self._journal.results()
            came = ((self._samples[name], earlier[name]) for name in earlier)
        elif outcome.result is not None:
            came = ((self._samples[outcome.sample_id], json.loads(outcome.result)),)
        elif outcome.state == "failed" and outcome.problem is not None:
            problem = (outcome.sample_id, outcome.problem.text)
        self._watch(
            RunState(
                total=len(self._samples),
                done=self._counts["done"],
                skipped=self._counts["skipped"],
                failed=self._counts["failed"],
                retrying=self._counts["retrying"],
                here=self._here,
                seconds=time.perf_counter() - self._begin,
                workers=self._pool.ready,
                came=came,
                problem=problem,
            )
        )


def _reopened(options: RunOptions, identity: Identity) -> Journal | None:
    """The journal that is there already, if it may be continued."""
    path = options.folder / JOURNAL_FILE
    if not path.exists():
        return None
    if not options.resume:
        raise UsageError(
            f"{options.folder}, which holds a run already",
            wanted="a new folder, or leave to continue that run",
            fix="pass --resume, or choose another folder",
        )
    return Journal(path, identity)


@contextmanager
def _started(task: Task, options: RunOptions, interrupts: Interrupts) -> Iterator[Pool]:
    """Workers that are ready, and gone after the block."""
    pool = _pool(task, options)
    try:
        with interrupts.breakable():
            pool.start()
        yield pool
    finally:
        pool.close()


def _pool(task: Task, options: RunOptions) -> Pool:
    if options.ray is not None:
        from zerotube.eval.runner.ray_pool import RayPool

        return RayPool(task, options.ray, options.workers)
    if options.workers is not None and options.workers > 1:
        return Processes(task, options.workers)
    return Here(task)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder of a run against other processes; the system drops the lock of a dead one."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"a file at {folder}", wanted="a folder", fix="choose another folder")
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as problem:
        raise InputError(
            f"{folder}, which another process is working on",
            wanted="one process per run",
            fix="wait until it ends, or use a folder of its own per --shard",
        ) from problem
    try:
        yield
    finally:
        lock.release()
        if made and not (folder / JOURNAL_FILE).exists():
            # The run could not begin: nothing of it stays. A folder with other files in it does.
            (folder / LOCK_FILE).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()


def _interrupted(journal: Journal | None, total: int) -> RunInterruptedError:
    finished = 0
    if journal is not None:
        counts = journal.counts()
        finished = sum(counts.get(state, 0) for state in ("done", "failed", "skipped"))
    return RunInterruptedError(
        f"an interrupt after {finished} of {total} samples, which are kept",
        wanted="to finish",
        fix="run the same command with --resume to go on",
    )


def _record(journal: Journal, chosen: Sequence[Sample], left_out: Sequence[Skipped]) -> RunRecord:
    unfit = journal.notes("skipped")
    return RunRecord(
        samples=tuple(sample for sample in chosen if sample.sample_id not in unfit),
        results=journal.results(),
        errors=journal.notes("failed"),
        skipped=(*left_out, *(Skipped(*one) for one in unfit.items())),
        seconds=journal.seconds(),
        complete=not any(journal.unfinished()),
    )
