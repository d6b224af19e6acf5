"""How a run is asked for and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerotube.eval.types import Sample, Skipped


@dataclass(frozen=True)
class RunOptions:
    """How the samples of a benchmark are worked through; no option changes a result.

    Attributes:
        folder: where the journal lies.
        resume: continue the journal that is there.
        limit: only the first samples; None for all.
        shard: (i, n), 1-based: every n-th sample, from the i-th on.
        workers: processes on this machine; 1 works in this process.
        ray: address of a Ray cluster, "local" for one on this machine; None for no Ray.
    """

    folder: Path
    resume: bool = False
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    workers: int = 1
    ray: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """What a run, with all its resumptions, came to.

    Attributes:
        samples: those the run was about (after limit and shard), without the skipped ones.
        results: what the task returned, by sample id.
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
