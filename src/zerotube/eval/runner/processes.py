"""Workers as processes of this machine, started afresh so that each may use its own device."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection as pipes
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from zerotube.errors import ZerotubeError
from zerotube.eval.runner.attempt import Outcome, attempt
from zerotube.eval.runner.pool import (
    Elsewhere,
    Worker,
    WorkerFailedError,
    core_count,
    environment,
    thread_variables,
    threads_each,
)
from zerotube.eval.task import Task
from zerotube.eval.types import Sample

_POLL_S = 1.0
_END_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(eq=False, kw_only=True)
class _Process(Worker):
    """One process.

    Attributes:
        process: the process.
        pipe: samples go down, outcomes come up.
    """

    process: BaseProcess
    pipe: Connection


class Processes(Elsewhere[_Process]):
    """Worker processes of this machine.

    Args:
        task: what to do; it is pickled.
        count: how many.
    """

    def __init__(self, task: Task, count: int) -> None:
        super().__init__(task)
        self._count = count
        self._threads = threads_each(core_count(), count)

    def start(self) -> None:
        self._begin(self._count)

    def wait(self) -> list[Outcome]:
        pipes.wait([worker.pipe for worker in self._workers], timeout=_POLL_S)
        return [
            outcome
            for worker in tuple(self._workers)
            if worker.pipe.poll() and (outcome := self._receive(worker)) is not None
        ]

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            # They hold nothing that needs a farewell, and heed no gentler signal.
            worker.process.kill()
        for worker in self._workers:
            worker.process.join(_END_S)
        self._workers.clear()

    def _receive(self, worker: _Process) -> Outcome | None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        return self._heard(worker, message)

    def _bury(self, worker: _Process) -> Outcome | None:
        """Replace a dead worker; its attempt has failed."""
        worker.process.join(_END_S)
        ending = _ending(worker.process.exitcode)
        if not worker.ready:
            raise WorkerFailedError(
                f"a worker that ended with {ending} while it loaded",
                wanted="workers that load what the run needs",
                fix="fix what it printed above, or lower --workers if the memory does not suffice",
            )
        name = f"{multiprocessing.current_process().name}:{worker.process.pid}"
        return self._buried(worker, name, f"its worker process ended with {ending}")

    def _send(self, worker: _Process, sample: Sample) -> None:
        # One that died while it was idle: `wait` finds that out and reports the attempt.
        with suppress(OSError):
            worker.pipe.send(sample)

    def _end(self, worker: _Process) -> None:
        worker.pipe.close()
        worker.process.kill()
        worker.process.join(_END_S)

    def _launch(self) -> _Process:
        # A fresh interpreter, not a copy of this one: a device that is in use here, or threads
        # that hold a lock here, would not survive the copy.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._task), daemon=True)
        with environment(thread_variables(self._threads)), _signals_blocked():
            process.start()
        theirs.close()
        return _Process(process=process, pipe=ours)


def _work(pipe: Connection, task: bytes) -> None:
    """What a worker process does until the driver closes the pipe."""
    # What a library prints must not get between the results on stdout.
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # The pipe breaks where the driver was killed: then nobody waits for this process.
    with suppress(BrokenPipeError, EOFError):
        try:
            # Another exception is a bug: it ends this process with its traceback, and the run.
            work = pickle.loads(task).open()
        except ZerotubeError as caught:
            pipe.send(caught)
            return
        pipe.send("ready")
        while True:
            pipe.send(attempt(work, pipe.recv()))


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        known = {one.value: one.name for one in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        return f"{name} (out of memory?)" if name == "SIGKILL" else name
    return f"exit code {code}"


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Processes started inside the block never see Ctrl-C or SIGTERM: the driver decides for them.

    A child inherits the mask; a terminal and a batch system signal the whole group.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started here, since it unblocks these signals in this process when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
