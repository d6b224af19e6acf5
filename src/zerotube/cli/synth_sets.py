"""Writing generated clips from the command line: on all cores, with progress, stopped cleanly."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from zerotube.cli import console


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def stoppable() -> Iterator[None]:
    """A request to end (SIGTERM) counts as an interrupt, so that nothing half-written is left."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def prepare_synth(
    dataset: str, split: str, root: Path | None, annotations: Path | None, *, quiet: bool
) -> None:
    """Write the test set that a verb is going to read, if it is one that the cache keeps.

    Reading it would write it as well, but on one core and in silence.

    Args:
        dataset, split, root, annotations: as the user named them.
        quiet: show no progress.

    Raises:
        InputError: the cache cannot be written.
    """
    if dataset != "synth" or root is not None or annotations is not None:
        return
    from zerotube.synth import SETS
    from zerotube.synth.cache import cached_folder, set_folder

    if split not in SETS or cached_folder(split).is_dir():
        return  # an unknown split is refused, with the names of the sets, where it is read
    console.note(f"writing the test set {split!r} to {cached_folder(split)}, once")
    with console.StageProgress(quiet=quiet) as progress, stoppable():
        set_folder(
            split,
            workers=available_cores(),
            progress=lambda done, total: progress("write", done, total),
        )
