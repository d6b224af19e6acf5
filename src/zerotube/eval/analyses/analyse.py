"""The analyses by name: their task, and from a finished run to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.eval.analyses.consistency import ConsistencyTask
from zerotube.eval.analyses.consistency_findings import (
    GROUPS,
    check_benchmark,
    check_count,
    find_consistency,
)
from zerotube.eval.analyses.peaks import PeaksTask
from zerotube.eval.analyses.peaks_findings import find_peaks
from zerotube.eval.analyses.result import ALL, Findings, Report, facts, parts
from zerotube.eval.analyses.tokens import TokensTask
from zerotube.eval.analyses.tokens_findings import find_tokens
from zerotube.eval.ground_task import TRUTH, CandidateChoice, ModelChoice
from zerotube.eval.runner import RunRecord
from zerotube.eval.task import Task
from zerotube.eval.types import Benchmark, Protocol, Sample

ANALYSES = ("tokens", "consistency", "peaks")
"""Names of the analyses."""

Find = Callable[[Sequence[Mapping[str, Any]], int], Findings]


@dataclass(frozen=True)
class Analysis:
    """One analysis, ready to be run.

    Attributes:
        task: computes a sample.
        find: from the results and the number of failed samples to the findings.
        least: samples that each part of the benchmark needs.
    """

    task: Task
    find: Find
    least: int = 1

    def check(self, benchmark: Benchmark, samples: Sequence[Sample]) -> None:
        """Refuse, before hours of work, what cannot be analysed.

        Args:
            benchmark: where the samples come from.
            samples: those that the run is about.

        Raises:
            InputError: too few samples, or none has the true tracks that are asked for.
            UsageError: a benchmark that the analysis has no meaning for.
        """
        if isinstance(self.task, ConsistencyTask):
            check_benchmark(benchmark)
            for kind, members in parts(benchmark, samples).items():
                check_count(len(members), self.least, "" if kind == ALL else kind)
        candidates = getattr(self.task, "candidates", None)
        wanted = candidates is not None and candidates.proposer == TRUTH
        if wanted and not any(sample.true_tracks for sample in samples):
            raise InputError(
                f"{benchmark.dataset}, which comes without the tracks of all objects",
                wanted="a benchmark with true tracks, such as synth",
                fix="choose another --proposer",
            )

    def report(self, benchmark: Benchmark, record: RunRecord) -> Report:
        """What a finished run says.

        Raises:
            InputError: no sample has a result, or too few for the groups.
        """
        findings = {}
        for kind, members in parts(benchmark, record.samples).items():
            results = [
                record.results[one.sample_id] for one in members if one.sample_id in record.results
            ]
            if not results:
                raise InputError(
                    f"no result among {len(members)} samples"
                    + (f" of kind {kind!r}" if kind != ALL else "")
                    + (f"; the first failure: {_first(record)}" if record.errors else ""),
                    wanted="at least one sample that can be measured",
                    fix="fix what the failures name, and run again with another --out",
                )
            findings[kind] = self.find(results, len(members) - len(results))
        if not findings:
            raise InputError(
                f"no sample left of {benchmark.dataset}: {len(record.skipped)} were skipped",
                wanted="at least one sample that can be measured",
                fix="check the videos against their annotation",
            )
        return Report(
            dataset=benchmark.dataset,
            split=benchmark.split,
            settings=self.task.settings,
            findings=findings,
            **facts(benchmark, record),
        )


def analysis(
    name: str,
    changes: Mapping[str, Any],
    *,
    model: ModelChoice | None = None,
    candidates: CandidateChoice | None = None,
    groups: int | None = None,
    protocol: Protocol | None = None,
) -> Analysis:
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
    chosen = model or ModelChoice()
    if name not in ANALYSES:
        raise UsageError(
            f"the analysis {name!r}", wanted=f"one of {', '.join(ANALYSES)}", fix="name one"
        )
    if name != "consistency":
        _refuse(name, "--groups", groups)
        _refuse(name, "--protocol", protocol)
    if name == "peaks":
        # The maps alone: no candidate is looked for, so none may be asked for in vain.
        _refuse(name, "--proposer, --tracks or --store", candidates)
        return Analysis(PeaksTask(PeaksTask.with_changes(changes), chosen), find_peaks)
    sources = candidates or CandidateChoice()
    if name == "tokens":
        settings = TokensTask.with_changes(changes)
        return Analysis(TokensTask(settings, chosen, sources), find_tokens)
    count = GROUPS if groups is None else groups
    if count < 2:
        raise UsageError(f"{count} groups", wanted="at least 2", fix="raise --groups")
    find = partial(find_consistency, groups=count, protocol=protocol or "half-open")
    settings = ConsistencyTask.with_changes(changes)
    return Analysis(ConsistencyTask(settings, chosen, sources), find, least=count)


def _refuse(name: str, option: str, value: object) -> None:
    if value is not None:
        raise UsageError(
            f"{option} for the analysis of {name}",
            wanted="options that it reads",
            fix=f"leave {option} out",
        )


def _first(record: RunRecord) -> str:
    return next(iter(record.errors.values()))
