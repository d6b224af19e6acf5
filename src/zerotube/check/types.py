"""What a check says: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zerotube.errors import ZerotubeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerotube.grounder import Grounder
    from zerotube.mllm.base import VideoMLLM

Status = Literal["pass", "fail", "info"]


class CheckFailedError(ZerotubeError):
    """A check of a model failed."""

    exit_code = 5


@dataclass(frozen=True)
class CheckLine:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        status: pass or fail; info = a figure that nothing hangs on.
        figure: what was found, short enough for a table.
        detail: what a reader of the report needs besides.
        seconds: how long it took; work that several lines share stands in the first of them.
        values: the figures as numbers, plain JSON values.
    """

    name: str
    status: Status
    figure: str
    detail: str = ""
    seconds: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckReport:
    """All lines of one model.

    Attributes:
        model: as given to --model; of a folder its name alone.
        lines: in the order they were found.
        finished: whether every check has run; False after an interrupt, or while it runs.
    """

    model: str
    lines: tuple[CheckLine, ...] = ()
    finished: bool = False

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the lines that failed."""
        return tuple(line.name for line in self.lines if line.status == "fail")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": "zerotube.check/1",
            "model": self.model,
            "finished": self.finished,
            "failed": list(self.failed),
            "lines": [asdict(line) for line in self.lines],
        }


@dataclass(frozen=True)
class Subject:
    """What the checks are about.

    Attributes:
        grounder: the loaded model behind the facade.
        clips: how many generated clips are looked at.
        tell: told (stage, steps done, steps in all).
    """

    grounder: Grounder
    clips: int
    tell: Callable[[str, int, int], None]

    @property
    def model(self) -> VideoMLLM:
        """The loaded model."""
        return self.grounder.model
