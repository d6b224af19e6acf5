"""How a run is asked for. Its flags and their help derive from here, so that it needs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from zerotube.errors import UsageError


@dataclass(frozen=True)
class RunOptions:
    """How the samples of a benchmark are worked through; no option changes a result.

    Raises:
        UsageError: a number that is out of range.
    """

    folder: Path = field(metadata={"name": "out", "metavar": "RUN"})
    """Folder of the run: its journal and its results."""

    resume: bool = False
    """Go on with the run in --out; begin it if there is none."""

    limit: int | None = field(default=None, metadata={"metavar": "N"})
    """Only the first N samples."""

    shard: tuple[int, int] = field(default=(1, 1), metadata={"flag": False})
    """(i, n), 1-based: every n-th sample, from the i-th on."""

    workers: int | None = field(default=None, metadata={"metavar": "W"})
    """Processes that share the work, each with its own model."""
    # None: this process alone, or with Ray a worker per GPU, else per core. 1 without Ray works in
    # this process.

    ray: str | None = field(default=None, metadata={"metavar": "ADDRESS|local"})
    """Spread the work over a Ray cluster: a worker per GPU, else per core, or --workers."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"a limit of {self.limit}", wanted="at least 1", fix="raise --limit")
        number, count = self.shard
        if not 1 <= number <= count:
            raise UsageError(
                f"shard {number}/{count}",
                wanted="i/n with 1 <= i <= n",
                fix="pass for example --shard 1/4",
            )
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers", wanted="at least 1", fix="raise --workers")
