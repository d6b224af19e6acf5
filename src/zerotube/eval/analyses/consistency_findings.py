"""Accuracy against temporal consistency: groups of equal size and rank correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, UsageError
from zerotube.eval.analyses.consistency import ANSWERS, TUNINGS
from zerotube.eval.analyses.reading import RIGHT
from zerotube.eval.analyses.result import Table, counted, number, ranged
from zerotube.eval.analyses.statistics import equal_groups, mean_of, means_of, plain, spearman
from zerotube.eval.bootstrap import Interval
from zerotube.eval.types import Benchmark, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPS = 10
"""Groups of equal size, as in the paper."""

_TUNING_TEXTS = {
    "tuned": "Attribute prompts tuned (as the method)",
    "untuned": "Attribute prompts not tuned",
}


@dataclass(frozen=True)
class Worth:
    """What the answers of some samples are worth.

    Attributes:
        accuracy: share of samples whose track is the right one (gt_vIoU above 0.5).
        m_v_iou: mean vIoU.
    """

    accuracy: Interval
    m_v_iou: Interval


@dataclass(frozen=True)
class Group:
    """Samples of neighbouring consistency.

    Attributes:
        samples: how many.
        lowest, mean, highest: consistency of its samples.
        answers: by "assembled" and "forward".
    """

    samples: int
    lowest: float
    mean: float
    highest: float
    answers: Mapping[str, Worth]


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlations with the consistency, over all samples.

    Attributes:
        right: of being the right track (0 or 1).
        gt_v_iou, v_iou: of the overlaps.
    """

    right: Interval
    gt_v_iou: Interval
    v_iou: Interval


@dataclass(frozen=True)
class TuningFindings:
    """Everything about the maps with, or without, tuned attribute prompts.

    Attributes:
        consistency: its mean over all samples.
        answers: over all samples, by "assembled" and "forward".
        groups: lowest consistency first.
        correlations: by "assembled" and "forward".
    """

    consistency: Interval
    answers: Mapping[str, Worth]
    groups: tuple[Group, ...]
    correlations: Mapping[str, Correlation]


@dataclass(frozen=True)
class ConsistencyFindings:
    """The analysis of temporal consistency.

    Attributes:
        measured: samples with a result.
        failed: samples without; they have no consistency and are in no group.
        without_candidates: samples in which no candidate was found; their answers are worth 0.
        protocol: frame sets of vIoU.
        tunings: by "tuned" and "untuned".
    """

    measured: int
    failed: int
    without_candidates: int
    protocol: Protocol
    tunings: Mapping[str, TuningFindings]

    @property
    def title(self) -> str:
        """See `zerotube.eval.analyses.result.Findings`."""
        return "Temporal consistency of the spatial map against accuracy"

    @property
    def notes(self) -> tuple[str, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        lines = []
        smallest = min(one.samples for one in self.tunings["tuned"].groups)
        if smallest < 2:
            lines.append(
                "groups of one sample: their intervals have no width and say nothing about other "
                "samples"
            )
        for tuning, one in self.tunings.items():
            if any(np.isnan(c.right.mean) for c in one.correlations.values()):
                lines.append(
                    f"{tuning}: no correlation where all samples have one consistency or are all "
                    "right or all wrong"
                )
        if self.failed:
            lines.append(f"{counted(self.failed)} failed and in no group")
        if self.without_candidates:
            lines.append(
                f"{counted(self.without_candidates)} without a candidate track: these are wrong"
            )
        return tuple(lines)

    def tables(self) -> tuple[Table, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        found = []
        for tuning, one in self.tunings.items():
            found.append(_group_table(tuning, one))
            found.append(_correlation_table(tuning, one, self.measured))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """See `zerotube.eval.analyses.result.Findings`."""
        content: dict[str, Any] = plain(self)
        return {"analysis": "consistency", **content, "notes": list(self.notes)}

    def figure(self) -> Figure:
        """See `zerotube.eval.analyses.result.Findings`."""
        from zerotube.eval.analyses.plots import consistency_figure

        return consistency_figure(self)


def check_benchmark(benchmark: Benchmark) -> None:
    """Refuse a benchmark in which time means nothing.

    Raises:
        UsageError: its samples are still images.
    """
    if benchmark.still:
        raise UsageError(
            f"the still images of {benchmark.dataset} for the analysis of consistency",
            wanted="videos: one frame reads the same backwards",
            fix="choose another --dataset",
        )


def check_count(samples: int, groups: int, kind: str = "") -> None:
    """Refuse fewer samples than groups.

    Raises:
        InputError: each group needs at least one sample.
    """
    if samples < groups:
        raise InputError(
            f"{counted(samples)}{f' of kind {kind!r}' if kind else ''} for {groups} groups",
            wanted=f"at least {groups} samples with a result",
            fix=f"pass --groups {samples}, or more samples" if samples > 1 else "pass more samples",
        )


def find_consistency(
    results: Sequence[Mapping[str, Any]],
    failed: int = 0,
    *,
    groups: int = GROUPS,
    protocol: Protocol = "half-open",
) -> ConsistencyFindings:
    """Groups and correlations from the results of ``ConsistencyTask``.

    Args:
        results: of the samples that have one.
        failed: how many samples have none.
        groups: how many groups.
        protocol: frame sets of vIoU.

    Raises:
        InputError: fewer results than groups.
    """
    check_count(len(results), groups)
    return ConsistencyFindings(
        measured=len(results),
        failed=failed,
        without_candidates=sum(one["candidates"] == 0 for one in results),
        protocol=protocol,
        tunings={
            tuning: _tuning([one["tunings"][tuning] for one in results], groups, protocol)
            for tuning in TUNINGS
        },
    )


@dataclass(frozen=True, eq=False)
class _Values:
    """Per sample: whether the track is right, and the overlaps."""

    right: NDArray[np.float64]
    gt_v_iou: NDArray[np.float64]
    v_iou: NDArray[np.float64]

    def worth(self, at: NDArray[np.int64]) -> Worth:
        means = means_of({"right": self.right[at], "v_iou": self.v_iou[at]})
        return Worth(means["right"], means["v_iou"])


def _tuning(found: Sequence[Mapping[str, Any]], groups: int, protocol: Protocol) -> TuningFindings:
    consistency = np.array([one["consistency"] for one in found], dtype=np.float64)
    values = {answer: _values(found, answer, protocol) for answer in ANSWERS}
    everything = np.arange(len(found))
    return TuningFindings(
        consistency=mean_of(consistency),
        answers={answer: one.worth(everything) for answer, one in values.items()},
        groups=tuple(
            Group(
                samples=len(at),
                lowest=float(consistency[at].min()),
                mean=float(consistency[at].mean()),
                highest=float(consistency[at].max()),
                answers={answer: one.worth(at) for answer, one in values.items()},
            )
            for at in equal_groups(consistency, groups)
        ),
        correlations={
            answer: Correlation(
                right=spearman(consistency, one.right),
                gt_v_iou=spearman(consistency, one.gt_v_iou),
                v_iou=spearman(consistency, one.v_iou),
            )
            for answer, one in values.items()
        },
    )


def _values(found: Sequence[Mapping[str, Any]], answer: str, protocol: Protocol) -> _Values:
    answers = [one["answers"][answer] for one in found]
    gt_v_iou = np.array([one["gt_v_iou"] for one in answers], dtype=np.float64)
    v_iou = np.array([one["v_iou"][protocol] for one in answers], dtype=np.float64)
    return _Values((gt_v_iou > RIGHT).astype(np.float64), gt_v_iou, v_iou)


def _group_table(tuning: str, one: TuningFindings) -> Table:
    rows = [
        (
            str(place),
            f"{group.lowest:.3f} to {group.highest:.3f}",
            *_worths(group.answers),
            str(group.samples),
        )
        for place, group in enumerate(one.groups, start=1)
    ]
    count = sum(group.samples for group in one.groups)
    rows.append(("all", f"mean {number(one.consistency.mean)}", *_worths(one.answers), str(count)))
    return Table(
        f"{_TUNING_TEXTS[tuning]}: groups of equal size by consistency",
        (
            "group",
            "consistency",
            "right track, assembled",
            "m_vIoU, assembled",
            "right track, forward map",
            "m_vIoU, forward map",
            "samples",
        ),
        tuple(rows),
    )


def _worths(answers: Mapping[str, Worth]) -> list[str]:
    return [
        text
        for answer in ANSWERS
        for text in (ranged(answers[answer].accuracy), ranged(answers[answer].m_v_iou))
    ]


def _correlation_table(tuning: str, one: TuningFindings, samples: int) -> Table:
    rows = []
    for answer in ANSWERS:
        found = one.correlations[answer]
        rows.append(
            (
                "assembled maps" if answer == "assembled" else "forward map alone",
                ranged(found.right),
                ranged(found.gt_v_iou),
                ranged(found.v_iou),
            )
        )
    return Table(
        f"{_TUNING_TEXTS[tuning]}: Spearman correlation with consistency ({counted(samples)})",
        ("answer from", "right track", "gt_vIoU", "vIoU"),
        tuple(rows),
    )
