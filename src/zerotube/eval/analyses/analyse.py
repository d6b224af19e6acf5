"""The analyses by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerotube.errors import UsageError
from zerotube.eval.analyses.base import AnalysisTask
from zerotube.eval.analyses.consistency import GROUPS, ConsistencyTask
from zerotube.eval.analyses.peaks import PeaksTask
from zerotube.eval.analyses.tokens import TokensTask
from zerotube.eval.ground_task import CandidateChoice, ModelChoice
from zerotube.eval.types import Protocol

ANALYSES: dict[str, type[AnalysisTask]] = {
    task.name: task for task in (TokensTask, ConsistencyTask, PeaksTask)
}
"""The analyses by name."""


def analysis(
    name: str,
    changes: Mapping[str, Any],
    *,
    model: ModelChoice | None = None,
    candidates: CandidateChoice | None = None,
    groups: int | None = None,
    protocol: Protocol | None = None,
) -> AnalysisTask:
    """An analysis by name.

    Args:
        name: one of ``ANALYSES``.
        changes: settings of the method, in place of its defaults.
        model: the MLLM; default the bundled one.
        candidates: where candidate tracks come from; None for the model's proposer.
        groups: of the analysis of consistency; default ``GROUPS``.
        protocol: frame sets of vIoU, of the analysis of consistency; default half-open.

    Raises:
        UsageError: an unknown name, or an option or setting that this analysis does not read.
    """
    if name not in ANALYSES:
        raise UsageError(
            f"the analysis {name!r}", wanted=f"one of {', '.join(ANALYSES)}", fix="name one"
        )
    task = ANALYSES[name]
    options = (
        ("--groups", groups, task is ConsistencyTask),
        ("--protocol", protocol, task is ConsistencyTask),
        # Where no candidate is looked for, none may be asked for in vain.
        ("--proposer, --tracks or --store", candidates, task.chooses),
    )
    for option, value, is_read in options:
        if value is not None and not is_read:
            raise UsageError(
                f"{option} for the analysis of {name}",
                wanted="options that it reads",
                fix=f"leave {option} out",
            )
    common = model or ModelChoice(), candidates or CandidateChoice()
    settings = task.with_changes(changes)
    if task is not ConsistencyTask:
        return task(settings, *common)
    count = GROUPS if groups is None else groups
    return ConsistencyTask(settings, *common, groups=count, protocol=protocol or "half-open")
