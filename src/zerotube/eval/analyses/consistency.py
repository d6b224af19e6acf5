"""Does the answer suffer where the map depends on the order of the frames (method section 7)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError, NothingToGroundError, UsageError
from zerotube.eval.analyses.base import AFTER_THE_DECISION, AnalysisTask
from zerotube.eval.analyses.case import RIGHT, Case
from zerotube.eval.analyses.drawing import heading, lay_out, new_figure, whiskers
from zerotube.eval.analyses.result import (
    ALL,
    Findings,
    Table,
    counted,
    lacking,
    number,
    parts,
    ranged,
)
from zerotube.eval.analyses.statistics import equal_groups, mean_of, means_of, spearman
from zerotube.eval.bootstrap import Interval
from zerotube.eval.metrics import NOTHING, overlap
from zerotube.eval.predictions import from_tube
from zerotube.eval.task import SampleSkipped
from zerotube.eval.types import Benchmark, Protocol, Sample
from zerotube.method.config import MethodSettings
from zerotube.tube import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zerotube.grounder import Grounder

TUNINGS = {"tuned": "Attribute prompts tuned", "untuned": "Attribute prompts not tuned"}
"""With the attribute prompts tuned, as the method has it, and without them; how they are called."""

ANSWERS = {"assembled": "assembled maps", "forward": "forward map alone"}
"""From the mean of both maps, as the method has it, and from the forward map alone."""

GROUPS = 10
"""Groups of equal size, as in the paper."""

_COLUMNS = (
    *("group", "consistency", "right track, assembled", "m_vIoU, assembled"),
    *("right track, forward map", "m_vIoU, forward map", "samples"),
)


@dataclass(frozen=True)
class ConsistencyTask(AnalysisTask):
    """Grounds every sample with and without tuning and reversal, and compares the two maps.

    A result is::

        {"candidates": int, "tunings": {"tuned" | "untuned": {"consistency": float,
         "answers": {"assembled" | "forward": {"gt_v_iou": float,
         "v_iou": {"half-open": float, "inclusive": float}}}}}}

    Attributes:
        groups: how many groups the samples are put into; decides no result of a sample.
        protocol: frame sets of vIoU; decides no result of a sample.

    Raises:
        UsageError: a single frame, which reads the same backwards, or a single group.
    """

    name = "consistency"
    reads = frozenset(
        set(MethodSettings.__dataclass_fields__)
        - {"spatial_prompt", "assembling"}
        - AFTER_THE_DECISION
    )

    groups: int = GROUPS
    protocol: Protocol = "half-open"

    def __post_init__(self) -> None:
        if self.groups < 2:
            raise UsageError(f"{self.groups} groups", wanted="at least 2", fix="raise --groups")
        if self.settings_of_method.frames < 2:
            raise _one_frame("one frame", "raise --frames")

    def check_model(self, grounder: Grounder) -> None:
        if grounder.model.family.frame_limit == 1:
            raise _one_frame(
                f"the model {self.model.name!r}, which takes one frame", "choose another --model"
            )

    def check(self, benchmark: Benchmark, samples: Sequence[Sample]) -> None:
        check_benchmark(benchmark)
        for kind, members in parts(benchmark, samples).items():
            check_count(len(members), self.groups, "" if kind == ALL else kind)
        super().check(benchmark, samples)

    def measure(self, case: Case) -> dict[str, Any]:
        session, clip = case.ready.session, case.ready.clip
        if session.context.layout.grid[0] < 2:
            raise SampleSkipped(
                f"a video of {len(clip)} frames, which is one step of the map",
                wanted="at least two steps",
                fix="leave the video out",
            )
        found: dict[str, Any] = {}
        for tuning in TUNINGS:
            settings = replace(session.settings, spatial_prompt=tuning == "tuned")
            assembled, consistency = _grounded(case, replace(settings, assembling=True))
            forward, _ = _grounded(case, replace(settings, assembling=False))
            answers = {"assembled": assembled, "forward": forward}
            found[tuning] = {"consistency": consistency, "answers": answers}
        return {"candidates": len(case.ready.tracks), "tunings": found}

    def find(self, results: Sequence[Mapping[str, Any]], failed: int) -> ConsistencyFindings:
        return find_consistency(results, failed, groups=self.groups, protocol=self.protocol)


def _grounded(case: Case, settings: MethodSettings) -> tuple[dict[str, Any], float | None]:
    """How good the answer under some settings is; the consistency where both maps are read."""
    from zerotube.tube.decide import decide

    evidence = case.ready.evidence(settings)
    try:
        tube = decide(evidence, case.ready.tracks, settings)
        answer = from_tube(case.sample.sample_id, tube, first_frame=case.first_frame)
        overlaps = {one: overlap(case.sample.truth, answer, one) for one in get_args(Protocol)}
    except NothingToGroundError:
        # A wrong answer, not an accident: it counts as one.
        overlaps = dict.fromkeys(get_args(Protocol), NOTHING)
    quality = {
        "gt_v_iou": overlaps["half-open"].gt_v_iou,
        "v_iou": {protocol: one.v_iou for protocol, one in overlaps.items()},
    }
    return quality, evidence.consistency


def _one_frame(got: str, fix: str) -> UsageError:
    return UsageError(got, wanted="several frames: one reads the same backwards", fix=fix)


@dataclass(frozen=True)
class Quality:
    """How good the answers of some samples are.

    Attributes:
        accuracy: share of samples whose track is the right one (gt_vIoU above 0.5).
        m_v_iou: mean vIoU.
    """

    accuracy: Interval
    m_v_iou: Interval


@dataclass(frozen=True)
class ConsistencyGroup:
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
    answers: Mapping[str, Quality]


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
    answers: Mapping[str, Quality]
    groups: tuple[ConsistencyGroup, ...]
    correlations: Mapping[str, Correlation]


@dataclass(frozen=True)
class ConsistencyFindings(Findings):
    """The analysis of temporal consistency; failed samples have none and are in no group.

    Attributes:
        without_candidates: samples in which no candidate was found; their answers count 0.
        protocol: frame sets of vIoU.
        tunings: by "tuned" and "untuned".
    """

    analysis = ConsistencyTask.name
    title = "Temporal consistency of the spatial map against accuracy"

    without_candidates: int
    protocol: Protocol
    tunings: Mapping[str, TuningFindings]

    @property
    def notes(self) -> tuple[str, ...]:
        lines = []
        if min(one.samples for one in self.tunings["tuned"].groups) < 2:
            lines.append(
                "groups of one sample: they have no intervals and say nothing about other samples"
            )
        for tuning, one in self.tunings.items():
            if any(np.isnan(c.right.mean) for c in one.correlations.values()):
                lines.append(
                    f"{tuning}: no correlation where all samples have one consistency or are all "
                    "right or all wrong"
                )
        lines += lacking(self.failed, "failed and in no group")
        lines += lacking(self.without_candidates, "without a candidate track: these are wrong")
        return tuple(lines)

    def tables(self) -> tuple[Table, ...]:
        return tuple(
            table
            for tuning, one in self.tunings.items()
            for table in (_group_table(tuning, one), _correlation_table(tuning, one, self.measured))
        )

    def figure(self) -> Figure:
        """Accuracy of every group over its mean consistency, with and without tuning."""
        height = 4.9
        figure = new_figure(
            10.4,
            height,
            self.title,
            f"{counted(self.measured)} in {len(self.tunings['tuned'].groups)} groups of equal "
            f"size; whiskers: 95% intervals; vIoU {self.protocol}",
        )
        pair = figure.subplots(1, 2, sharey=True)
        for axes, (tuning, one) in zip(pair, self.tunings.items(), strict=True):
            places = [group.mean for group in one.groups]
            series = (
                ("right track, assembled", "assembled", "accuracy", style.INK, "o", "-"),
                ("right track, forward map", "forward", "accuracy", style.NOTE, "s", ":"),
                ("m_vIoU, assembled", "assembled", "m_v_iou", style.ACCENT, "D", "-"),
            )
            reach = max(places) - min(places)
            for place, (label, answer, field, colour, mark, line) in enumerate(series):
                # Beside each other: whiskers on one line could not be told apart.
                moved = [mean + (place - 1) * 0.006 * reach for mean in places]
                values = [getattr(group.answers[answer], field) for group in one.groups]
                whiskers(axes, moved, values, colour, mark, line, label)
            rank = one.correlations["assembled"].right
            said = (
                f"Spearman {rank.mean:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
                if np.isfinite(rank.mean)
                else "no correlation defined"
            )
            prompts = TUNINGS[tuning].lower()
            heading(axes, f"{prompts}; right track: {said}")
            style.panel(axes, "mean consistency of the group (cosine)")
            axes.set_ylim(-0.02, 1.02)
        pair[0].set_ylabel("share of samples, mean vIoU", fontsize=9, color=style.INK)
        figure.legend(
            *pair[0].get_legend_handles_labels(),
            loc="upper right",
            bbox_to_anchor=(0.99, 1 - 0.08 / height),
            frameon=False,
            fontsize=8.5,
        )
        lay_out(figure, height, left=0.07, wspace=0.08, gap=0.0)
        return figure


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


def _tuning(found: Sequence[Mapping[str, Any]], groups: int, protocol: Protocol) -> TuningFindings:
    consistency = np.array([one["consistency"] for one in found], dtype=np.float64)
    values = {
        answer: _values([one["answers"][answer] for one in found], protocol) for answer in ANSWERS
    }

    def qualities(at: NDArray[np.int64]) -> dict[str, Quality]:
        found = {}
        for answer, one in values.items():
            means = means_of({"right": one["right"][at], "v_iou": one["v_iou"][at]})
            found[answer] = Quality(accuracy=means["right"], m_v_iou=means["v_iou"])
        return found

    return TuningFindings(
        consistency=mean_of(consistency),
        answers=qualities(np.arange(len(found))),
        groups=tuple(
            ConsistencyGroup(
                samples=len(at),
                lowest=float(consistency[at].min()),
                mean=float(consistency[at].mean()),
                highest=float(consistency[at].max()),
                answers=qualities(at),
            )
            for at in equal_groups(consistency, groups)
        ),
        correlations={
            answer: Correlation(**{name: spearman(consistency, side) for name, side in one.items()})
            for answer, one in values.items()
        },
    )


def _values(
    answers: Sequence[Mapping[str, Any]], protocol: Protocol
) -> dict[str, NDArray[np.float64]]:
    """Per sample whether the track is right, and the overlaps, as ``Correlation`` names them."""
    gt_v_iou = np.array([one["gt_v_iou"] for one in answers], dtype=np.float64)
    v_iou = np.array([one["v_iou"][protocol] for one in answers], dtype=np.float64)
    return {"right": (gt_v_iou > RIGHT).astype(np.float64), "gt_v_iou": gt_v_iou, "v_iou": v_iou}


def _group_table(tuning: str, one: TuningFindings) -> Table:
    rows = [
        (
            str(place),
            f"{group.lowest:.3f} to {group.highest:.3f}",
            *_cells(group.answers, group.samples),
        )
        for place, group in enumerate(one.groups, start=1)
    ]
    count = sum(group.samples for group in one.groups)
    rows.append(("all", f"mean {number(one.consistency.mean)}", *_cells(one.answers, count)))
    return Table(f"{_heading(tuning)}: groups of equal size by consistency", _COLUMNS, tuple(rows))


def _cells(answers: Mapping[str, Quality], samples: int) -> tuple[str, ...]:
    qualities = [answers[answer] for answer in ANSWERS]
    values = [value for one in qualities for value in (one.accuracy, one.m_v_iou)]
    return (*map(ranged, values), str(samples))


def _correlation_table(tuning: str, one: TuningFindings, samples: int) -> Table:
    rows = []
    for answer, text in ANSWERS.items():
        found = one.correlations[answer]
        rows.append((text, *map(ranged, (found.right, found.gt_v_iou, found.v_iou))))
    return Table(
        f"{_heading(tuning)}: Spearman correlation with consistency ({counted(samples)})",
        ("answer from", "right track", "gt_vIoU", "vIoU"),
        tuple(rows),
    )


def _heading(tuning: str) -> str:
    return TUNINGS[tuning] + (" (as the method)" if tuning == "tuned" else "")
