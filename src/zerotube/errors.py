"""Every error a user can meet: what was got, what was wanted, what to do.

Each class carries the exit code the command line ends with, so that a script can tell
"your input is wrong" (3) from "there was nothing to ground" (4) without reading text.
"""

from __future__ import annotations

from typing import Any


class ZerotubeError(Exception):
    """Base of all errors raised on purpose.

    Args:
        got: what was found, naming the file or value.
        wanted: what would have been accepted.
        fix: one thing the user can do about it.
    """

    exit_code = 1

    def __init__(self, got: str, *, wanted: str, fix: str) -> None:
        self.got = got
        self.wanted = wanted
        self.fix = fix
        super().__init__(f"got {got}; wanted {wanted}; {fix}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel from worker processes, and pickle cannot guess the arguments by name."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[ZerotubeError], args: tuple[Any, ...], state: dict[str, Any]
) -> ZerotubeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(ZerotubeError):
    """Settings that contradict each other or do not exist."""

    exit_code = 2


class MissingExtraError(UsageError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(
            f"no package {package!r}",
            wanted=f"the extra {extra!r}",
            fix=f"run: pip install 'zerotube[{extra}]'",
        )


class InputError(ZerotubeError):
    """A file, folder or sentence that cannot be used."""

    exit_code = 3


class VideoError(InputError):
    """A video or image folder that cannot be decoded."""


class TracksError(InputError):
    """A track file that is malformed or does not match the video."""


class QueryError(InputError):
    """A sentence that cannot be turned into sub-queries."""


class AnswerError(InputError):
    """A language model that gave no usable answer to what it was asked in words.

    Of a decomposition users meet its text as a warning: the rules step in.

    Args:
        got: what the model or its server did. Never text that it sent: that may hold the key.
        wanted: what would have been used.
        fix: one thing the user can do about it.
    """


class ModelError(InputError):
    """A model that cannot be loaded or whose token layout is not understood."""


class NumericalError(ZerotubeError):
    """A non-finite gradient, attention map or logit: the result would be silently wrong."""

    exit_code = 3


class NothingToGroundError(ZerotubeError):
    """No candidate track was found."""

    exit_code = 4
