"""The facade: video and sentence in, tube out. It composes the stages and computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from zerotube.errors import NothingToGroundError, NumericalError, UsageError, ZerotubeError
from zerotube.grounder.candidates import Candidates
from zerotube.grounder.decomposers import chosen_decomposer
from zerotube.grounder.prepared import Prepared, absent, same_pictures, timed
from zerotube.grounder.time_first import Proposed, TimeFirst, nothing
from zerotube.grounder.warnings import (
    asking_warnings,
    domain_warnings,
    frame_warnings,
    layer_warnings,
    scan_warnings,
)
from zerotube.method.ask import Asker, check_can_answer
from zerotube.method.config import MethodSettings, named
from zerotube.method.ground import StageReport, silent
from zerotube.method.heads import heads_read
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession, encode_options
from zerotube.method.verdict import presence_of
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.proposals.types import TrackSet
from zerotube.query import Query, decompose, override
from zerotube.query.types import Decomposer
from zerotube.tube.answers import answers_of
from zerotube.tube.types import GroundingResult
from zerotube.video import Clip, Video, open_video, uniform_indices


class Grounder:
    """A loaded model, ready to ground.

    >>> grounder = Grounder.from_pretrained("bundled")
    >>> grounder.ground("clip.mp4", "the red square moves left").save("out")

    Args:
        model: a loaded MLLM; see ``from_pretrained``.
        decomposer: what splits sentences: "rules", "model" (the loaded model itself, see
            ``model_decomposer``), or any decomposer, such as ``openai_decomposer()``.
        asker: who names times in words where the settings ask for them (``time="ask"``), such as
            ``openai_asker()``; None: the model itself.

    Attributes:
        keeps_clip: whether what was computed on the last clip stays in memory, for queries on one
            video that come one call at a time. Off at first: it can be gigabytes.

    Raises:
        UsageError: a decomposer of another name.
    """

    def __init__(
        self,
        model: VideoMLLM,
        *,
        decomposer: Decomposer | str = "rules",
        asker: Asker | None = None,
    ) -> None:
        self.model = model
        self.asker = asker
        self.decomposer = chosen_decomposer(model, decomposer)
        self.keeps_clip = False
        self._last: tuple[Clip, ClipSession] | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str = "bundled",
        *,
        device: str | None = None,
        dtype: str | None = None,
        device_map: str | None = None,
        quantize: str | None = None,
        decomposer: Decomposer | str = "rules",
        asker: Asker | None = None,
    ) -> Grounder:
        """Load a model by name.

        Args:
            model: "bundled", a folder written by ``save_pretrained``, or a Hugging Face id.
            device: torch device; default the first GPU, else the CPU.
            dtype: "auto", "float32", "bfloat16", "float16" or "float64".
            device_map: "auto" spreads the layers over all devices.
            quantize: "8bit" or "4bit" weights.
            decomposer, asker: see the class.

        Raises:
            ModelError: the model cannot be loaded or its family is not supported.
            UsageError: unknown or contradictory options, an unknown decomposer, or an extra that
                is not installed.
        """
        return cls(
            load(
                model,
                device=device,
                dtype=dtype or "auto",
                device_map=device_map,
                quantize=quantize,
            ),
            decomposer=decomposer,
            asker=asker,
        )

    def ground(
        self,
        video: str | Path | Video,
        query: str | Query,
        *,
        attribute: str | None = None,
        action: str | None = None,
        tracks: str | Path | TrackSet | None = None,
        proposer: str | None = None,
        candidates: Candidates | None = None,
        settings: MethodSettings | None = None,
        progress: StageReport | None = None,
    ) -> GroundingResult:
        """Find the tube that a sentence describes.

        Args:
            video: a video file, a folder of images, or an open video (a `SegmentVideo` to look at a
                part; the answer then counts from its first frame).
            query: a sentence, or a ``Query`` that is decomposed already.
            attribute: overrides the attribute phrase.
            action: overrides the action phrase.
            tracks: candidates, or a file of them: short for ``Candidates(tracks=...)``.
            proposer: what finds the candidates: short for ``Candidates(proposer=...)``.
            candidates: where the candidate tracks come from; default the proposer of the model,
                "motion" for the bundled one and "gdino+sam2" for any other.
            settings: settings of the method; default those that the model recommends, else the
                package's own.
            progress: told about every stage.

        Raises:
            VideoError, TracksError, QueryError: the input cannot be used.
            UsageError: arguments that exclude each other, an unknown proposer or setting.
            NothingToGroundError: there is no candidate, or none that the model affirms where the
                settings say to abstain.
            NumericalError: the model returned numbers that are not finite.
            AnswerError: a server that is asked for the time has no answer.
        """
        parsed = query
        if isinstance(parsed, str):
            # With both phrases given there is nothing left to ask a model.
            whole = attribute is not None and action is not None
            found = decompose(parsed) if whole else self.decomposer(parsed)
            parsed = override(found, attribute=attribute, action=action)
        elif attribute is not None or action is not None:
            raise UsageError(
                "a decomposed query and an override",
                wanted="either a sentence with overrides or a finished Query",
                fix="put the phrases into the Query",
            )
        if candidates is None:
            candidates = Candidates(proposer, tracks=tracks)
        elif tracks is not None or proposer is not None:
            raise UsageError(
                "candidates together with tracks or a proposer",
                wanted="one of them",
                fix="put all of it into Candidates(...)",
            )
        return self.ground_many(
            video, [parsed], candidates=candidates, settings=settings, progress=progress
        )[0]

    def ground_many(
        self,
        video: str | Path | Video,
        queries: Sequence[str | Query],
        *,
        candidates: Candidates | None = None,
        settings: MethodSettings | None = None,
        progress: StageReport | None = None,
    ) -> list[GroundingResult]:
        """Ground several sentences in one video.

        Frames, candidates, vision features and the plain prefixes are computed once. Arguments and
        errors are those of ``ground``; the results come in the order of the queries, each with the
        shared stages' whole time in its ``timings_s``, and from the second on with their names in
        ``shared_stages``.
        """
        candidates = candidates or Candidates()
        chosen = settings or self._usual
        with _opened(video) as source:
            asked = [(self._parsed(query), chosen) for query in queries]
            each = self._each(source, asked, candidates, progress)
            return [self._answer(one, progress) for one in each]

    def ground_each(
        self,
        video: str | Path | Video,
        query: str | Query,
        settings: Sequence[MethodSettings],
        *,
        candidates: Candidates | None = None,
        progress: StageReport | None = None,
    ) -> list[GroundingResult | ZerotubeError]:
        """Ground one sentence under several settings, as an ablation does.

        What they share - frames, candidates, features, prefixes, prompts, maps - is computed once;
        put settings with equal ``frames`` beside each other.

        Args:
            video, query, candidates, progress: as of ``ground``.
            settings: settings of the method, one per result.

        Returns:
            Per settings the result, or the error under these settings alone: numbers that are not
            finite, or no attention in any candidate. The others are not affected.

        Raises: as ``ground``, for what concerns all settings.
        """
        found: list[GroundingResult | ZerotubeError] = []
        with _opened(video) as source:
            parsed = self._parsed(query)
            asked = [(parsed, one) for one in settings]
            for ready in self._each(source, asked, candidates or Candidates(), progress):
                try:
                    found.append(self._answer(ready, progress))
                except (NumericalError, NothingToGroundError) as error:
                    found.append(error)
        return found

    def prepare(
        self,
        video: str | Path | Video,
        query: str | Query,
        settings: MethodSettings,
        *,
        candidates: Candidates | None,
        progress: StageReport | None = None,
    ) -> Prepared:
        """All that a grounding reads, for questions that ``ground`` does not ask.

        While ``keeps_clip`` is set, a grounding in the same frames that follows encodes nothing.

        Args:
            video, query, progress: as of ``ground``.
            settings: of the method; how the frames are sampled and shown.
            candidates: where the candidate tracks come from; None looks for none.

        Raises: as ``ground``.
        """
        with _opened(video) as source:
            asked = [(self._parsed(query), settings)]
            (ready,) = self._each(source, asked, candidates, progress)
        if ready.refusal is not None:
            raise ready.refusal
        return replace(ready, read=None)

    @cached_property
    def _usual(self) -> MethodSettings:
        """Settings where none are given. Asked for once: of an id on the hub it is a request."""
        return settings_for(self.model.name)

    def _parsed(self, query: str | Query) -> Query:
        return self.decomposer(query) if isinstance(query, str) else query

    def _each(
        self,
        source: Video,
        asked: Sequence[tuple[Query, MethodSettings]],
        candidates: Candidates | None,
        progress: StageReport | None,
    ) -> Iterator[Prepared]:
        """Per query and settings what a grounding reads; use each before taking the next."""
        tell = progress or silent
        info, seconds, counted = source.info, dict[str, float](), set[str]()
        chosen = [settings.within(self.model.family.frame_limit) for _, settings in asked]
        if self.asker is None and any(settings.time == "ask" for settings in chosen):
            check_can_answer(self.model)
        for settings in chosen:
            heads_read(self.model, settings)  # refused before anything is decoded
        try:
            with timed(seconds, "decode", tell):
                counts = dict.fromkeys(settings.frames for settings in chosen)
                clips = {n: source.frames(uniform_indices(info.frame_count, n)) for n in counts}
            search = None
            if candidates is not None and candidates.time_first(self.model):
                search = TimeFirst(candidates, source, self.model, tell, self.asker)
            sets = [nothing(source)] * len(asked)
            if search is None:
                with timed(seconds, "propose"):
                    if candidates is not None:
                        nouns = [query.noun for query, _ in asked]
                        sets = candidates.find(source, nouns, self.model, tell)
            for (query, wish), settings, tracks in zip(asked, chosen, sets, strict=True):
                clip = clips[settings.frames]
                session = self._session(clip, settings, seconds, counted, tell)
                found = Proposed(tracks)
                if search is not None:
                    found = search.find(session, query, clip, seconds, counted)
                warnings = (
                    *query.warnings,
                    *info.warnings,
                    *found.tracks.warnings,
                    *found.notes,
                    *self.model.warnings,
                    *frame_warnings(self.model, wish, settings, info.frame_count),
                    *layer_warnings(self.model, settings),
                    *scan_warnings(session),
                    *session.context.shown.notes,
                    *domain_warnings(self.model, query, info.path, settings),
                )
                yield Prepared(
                    clip,
                    session,
                    query,
                    found.tracks,
                    source.timestamps_s,
                    dict(seconds),
                    counted,
                    warnings,
                    source.frames,
                    self.asker,
                    found.refusal,
                )
        finally:
            if not self.keeps_clip:
                self._last = None

    def _session(
        self,
        clip: Clip,
        settings: MethodSettings,
        seconds: dict[str, float],
        counted: set[str],
        tell: StageReport,
    ) -> ClipSession:
        """The encoded clip: the last one again, if it shows the same pictures in the same way."""
        options = encode_options(self.model, settings)
        if (
            self._last is not None
            and self._last[1].context.options == options
            and same_pictures(self._last[0], clip)
        ):
            seconds.setdefault("encode", 0.0)
            return self._last[1].under(settings)
        self._last = None  # its memory is free before the next clip needs it
        with timed(seconds, "encode", tell):
            session = ClipSession(self.model, self.model.encode(clip, options), settings)
        counted.discard("encode")
        self._last = (clip, session)
        return session

    def _answer(self, ready: Prepared, progress: StageReport | None) -> GroundingResult:
        if ready.refusal is not None:
            raise ready.refusal
        settings, tracks, seconds = ready.session.settings, ready.tracks, dict(ready.timings_s)
        with timed(seconds, "ground"):
            evidence = ready.evidence(progress=progress)
        with timed(seconds, "decide"):
            answers = answers_of(evidence, tracks, settings)
            tube = answers[0].tube
            span = tube.span.start_frame, tube.span.end_frame
            presence = presence_of(evidence, span, settings)
        if settings.abstain and presence.verdict == "absent":
            raise absent(ready.query, ready.clip.info.path, presence, settings)
        result = GroundingResult(
            video=ready.clip.info,
            clip=ready.clip,
            query=ready.query,
            model=self.model.name,
            settings={
                "preset": named(settings),
                "method": settings.to_dict(),
                "proposer": {"name": tracks.source, **tracks.settings},
                "device": str(self.model.device),
                "dtype": str(self.model.model.dtype).removeprefix("torch."),
            },
            tracks=tracks,
            evidence=evidence,
            tube=tube,
            presence=presence,
            answers=answers,
            timestamps_s=ready.timestamps_s,
            frames_shown=ready.session.context.shown,
            timings_s=seconds,
            shared_stages=frozenset(ready.counted),
            warnings=(*ready.warnings, *asking_warnings(evidence)),
        )
        ready.counted.update(ready.timings_s)
        return result


def _opened(video: str | Path | Video) -> AbstractContextManager[Video]:
    """A video that is open already stays open."""
    return nullcontext(video) if isinstance(video, Video) else open_video(video)
