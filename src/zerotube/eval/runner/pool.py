"""What the driver of a run wants from those who do the work, work in its own process, and what
workers in other processes have in common."""

from __future__ import annotations

import os
import pickle
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from zerotube.errors import ZerotubeError
from zerotube.eval.runner.attempt import Outcome, attempt, lost
from zerotube.eval.task import Task, Work
from zerotube.eval.types import Sample


class WorkerFailedError(ZerotubeError):
    """No worker could begin, so nothing was tried; no sample is to blame."""

    exit_code = 3


class Pool(Protocol):
    """Workers that take one sample at a time each. Every call comes from one thread."""

    replaces: bool
    """Whether a worker that is lost or ruined is replaced."""

    def start(self) -> None:
        """Open the task; returns when the first worker is ready.

        Raises:
            Exception: what opening the task raised.
        """
        ...

    @property
    def ready(self) -> int:
        """Workers that have opened the task."""
        ...

    @property
    def free(self) -> int:
        """Workers that wait for a sample."""
        ...

    def give(self, sample: Sample) -> None:
        """Hand a sample to a free worker."""
        ...

    def wait(self) -> list[Outcome]:
        """Attempts that have ended; may be none, after about a second at the latest.

        Raises:
            Exception: a further worker could not open the task.
        """
        ...

    def close(self) -> None:
        """Stop every worker at once, whatever it does."""
        ...


class Here:
    """The driver's own process as the only worker."""

    replaces = False

    def __init__(self, task: Task) -> None:
        self._task = task
        self._work: Work | None = None
        self._sample: Sample | None = None

    def start(self) -> None:
        self._work = self._task.open()

    @property
    def ready(self) -> int:
        return 1

    @property
    def free(self) -> int:
        return 0 if self._sample else 1

    def give(self, sample: Sample) -> None:
        self._sample = sample

    def wait(self) -> list[Outcome]:
        if self._work is None or self._sample is None:
            return []
        sample, self._sample = self._sample, None
        return [attempt(self._work, sample)]

    def close(self) -> None:
        self._work = None


@dataclass(eq=False)
class Worker:
    """A process that works, here or on another machine.

    Attributes:
        ready: whether it has opened the task.
        sample: what it works on, and since when (seconds since the epoch).
    """

    ready: bool = False
    sample: tuple[Sample, float] | None = None


_Worker = TypeVar("_Worker", bound=Worker)


class Elsewhere(Pool, Generic[_Worker]):
    """Workers in processes of their own, each of which opens the task once; one that is lost or
    ruined is replaced. How a process starts, is spoken to and ends is up to the subclass.

    Args:
        task: what to do; it is pickled.
    """

    replaces = True

    def __init__(self, task: Task) -> None:
        self._task = pickle.dumps(task)
        self._workers: list[_Worker] = []

    @abstractmethod
    def _launch(self) -> _Worker:
        """A new worker, which opens the task."""

    @abstractmethod
    def _send(self, worker: _Worker, sample: Sample) -> None:
        """Hand a sample to a worker."""

    @abstractmethod
    def _end(self, worker: _Worker) -> None:
        """Stop a worker, whatever it does."""

    @property
    def ready(self) -> int:
        return sum(worker.ready for worker in self._workers)

    @property
    def free(self) -> int:
        return sum(worker.ready and worker.sample is None for worker in self._workers)

    def give(self, sample: Sample) -> None:
        worker = next(one for one in self._workers if one.ready and one.sample is None)
        worker.sample = (sample, time.time())
        self._send(worker, sample)

    def _begin(self, count: int) -> None:
        """Launch workers; returns when the first one is ready."""
        for _ in range(count):
            self._workers.append(self._launch())
        while not self.ready:
            self.wait()

    def _heard(self, worker: _Worker, message: object) -> Outcome | None:
        """Take what a worker says: an outcome, why it cannot open the task, or that it has."""
        if isinstance(message, BaseException):
            raise message
        worker.ready, worker.sample = True, None
        if not isinstance(message, Outcome):
            return None
        if message.problem is not None and message.problem.ruined:
            self._replace(worker)
        return message

    def _buried(self, worker: _Worker, name: str, why: str) -> Outcome | None:
        """Replace a worker that is lost; its attempt, if there is one, has failed."""
        outcome = None
        if worker.sample is not None:
            sample, since = worker.sample
            outcome = lost(sample.sample_id, name, why, since)
        self._replace(worker)
        return outcome

    def _replace(self, worker: _Worker) -> None:
        self._end(worker)
        self._workers.remove(worker)
        self._workers.append(self._launch())


def core_count() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(cores: int, workers: int) -> int:
    """Threads of one worker, so that all of them together fill the cores and no more.

    A smaller number that the user chose (OMP_NUM_THREADS) stands.
    """
    share = max(1, cores // workers)
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(chosen)) if chosen.isdigit() and int(chosen) > 0 else share


def thread_variables(threads: int) -> dict[str, str]:
    """Environment that limits the threads of the numeric libraries, which read it once when they
    are imported."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables for the processes that are started inside the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
