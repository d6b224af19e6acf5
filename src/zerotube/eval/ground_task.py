"""Grounding as a task: one or several settings of the method, side by side on every sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.errors import (
    InputError,
    NothingToGroundError,
    UsageError,
    VideoError,
    ZerotubeError,
)
from zerotube.eval.datasets.fit import misfit
from zerotube.eval.decomposition import QUERY, query_record
from zerotube.eval.predictions import failure, from_tube, to_dict
from zerotube.eval.task import SampleSkipped, Work
from zerotube.eval.track_files import TrackFiles
from zerotube.eval.types import Sample
from zerotube.geometry.spans import Span
from zerotube.method.config import MethodSettings
from zerotube.method.heads import heads_read
from zerotube.proposals.order import Order
from zerotube.query.llm import Decomposer, LLMSettings
from zerotube.query.stored import StoredPhrases
from zerotube.query.types import Query
from zerotube.video import SegmentVideo, Video, open_video

if TYPE_CHECKING:
    from zerotube.grounder import Candidates, Grounder
    from zerotube.method.ask import Asker
    from zerotube.tube.types import GroundingResult

TRUTH = "truth"
"""Name that stands, in place of a proposer's, for the benchmark's own tracks."""


@dataclass(frozen=True)
class ModelChoice:
    """Which model, how it is loaded, and who splits its sentences.

    Attributes:
        name, device, dtype, device_map, quantize: see `zerotube.grounder.Grounder.from_pretrained`.
        decomposer: "rules", "model" (the model itself) or "openai".
        asker: who names a time where settings ask for one: "model" (the model itself) or "openai".
        llm: for "openai", and for the decomposer "model". A server is named here once for all
            workers; its key is not: each process reads OPENAI_API_KEY.
        decompositions: stored phrases, which go before the decomposer.

    Raises:
        UsageError: a server without a model or a web address.
    """

    name: str = "bundled"
    device: str | None = None
    dtype: str | None = None
    device_map: str | None = None
    quantize: str | None = None
    decomposer: str = "rules"
    asker: str = "model"
    llm: LLMSettings = field(default_factory=LLMSettings)
    decompositions: StoredPhrases | None = None

    @property
    def asks_server(self) -> bool:
        """Whether a server is asked for anything."""
        return "openai" in (self.decomposer, self.asker)

    def __post_init__(self) -> None:
        if self.asks_server:
            from zerotube.query.llm.server import host_of, server_named

            model, base_url = server_named(self.llm)
            host_of(base_url)
            object.__setattr__(self, "llm", replace(self.llm, model=model, base_url=base_url))

    def load(self) -> Grounder:
        """Load it.

        Raises:
            ModelError, UsageError: see `Grounder.from_pretrained`.
        """
        from zerotube.grounder import Grounder, model_decomposer

        decomposer: Decomposer | str = self.decomposer
        if decomposer == "openai":
            from zerotube.query.llm.openai_clients import openai_decomposer

            decomposer = openai_decomposer(self.llm)
        asker: Asker | None = None
        if self.asker == "openai":
            from zerotube.query.llm.openai_clients import openai_asker

            asker = openai_asker(self.llm)
        grounder = Grounder.from_pretrained(
            self.name,
            device=self.device,
            dtype=self.dtype,
            device_map=self.device_map,
            quantize=self.quantize,
            decomposer=decomposer,
            asker=asker,
        )
        if decomposer == "model":
            grounder.decomposer = model_decomposer(grounder.model, self.llm)
        return grounder

    def query(self, grounder: Grounder, sample: Sample) -> Query:
        """The sentence of a sample, decomposed.

        Args:
            grounder: what ``load`` returned.
            sample: of the benchmark.

        Raises:
            QueryError: the sentence has no word in it or is too long.
        """
        split = grounder.decomposer
        if self.decompositions is not None:
            split = self.decompositions.decomposer(sample.video_name, split)
        return split(sample.query)

    def to_dict(self) -> dict[str, Any]:
        """What of it decides results: where it runs does not, and no key is in it."""
        server = stored = None
        if self.asks_server:
            from zerotube.query.llm.server import host_of

            server = {"model": self.llm.model, "host": host_of(self.llm.base_url or "")}
        if self.decompositions is not None:
            stored = {"file": self.decompositions.name, "sha256": self.decompositions.digest}
        return {
            "name": self.name,
            "dtype": self.dtype,
            "quantize": self.quantize,
            "decomposer": self.decomposer,
            "asker": self.asker,
            "server": server,
            "decompositions": stored,
        }


@dataclass(frozen=True)
class CandidateChoice:
    """Where the candidate tracks of a sample come from.

    Attributes:
        proposer: its name; ``TRUTH`` for the benchmark's true tracks, which isolates the method as
            the paper's precomputed tracks do; None for that of the model.
        proposer_settings: its settings.
        tracks: folder with the tracks of every video, see `TrackFiles`; replaces the proposer.
        store, order: see `zerotube.grounder.Candidates`.

    Raises:
        UsageError: more than one source, or time first where nothing is looked for.
    """

    proposer: str | None = None
    proposer_settings: Mapping[str, Any] = field(default_factory=dict)
    tracks: Path | None = None
    store: bool | Path = True
    order: Order = field(default_factory=Order)

    def __post_init__(self) -> None:
        if self.looks_for_nothing:
            self.order.refuse_without_proposer("tracks that are known already")
        if self.tracks is not None and self.proposer is not None:
            raise UsageError(
                f"a folder of tracks together with the proposer {self.proposer!r}",
                wanted="one of them",
                fix="leave one out",
            )
        if self.proposer == TRUTH and self.proposer_settings:
            raise UsageError(
                "settings for the true tracks", wanted="none", fix="leave --proposer-set out"
            )

    @property
    def looks_for_nothing(self) -> bool:
        """Whether the tracks are known already."""
        return self.tracks is not None or self.proposer == TRUTH

    def of(self, sample: Sample, files: TrackFiles | None) -> Candidates:
        """The candidates of one sample.

        Args:
            sample: of the benchmark.
            files: what ``track_files`` found.

        Raises:
            InputError: the benchmark has no true tracks, or the folder does not have those of the
                video, or has them twice.
        """
        from zerotube.grounder import Candidates

        if self.proposer == TRUTH:
            if sample.true_tracks is None:
                raise InputError(
                    f"sample {sample.sample_id!r}, which comes without the tracks of all objects",
                    wanted="a benchmark with true tracks, such as synth",
                    fix="choose another --proposer",
                )
            return Candidates(tracks=sample.true_tracks)
        if files is not None:
            return Candidates(tracks=files.of(sample.video_name))
        return Candidates(self.proposer, self.proposer_settings, store=self.store, order=self.order)

    def track_files(self) -> TrackFiles | None:
        """What the folder holds; None without a folder."""
        return None if self.tracks is None else TrackFiles(self.tracks)

    def to_dict(self) -> dict[str, Any]:
        """What of it decides results: where tracks are kept does not."""
        return {
            "proposer": self.proposer,
            "proposer_settings": dict(self.proposer_settings),
            "tracks": None if self.tracks is None else str(self.tracks.resolve()),
            **({} if self.looks_for_nothing else {"order": asdict(self.order)}),
        }


@dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes:
        label: its name in tables.
        settings: of the method.
        candidates: in place of the task's own.
    """

    label: str
    settings: MethodSettings
    candidates: CandidateChoice | None = None


@dataclass(frozen=True)
class GroundTask:
    """Grounds every sample under every variant.

    A result is::

        {"predictions": {label: prediction}, "details": {label: {...}}, "timings_s": {stage: s},
         "query": {"source": who decomposed the sentence, "warnings": [...]}}

    ``predictions`` are in the form of a prediction file. ``details`` has track_id, token (text of
    the grounding token), presence, verdict, consistency (None without TAS) and candidates (their
    number); it misses variants that found nothing to ground, whose prediction says why.
    ``timings_s`` sums over the variants what each did alone, and once what they share.

    Attributes:
        variants: with labels that differ; those with the same candidates share work if they stand
            beside each other.
        model: the MLLM.
        candidates: where candidate tracks come from.

    Raises:
        UsageError: no variant, or two of one label.
    """

    variants: tuple[Variant, ...]
    model: ModelChoice = ModelChoice()
    candidates: CandidateChoice = CandidateChoice()

    def __post_init__(self) -> None:
        labels = [variant.label for variant in self.variants]
        if not labels or len(set(labels)) < len(labels):
            raise UsageError(
                f"variants {labels}", wanted="at least one, all named apart", fix="rename them"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """See `zerotube.eval.task.Task`."""
        return {
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "candidates": self.candidates.to_dict(),
            "variants": {
                variant.label: variant.settings.to_dict()
                | (
                    {}
                    if variant.candidates is None
                    else {"candidates": variant.candidates.to_dict()}
                )
                for variant in self.variants
            },
        }

    def open(self) -> Work:
        """Load the model.

        Raises:
            ModelError, UsageError: it cannot be loaded, or heads of it cannot be read.
        """
        grounder = self.model.load()
        for variant in self.variants:
            heads_read(grounder.model, variant.settings)
        # Benchmarks ask several things about one video, one after another.
        grounder.keeps_clip = True
        groups = [
            (choice, choice.track_files(), tuple(group))
            for choice, group in groupby(self.variants, self._choice)
        ]

        def work(sample: Sample) -> dict[str, Any]:
            found: dict[str, Any] = {"predictions": {}, "details": {}, "timings_s": {}}
            with opened(sample) as video:
                query = self.model.query(grounder, sample)
                found[QUERY] = query_record(query)
                for choice, files, variants in groups:
                    candidates = choice.of(sample, files)
                    outcomes = _outcomes(grounder, video, query, variants, candidates)
                    _add(found, sample, variants, outcomes, video.info.first_frame)
            return found

        return work

    def _choice(self, variant: Variant) -> CandidateChoice:
        return variant.candidates or self.candidates


@contextmanager
def opened(sample: Sample) -> Iterator[Video]:
    """The frames of a sample that the method may see.

    Raises:
        SampleSkipped: the video does not fit the annotation, or cannot be decoded (of some
            benchmarks a few videos are known to be damaged).
        InputError: no place of the video is known.
    """
    if sample.video is None:
        raise InputError(
            f"no video {sample.video_name!r}", wanted="a video per sample", fix="pass --root DIR"
        )
    try:
        with open_video(sample.video) as video:
            reason = misfit(sample, video.info)
            if reason is not None:
                raise SampleSkipped(reason, wanted="the annotated video", fix="get the original")
            if sample.segment is None:
                yield video
            else:
                last = min(sample.segment.end_frame, video.info.frame_count - 1)
                yield SegmentVideo(video, Span(sample.segment.start_frame, last))
    except VideoError as error:
        raise SampleSkipped(error.got, wanted=error.wanted, fix=error.fix) from error


def _outcomes(
    grounder: Grounder,
    video: Video,
    query: Query,
    variants: Sequence[Variant],
    candidates: Candidates,
) -> list[GroundingResult | ZerotubeError]:
    settings = [variant.settings for variant in variants]
    try:
        return grounder.ground_each(video, query, settings, candidates=candidates)
    except NothingToGroundError as error:
        # An answer, not an accident: trying again would find nothing again.
        return [error] * len(variants)


def _add(
    found: dict[str, Any],
    sample: Sample,
    variants: Sequence[Variant],
    outcomes: Sequence[GroundingResult | ZerotubeError],
    first_frame: int,
) -> None:
    """Write the outcomes of variants that shared their work into a result."""
    timings = found["timings_s"]
    for variant, outcome in zip(variants, outcomes, strict=True):
        if isinstance(outcome, ZerotubeError):
            prediction = failure(sample.sample_id, str(outcome))
        else:
            prediction = from_tube(sample.sample_id, outcome.tube, first_frame=first_frame)
            found["details"][variant.label] = _details(outcome)
            for stage, seconds in outcome.timings_s.items():
                if stage not in outcome.shared_stages:
                    timings[stage] = timings.get(stage, 0.0) + seconds
        found["predictions"][variant.label] = to_dict(prediction)


def _details(result: GroundingResult) -> dict[str, Any]:
    evidence = result.evidence
    return {
        "track_id": result.tube.track_id,
        "token": evidence.spatial_token.text,
        "presence": result.presence.probability,
        "verdict": result.presence.verdict,
        "consistency": evidence.consistency,
        "candidates": len(result.tracks),
    }
