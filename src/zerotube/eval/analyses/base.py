"""What all analyses share: a task on every sample, and from a finished run to a report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

from zerotube.errors import InputError, NothingToGroundError, UsageError
from zerotube.eval.analyses.case import Case, target_of
from zerotube.eval.analyses.result import ALL, Findings, Report, parts
from zerotube.eval.decomposition import QUERY, query_record
from zerotube.eval.ground_task import TRUTH, CandidateChoice, ModelChoice, opened
from zerotube.eval.names import Analysis
from zerotube.eval.runner import RunRecord
from zerotube.eval.task import Work
from zerotube.eval.types import Benchmark, Sample
from zerotube.method.config import MethodSettings, preset
from zerotube.method.heads import heads_read

if TYPE_CHECKING:
    from zerotube.grounder import Grounder

AFTER_THE_DECISION = frozenset({"present_above", "absent_below", "answers", "abstain"})
"""Settings of the method that act on a finished tube: no analysis reads them."""


@dataclass(frozen=True)
class AnalysisTask(ABC):
    """One analysis: a `zerotube.eval.task.Task`, and what its results come to.

    Attributes:
        name: of the analysis.
        reads: settings of the method that it leaves open.
        decides: settings of the method that it decides itself, where they differ from the paper's.
        chooses: whether it chooses among candidates.
        settings_of_method: see ``with_changes``.
        model: the MLLM.
        candidates: where candidate tracks come from.
    """

    name: ClassVar[Analysis]
    reads: ClassVar[frozenset[str]]
    decides: ClassVar[Mapping[str, Any]] = {}
    chooses: ClassVar[bool] = True

    settings_of_method: MethodSettings
    model: ModelChoice = field(default_factory=ModelChoice)
    candidates: CandidateChoice = field(default_factory=CandidateChoice)

    @abstractmethod
    def measure(self, case: Case) -> dict[str, Any]:
        """The result of one sample, as plain JSON values."""

    @abstractmethod
    def find(self, results: Sequence[Mapping[str, Any]], failed: int) -> Findings:
        """From the results and the number of failed samples to the findings."""

    @classmethod
    def with_changes(cls, changes: Mapping[str, Any]) -> MethodSettings:
        """Settings of the method: the paper's, whose claims are looked at, and what is chosen.

        Raises:
            UsageError: a setting that the analysis decides itself or does not read.
        """
        for setting in changes:
            if setting not in cls.reads:
                raise UsageError(
                    f"the setting {setting} for the analysis of {cls.name}, which decides it "
                    "itself or does not depend on it",
                    wanted=f"only {', '.join(sorted(cls.reads))}",
                    fix=f"leave --{setting.replace('_', '-')} out",
                )
        return preset("paper", **{**cls.decides, **changes})

    @property
    def settings(self) -> dict[str, Any]:
        """See `zerotube.eval.task.Task`."""
        method = self.settings_of_method.to_dict()
        return {
            "analysis": self.name,
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            **({"candidates": self.candidates.to_dict()} if self.chooses else {}),
            "method": {key: value for key, value in method.items() if key in self.reads},
        }

    def open(self) -> Work:
        """Load the model.

        Raises:
            ModelError, UsageError: it cannot be loaded, or cannot be analysed.
        """
        grounder = self.model.load()
        self.check_model(grounder)
        heads_read(grounder.model, self.settings_of_method)
        files = self.candidates.track_files()

        def work(sample: Sample) -> dict[str, Any]:
            with opened(sample) as video:
                query = self.model.query(grounder, sample)
                target = target_of(sample, video)
                asked = video, query, self.settings_of_method
                candidates = self.candidates.of(sample, files) if self.chooses else None
                try:
                    ready = grounder.prepare(*asked, candidates=candidates)
                except NothingToGroundError:
                    # A wrong answer, not an accident: it counts as one.
                    ready = grounder.prepare(*asked, candidates=None)
                return self.measure(Case(sample, ready, target)) | {QUERY: query_record(query)}

        return work

    def check_model(self, grounder: Grounder) -> None:  # noqa: B027 (most take any model)
        """Refuse a model that the analysis has no meaning for.

        Raises:
            UsageError: it is such a one.
        """

    def check(self, benchmark: Benchmark, samples: Sequence[Sample]) -> None:
        """Refuse, before hours of work, what cannot be analysed.

        Args:
            benchmark: where the samples come from.
            samples: those that the run is about.

        Raises:
            InputError: too few samples, or none has the true tracks that are asked for.
            UsageError: a benchmark that the analysis has no meaning for.
        """
        wanted = self.chooses and self.candidates.proposer == TRUTH
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
                first = next(iter(record.errors.values()), None)
                raise InputError(
                    f"no result among {len(members)} samples"
                    + (f" of kind {kind!r}" if kind != ALL else "")
                    + (f"; the first failure: {first}" if first is not None else ""),
                    wanted="at least one sample that can be measured",
                    fix="correct what the failures name, and run again with another --out",
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
            settings=self.settings,
            findings=findings,
            samples=len(record.samples),
            of=len(benchmark.samples),
            failed=dict(record.errors),
            skipped={item.sample_id: item.reason for item in record.skipped},
        )
