"""One attempt at one sample, wherever it runs: here, in another process, on another machine."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Literal

from zerotube.errors import ModelError, UsageError, ZerotubeError
from zerotube.eval.task import SampleSkipped, Work
from zerotube.eval.types import Sample

TRACEBACK_CHARACTERS = 4000
"""The end of a traceback is kept: it names the line that failed."""


@dataclass(frozen=True)
class Problem:
    """An error as it is journalled.

    Attributes:
        kind: name of its class.
        message: its text.
        traceback: the end of its traceback; "" where there is none.
        fatal: the error itself, if it may lie in the settings rather than in the sample
            (``UsageError``, ``ModelError``): where nothing has succeeded yet, nothing will.
        ruined: the process cannot compute any more (a CUDA context after a fault).
    """

    kind: str
    message: str
    traceback: str = ""
    fatal: ZerotubeError | None = None
    ruined: bool = False

    @property
    def text(self) -> str:
        """Class and message on one line."""
        return " ".join(f"{self.kind}: {self.message}".split())


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        sample_id: of the sample.
        state: "done", "skipped" or "failed".
        result: what the work returned, as JSON text; None unless it is done.
        problem: why it is skipped or failed; None if it is done.
        begun_s: when it began, seconds since the epoch.
        seconds: how long it took.
        worker: machine and process id.
    """

    sample_id: str
    state: Literal["done", "skipped", "failed"]
    result: str | None
    problem: Problem | None
    begun_s: float
    seconds: float
    worker: str


def worker_name() -> str:
    """Machine and process id of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def attempt(work: Work, sample: Sample) -> Outcome:
    """Do the work for one sample; whatever it raises becomes part of the outcome."""
    begun_s, begin = time.time(), time.perf_counter()
    state: Literal["done", "skipped", "failed"] = "done"
    result, problem = None, None
    try:
        # NaN is not JSON: a result that holds one is a failure of the sample, seen here.
        result = json.dumps(work(sample), allow_nan=False)
    except SampleSkipped as caught:
        state, problem = "skipped", Problem("SampleSkipped", caught.got)
    # The one place where everything is caught. A benchmark takes hours on thousands of videos, and
    # what one of them may raise (decoders, models, memory, bugs of ours) cannot be listed. Nothing
    # is lost: the error is journalled, shown, tried again and counted. An interrupt is not caught.
    except Exception as caught:  # noqa: BLE001
        state, problem = "failed", _problem(caught)
    if state == "failed":
        # Only now is the traceback gone, whose frames hold the tensors of the failed attempt.
        _free_device_memory()
    seconds = time.perf_counter() - begin
    return Outcome(sample.sample_id, state, result, problem, begun_s, seconds, worker_name())


def lost(sample_id: str, worker: str, why: str, begun_s: float) -> Outcome:
    """The outcome of an attempt whose process died."""
    problem = Problem("WorkerDied", why)
    return Outcome(sample_id, "failed", None, problem, begun_s, time.time() - begun_s, worker)


def _problem(error: Exception) -> Problem:
    lines = "".join(traceback.format_exception(error))
    message = str(error)
    if isinstance(error, MemoryError) and not message:
        message = "out of memory"
    return Problem(
        type(error).__name__,
        message,
        lines[-TRACEBACK_CHARACTERS:],
        fatal=error.with_traceback(None) if isinstance(error, UsageError | ModelError) else None,
        ruined=_ruins_the_process(error),
    )


def _ruins_the_process(error: Exception) -> bool:
    """After a fault on the device (an illegal address, a failed assertion) every later call of the
    process fails too; running out of memory is not such a fault."""
    torch = sys.modules.get("torch")
    if torch is None or isinstance(error, ZerotubeError):
        return False
    return isinstance(error, torch.AcceleratorError)


def _free_device_memory() -> None:
    """Give cached blocks back, so that the next sample does not fail for the size of this one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
