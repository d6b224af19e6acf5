"""What the verbs share in talking to people: results on stdout, the rest on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def one_line(text: str) -> str:
    """The text without line breaks, so that an error stays one line."""
    return " ".join(text.split())


def error(text: str) -> None:
    """One line on stderr that says what went wrong."""
    print(f"zerotube: error: {one_line(text)}", file=sys.stderr)


def warn(text: str) -> None:
    """One line on stderr that a user should read before trusting the result."""
    print(f"zerotube: warning: {one_line(text)}", file=sys.stderr)


def note(text: str) -> None:
    """One line on stderr about what was done."""
    print(f"zerotube: {one_line(text)}", file=sys.stderr)


def print_rows(rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Aligned columns on stdout; the last column is never padded, wrapped or cut.

    Plain text rather than a rich table: paths stay whole and a pipe reads what a person reads.
    """
    lines = [[str(cell) for cell in row] for row in rows]
    columns = max((len(line) for line in lines), default=0)
    widths = [
        max((len(line[i]) for line in lines if i < len(line) - 1), default=0)
        for i in range(columns)
    ]
    for line in lines:
        padded = [cell.ljust(widths[i]) for i, cell in enumerate(line[:-1])]
        print(indent + "  ".join([*padded, *line[-1:]]).rstrip())


class TerminalBars:
    """Bars on stderr while the block runs, where that is a terminal.

    Args:
        before: what stands before a bar, a format of rich's task; "" for nothing.
        after: what stands after it; "" for the time that has passed.
        quiet: show nothing.
    """

    def __init__(self, before: str, after: str, *, quiet: bool) -> None:
        self._before = before
        self._after = after
        self._quiet = quiet
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

            self._bars = Progress(
                *[self._before] * bool(self._before),
                BarColumn(),
                MofNCompleteColumn(),
                self._after or TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class StageProgress(TerminalBars):
    """Shows ``progress(stage, done, total)`` on stderr: bars on a terminal, else a line per stage.

    Args:
        quiet: show nothing.
        apart: one stage follows another, and between them the terminal belongs to something else.
    """

    def __init__(self, *, quiet: bool = False, apart: bool = False) -> None:
        super().__init__("{task.description:<8}", "", quiet=quiet)
        self._apart = apart
        self._started: dict[str, float] = {}
        self._finished: set[str] = set()
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self if self._apart else super().__enter__()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` steps of a stage are finished."""
        if self._quiet or total == 0:
            return
        if self._apart and not self._started:
            super().__enter__()
        started = self._started.setdefault(stage, time.perf_counter())
        if self._bars is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._bars.update(self._tasks[stage], completed=done, total=total)
        elif done >= total and stage not in self._finished:
            self._finished.add(stage)
            seconds = time.perf_counter() - started
            print(f"{stage:<8} {done}/{total}  {seconds:.1f} s", file=sys.stderr)
        if self._apart and done >= total:
            self.__exit__()
            for known in (self._started, self._finished, self._tasks):
                known.clear()
