"""How a run is asked for, what it tells while it works, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zerotube.eval.run_options import RunOptions as RunOptions
from zerotube.eval.types import Sample, Skipped

ATTEMPTS = 2
"""How often a sample is tried before its failure stands."""


@dataclass(frozen=True)
class RunState:
    """How far a run is, told after every finished sample.

    Attributes:
        total: samples the run is about.
        done: those with a result, from earlier runs too.
        skipped: those left out because the video does not fit its annotation.
        failed: those whose failure stands.
        retrying: those that failed once and will be tried again at the end.
        here: attempts that ended since this process began.
        seconds: since the first worker was ready.
        workers: how many are ready.
        came: samples with results that came since the state told before; in the first one, those
            of earlier runs, read from the journal as they are asked for.
        problem: sample id and error of the last attempt, if it failed.
    """

    total: int
    done: int
    skipped: int
    failed: int
    retrying: int
    here: int
    seconds: float
    workers: int
    came: Iterable[tuple[Sample, Mapping[str, Any]]] = ()
    problem: tuple[str, str] | None = None

    @property
    def finished(self) -> int:
        """Samples that need no more work."""
        return self.done + self.skipped + self.failed


Watch = Callable[[RunState], None]
"""Is told how far a run is."""


@dataclass(frozen=True)
class RunRecord:
    """What a run, with all its resumptions, came to.

    Attributes:
        samples: those the run was about (after limit and shard), without the skipped ones.
        results: what the task returned, by sample id; read from the journal when asked for.
        errors: why a sample failed twice, by sample id.
        skipped: left out by the loader or because the video does not fit its annotation.
        seconds: what each finished sample took, by sample id.
        complete: whether every sample has a result or an error.
    """

    samples: tuple[Sample, ...]
    results: Mapping[str, dict[str, Any]]
    errors: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    seconds: Mapping[str, float]
    complete: bool
