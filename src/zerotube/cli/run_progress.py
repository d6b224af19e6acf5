"""How far a run is, on stderr: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from zerotube.cli import console

if TYPE_CHECKING:
    from zerotube.eval.runner import RunState

EVERY_S = 10.0
"""Seconds between lines where there is no terminal."""


class RunProgress(console.TerminalBars):
    """Shows what `zerotube.eval.runner.run_task` tells; a failed sample is always named.

    Args:
        quiet: show nothing but failures.
        metrics: text about the results so far, told of every state in turn.
    """

    def __init__(
        self, *, quiet: bool = False, metrics: Callable[[RunState], str] | None = None
    ) -> None:
        super().__init__("", "{task.description}", quiet=quiet)
        self._metrics = metrics
        self._shown_s = float("-inf")

    def __call__(self, state: RunState) -> None:
        """Show a state."""
        metrics = self._metrics(state) if self._metrics is not None else ""
        if state.problem is not None:
            self._name_failure(*state.problem)
        if self._quiet:
            return
        text = ", ".join(part for part in (time_text(state), metrics, failure_text(state)) if part)
        if self._bars is not None:
            task = self._bars.tasks[0].id if self._bars.tasks else self._bars.add_task("")
            self._bars.update(task, completed=state.finished, total=state.total, description=text)
            return
        now = time.monotonic()
        last = state.finished == state.total
        if last or now - self._shown_s >= EVERY_S:
            self._shown_s = now
            console.note(f"{state.finished}/{state.total}" + (f", {text}" if text else ""))

    def _name_failure(self, sample_id: str, problem: str) -> None:
        text = f"sample {sample_id!r} failed: {problem}"
        if self._bars is None:
            console.warn(text)
        else:
            line = f"zerotube: warning: {console.one_line(text)}"
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


def time_text(state: RunState) -> str:
    """Seconds per sample in this process, and how long the rest will take at that pace."""
    if not state.here:
        return "resumed" if state.finished else ""
    each = state.seconds / state.here
    left = each * (state.total - state.finished)
    pace = f"{each:.1f} s each" if each >= 1 else f"{1 / max(each, 1e-9):.1f} per second"
    return pace if not left else f"{pace}, {duration(left)} left"


def failure_text(state: RunState) -> str:
    """What did not work so far."""
    counts = (
        (state.failed, "failed"),
        (state.retrying, "to try again"),
        (state.skipped, "skipped"),
    )
    return ", ".join(f"{count} {name}" for count, name in counts if count)


def duration(seconds: float) -> str:
    """For people: "40 s", "12 min", "3 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
