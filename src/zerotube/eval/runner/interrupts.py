"""Ctrl-C and SIGTERM end a run between two of its steps, never inside the journal's writing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While it is entered, the first signal is noted and, inside ``breakable``, raised at once as
    ``KeyboardInterrupt``. A second one does what it did before, so that nobody is locked in.

    Outside the main thread, which alone receives signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._breakable = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """A block that a signal may leave anywhere."""
        self._breakable = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._breakable = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()
        if self._breakable:
            raise KeyboardInterrupt

    def _restore(self) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set from Python, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
