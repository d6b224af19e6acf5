"""Workers as actors of a Ray cluster: one per GPU, on as many machines as the cluster has.

Ray starts the actors and carries samples and outcomes; what is handed out, tried again and
journalled is decided by the driver, as for workers of any other kind.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from zerotube.errors import InputError, MissingExtraError, ZerotubeError
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

LOCAL = "local"
"""The address that means: a cluster of this machine alone, for this run alone."""

_POLL_S = 1.0
_MIB = 2**20
_STORE_BYTES = 128 * _MIB
"""Shared memory of a cluster of our own: only samples and answers pass through it."""

_REACH_S = 10.0

_OPENINGS = 3
"""Workers in a row that may die while they load before the run gives up."""


@dataclass(eq=False, kw_only=True)
class _RayWorker(Worker):
    """One actor; ``actor`` is Ray's handle."""

    actor: Any


class RayPool(Elsewhere[_RayWorker]):
    """Actors of a Ray cluster.

    Args:
        task: what to do; it is pickled.
        address: of the cluster, or "local".
        count: how many actors; None for one per GPU, or per core where there is no GPU.
    """

    def __init__(self, task: Task, address: str, count: int | None) -> None:
        super().__init__(task)
        self._address = address
        self._asked = count
        self._ray: ModuleType | None = None
        self._ours = False
        self._folder: str | None = None
        self._pending: dict[Any, _RayWorker] = {}
        self._deaths = 0
        self._undo = contextlib.ExitStack()

    def start(self) -> None:
        ray = self._ray = _imported()
        # Ray reports lost workers by printing; stdout belongs to the results of the run.
        self._undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        if not ray.is_initialized():
            with _handlers_kept():
                self._connect(ray)
        resources = ray.cluster_resources()
        cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        places = gpus or max(cores, 1)
        count = min(self._asked or places, places)
        self._threads = threads_each(max(cores, 1), count)
        self._kind = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=0)(_Actor)
        self._begin(count)

    def wait(self) -> list[Outcome]:
        ray = self._ray
        if ray is None or not self._pending:
            return []
        ended, _ = ray.wait(list(self._pending), num_returns=1, timeout=_POLL_S)
        found = [self._receive(ray, reference) for reference in ended]
        return [outcome for outcome in found if outcome is not None]

    def close(self) -> None:
        ray = self._ray
        if ray is not None and ray.is_initialized():
            for worker in self._workers:
                self._end(worker)
            if self._ours:
                ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._workers.clear()
        self._pending.clear()
        self._undo.close()

    def _connect(self, ray: ModuleType) -> None:
        self._ours = True
        options: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
        if self._address == LOCAL:
            # Short, since the names of sockets in it may have 100 characters at most.
            self._folder = tempfile.mkdtemp(prefix="zt-ray-")
            if "RAY_AUTH_TOKEN" not in os.environ:
                # A key for this run alone; Ray would leave one in the user's home.
                token = environment({"RAY_AUTH_TOKEN": secrets.token_hex(32)})
                self._undo.enter_context(token)
            options |= {
                "num_cpus": max(core_count(), self._asked or 1),
                "object_store_memory": _STORE_BYTES,
                "include_dashboard": False,
                "_temp_dir": self._folder,
                # Ray's own default, 15, is for machines where others come first: there a worker
                # may need minutes to import torch.
                "_system_config": {"worker_niceness": 0},
            }
        try:
            _reach(self._address)
            ray.init(address=self._address, **options)
        except (OSError, RuntimeError, ValueError) as problem:
            raise InputError(
                f"no Ray cluster at {self._address!r} ({problem})",
                wanted="the address of a running cluster, such as auto or HOST:6379, or local",
                fix="start one with `ray start --head`, or pass --ray local",
            ) from problem

    def _receive(self, ray: ModuleType, reference: Any) -> Outcome | None:
        worker = self._pending.pop(reference)
        try:
            message = ray.get(reference)
        except ray.exceptions.RayTaskError as problem:
            # An actor raises only while it opens: what a sample raises is part of its outcome.
            raise _could_not_load(problem) from problem
        except ray.exceptions.RayError as problem:
            return self._bury(worker, problem)
        outcome = self._heard(worker, message)
        self._deaths = 0
        return outcome

    def _bury(self, worker: _RayWorker, problem: Exception) -> Outcome | None:
        """Replace a lost actor; its attempt has failed."""
        if not worker.ready:
            self._deaths += 1
            if self._deaths >= _OPENINGS:
                raise _could_not_load(problem) from problem
        why = " ".join(str(problem).split())
        return self._buried(worker, "ray", f"its worker was lost: {why}")

    def _send(self, worker: _RayWorker, sample: Sample) -> None:
        self._pending[worker.actor.run.remote(sample)] = worker

    def _end(self, worker: _RayWorker) -> None:
        # A lost one may still live, out of reach.
        if self._ray is not None:
            self._ray.kill(worker.actor)

    def _launch(self) -> _RayWorker:
        worker = _RayWorker(actor=self._kind.remote())
        self._pending[worker.actor.open.remote(self._task, self._threads)] = worker
        return worker


class _Actor:
    """Lives in a process of its own on some machine of the cluster."""

    def open(self, task: bytes, threads: int) -> ZerotubeError | None:
        """Load what the work needs; what is wrong with the settings is returned."""
        # Before the task's modules import torch. Ray allows one thread per core it reserved.
        os.environ.update(thread_variables(threads))
        try:
            self._work = pickle.loads(task).open()
        except ZerotubeError as caught:
            return caught
        return None

    def run(self, sample: Sample) -> Outcome:
        """Attempt one sample."""
        return attempt(self._work, sample)


def _imported() -> ModuleType:
    # Ray counts its users by default; a run tells nobody about itself.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as problem:
        raise MissingExtraError("ray", extra="ray") from problem
    module: ModuleType = ray
    return module


def _reach(address: str) -> None:
    """Fail in seconds where nobody listens: Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()


def _could_not_load(problem: Exception) -> WorkerFailedError:
    last = [line.strip() for line in str(problem).splitlines() if line.strip()][-1:]
    return WorkerFailedError(
        f"a worker of the cluster that could not load ({''.join(last)})",
        wanted="the same zerotube, and the models, on every machine of the cluster",
        fix="install it there, or put it on PYTHONPATH before `ray start`",
    )


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself and would end the process before the journal is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
