"""What can be computed for every sample of a benchmark: a grounding, an ablation, an analysis.

The runner knows nothing else, so that each of them is journalled, resumed and spread over
processes and machines in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zerotube.errors import ZerotubeError
from zerotube.eval.types import Sample

Work = Callable[[Sample], dict[str, Any]]
"""Computes one sample; what it returns is plain JSON values.

Raises ``SampleSkipped`` for a sample whose video cannot be judged by its annotation, and any other
exception for one that failed.
"""


class SampleSkipped(ZerotubeError):
    """The sample's video does not fit its annotation: it is left out, named and counted."""

    exit_code = 3


class Task(Protocol):
    """One kind of work. It is pickled into worker processes, so it holds settings and no model."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the results, as plain JSON values: two runs of equal settings on
        the same samples give the same results. A journal is continued only by equal settings."""
        ...

    def open(self) -> Work:
        """Load what the work needs, once per process."""
        ...
