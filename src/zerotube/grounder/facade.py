"""The facade: video and sentence in, tube out. It composes the stages and computes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.errors import NothingToGroundError, NumericalError, UsageError, ZerotubeError
from zerotube.grounder.candidates import Candidates
from zerotube.grounder.decomposers import chosen_decomposer
from zerotube.grounder.notes import domain_warnings, frame_warnings, layer_warnings
from zerotube.method.config import MethodSettings, named
from zerotube.method.ground import Progress, gather
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.proposals.types import TrackSet
from zerotube.query import Query, decompose, override
from zerotube.query.types import Decomposer
from zerotube.tube.decide import decide
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

    Attributes:
        keeps_clip: whether what was computed on the last clip stays in memory, for queries on one
            video that come one call at a time. Off at first: it can be gigabytes.

    Raises:
        UsageError: a decomposer of another name.
    """

    def __init__(self, model: VideoMLLM, *, decomposer: Decomposer | str = "rules") -> None:
        self.model = model
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
    ) -> Grounder:
        """Load a model by name.

        Args:
            model: "bundled", a folder written by ``save_pretrained``, or a Hugging Face id.
            device: torch device; default the first GPU, else the CPU.
            dtype: "auto", "float32", "bfloat16", "float16" or "float64".
            device_map: "auto" spreads the layers over all devices.
            quantize: "8bit" or "4bit" weights.
            decomposer: see the class.

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
        )

    def ground(
        self,
        video: str | Path | Video,
        query: str | Query,
        *,
        attribute: str | None = None,
        action: str | None = None,
        noun: str | None = None,
        proposer: str | None = None,
        proposer_settings: Mapping[str, Any] | None = None,
        tracks: str | Path | TrackSet | None = None,
        store: bool | str | Path = True,
        settings: MethodSettings | None = None,
        progress: Progress | None = None,
    ) -> GroundingResult:
        """Find the tube that a sentence describes.

        Args:
            video: a video file, a folder of images, or an open video (a `SegmentVideo` to look at a
                part; the answer then counts from its first frame).
            query: a sentence, or a ``Query`` that is decomposed already.
            attribute: overrides the attribute phrase.
            action: overrides the action phrase.
            noun: what to look for, for proposers that take a noun; default the query's.
            proposer: name of the proposer that finds the candidates; default "motion" for the
                bundled model, "gdino+sam2" for any other.
            proposer_settings: its settings.
            tracks: candidates, or a file of them; replaces the proposer.
            store: folder where candidates are kept between runs and looked for first. True: the
                user's own (``ZEROTUBE_CACHE`` names another place); False: keep nothing.
            settings: settings of the method; default those that the model recommends, else the
                package's own.
            progress: told about every stage.

        Raises:
            VideoError, TracksError, QueryError: the input cannot be used.
            NothingToGroundError: there is no candidate.
            NumericalError: the model returned numbers that are not finite.
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
        return self.ground_many(
            video,
            [parsed],
            noun=noun,
            proposer=proposer,
            proposer_settings=proposer_settings,
            tracks=tracks,
            store=store,
            settings=settings,
            progress=progress,
        )[0]

    def ground_many(
        self,
        video: str | Path | Video,
        queries: Sequence[str | Query],
        *,
        noun: str | None = None,
        proposer: str | None = None,
        proposer_settings: Mapping[str, Any] | None = None,
        tracks: str | Path | TrackSet | None = None,
        store: bool | str | Path = True,
        settings: MethodSettings | None = None,
        progress: Progress | None = None,
    ) -> list[GroundingResult]:
        """Ground several sentences in one video.

        Frames, candidates, vision features and the plain prefixes are computed once. Arguments and
        errors are those of ``ground``; the results come in the order of the queries, each with the
        shared stages' whole time in its ``timings_s``, and from the second on with their names in
        ``shared_stages``.
        """
        candidates = Candidates(proposer, proposer_settings or {}, tracks, store)
        chosen = settings or settings_for(self.model.name)
        with self._opened(video) as source:
            parsed = [self.decomposer(item) if isinstance(item, str) else item for item in queries]
            asked = [(query, chosen) for query in parsed]
            steps = self._steps(source, asked, candidates, noun, progress)
            return [step() for step in steps]

    def ground_each(
        self,
        video: str | Path | Video,
        query: str | Query,
        settings: Sequence[MethodSettings],
        *,
        noun: str | None = None,
        candidates: Candidates | None = None,
        progress: Progress | None = None,
    ) -> list[GroundingResult | ZerotubeError]:
        """Ground one sentence under several settings, as an ablation does.

        What they share - frames, candidates, features, prefixes, prompts, maps - is computed once;
        put settings with equal ``frames`` beside each other.

        Args:
            video: a video file, a folder of images, or an open video.
            query: a sentence, or a ``Query`` that is decomposed already.
            settings: settings of the method, one per result.
            noun: what to look for, for proposers that take a noun; default the query's.
            candidates: where the candidate tracks come from.
            progress: told about every stage.

        Returns:
            Per settings the result, or the error under these settings alone: numbers that are not
            finite, or no attention in any candidate. The others are not affected.

        Raises: as ``ground``, for what concerns all settings.
        """
        with self._opened(video) as source:
            parsed = self.decomposer(query) if isinstance(query, str) else query
            asked = [(parsed, one) for one in settings]
            found: list[GroundingResult | ZerotubeError] = []
            steps = self._steps(source, asked, candidates or Candidates(), noun, progress)
            for step in steps:
                try:
                    found.append(step())
                except (NumericalError, NothingToGroundError) as error:
                    found.append(error)
            return found

    def session(self, video: str | Path | Video, settings: MethodSettings) -> ClipSession:
        """A video's sampled frames, encoded: for questions that ``ground`` does not ask.

        While ``keeps_clip`` is set, a grounding in the same frames that follows encodes nothing.

        Args:
            video: a video file, a folder of images, or an open video.
            settings: say how many frames are sampled, and whether prompts will be tuned.

        Raises:
            VideoError: it cannot be used.
        """
        chosen = settings.within(self.model.family.frame_limit)
        with self._opened(video) as source:
            clip = source.frames(uniform_indices(source.info.frame_count, chosen.frames))
            found = self._session(clip, chosen, _Clock(), lambda stage, done, total: None)
        if not self.keeps_clip:
            self._last = None
        return found

    def _steps(
        self,
        source: Video,
        asked: Sequence[tuple[Query, MethodSettings]],
        candidates: Candidates,
        noun: str | None,
        progress: Progress | None,
    ) -> Iterator[Callable[[], GroundingResult]]:
        """Per query and settings what makes the result; call each before taking the next."""
        try:
            yield from self._each_step(source, asked, candidates, noun, progress)
        finally:
            if not self.keeps_clip:
                self._last = None

    def _each_step(
        self,
        source: Video,
        asked: Sequence[tuple[Query, MethodSettings]],
        candidates: Candidates,
        noun: str | None,
        progress: Progress | None,
    ) -> Iterator[Callable[[], GroundingResult]]:
        tell = progress or (lambda stage, done, total: None)
        limit, count = self.model.family.frame_limit, source.info.frame_count
        chosen = [(query, settings, settings.within(limit)) for query, settings in asked]
        clock = _Clock()
        with clock.stage("decode"):
            tell("decode", 0, 1)
            wanted = dict.fromkeys(settings.frames for *_, settings in chosen)
            clips = {n: source.frames(uniform_indices(count, n)) for n in wanted}
            tell("decode", 1, 1)
        with clock.stage("propose"):
            nouns = [noun or query.noun for query, *_ in chosen]
            where = str(self.model.device)
            sets = candidates.find(source, nouns, model=self.model.name, device=where, tell=tell)
        for (query, wish, settings), tracks in zip(chosen, sets, strict=True):
            clip = clips[settings.frames]
            session = self._session(clip, settings, clock, tell)
            warnings = (
                *query.warnings,
                *source.info.warnings,
                *tracks.warnings,
                *self.model.warnings,
                *frame_warnings(self.model, wish, settings, count),
                *layer_warnings(self.model, settings),
                *session.context.shown.notes,
                *domain_warnings(self.model, query, source.info.path),
            )
            yield partial(
                self._one,
                source,
                session,
                clip,
                query,
                tracks,
                warnings,
                clock,
                tell,
            )

    def _session(
        self, clip: Clip, settings: MethodSettings, clock: _Clock, tell: Progress
    ) -> ClipSession:
        """The encoded clip: the last one again, if it shows the same pictures in the same way."""
        options = encode_options(self.model, settings)
        if (
            self._last is not None
            and self._last[1].context.options == options
            and _same_pictures(self._last[0], clip)
        ):
            clock.seconds.setdefault("encode", 0.0)
            return self._last[1].under(settings)
        self._last = None  # its memory is free before the next clip needs it
        with clock.stage("encode"):
            tell("encode", 0, 1)
            session = ClipSession(self.model, self.model.encode(clip, options), settings)
            tell("encode", 1, 1)
        self._last = (clip, session)
        return session

    def _one(
        self,
        source: Video,
        session: ClipSession,
        clip: Clip,
        query: Query,
        tracks: TrackSet,
        warnings: tuple[str, ...],
        clock: _Clock,
        tell: Progress,
    ) -> GroundingResult:
        settings, own = session.settings, _Clock()
        with own.stage("ground"):
            evidence = gather(session, query, tracks, clip.frame_indices, tell)
        with own.stage("decide"):
            tube = decide(evidence, tracks, settings)
        result = GroundingResult(
            video=clip.info,
            clip=clip,
            query=query,
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
            timestamps_s=source.timestamps_s,
            frames_shown=session.context.shown,
            timings_s=clock.seconds | own.seconds,
            shared_stages=frozenset(clock.counted),
            warnings=warnings,
        )
        clock.counted.update(clock.seconds)
        return result

    @contextmanager
    def _opened(self, video: str | Path | Video) -> Iterator[Video]:
        """A video that is open already stays open."""
        if isinstance(video, Video):
            yield video
        else:
            with open_video(video) as source:
                yield source


def _same_pictures(one: Clip, other: Clip) -> bool:
    return one is other or (
        np.array_equal(one.timestamps_s, other.timestamps_s)
        and np.array_equal(one.frames, other.frames)
    )


class _Clock:
    """Seconds per stage, and the stages whose last reading is in a result already."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.counted: set[str] = set()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begin
        self.counted.discard(name)
