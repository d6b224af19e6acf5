"""The facade: video and sentence in, tube out. It composes the stages and computes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from zerotube.checkpoints import revision_of
from zerotube.errors import DecomposerError, ModelError, NothingToGroundError, UsageError
from zerotube.method.config import MethodSettings, preset
from zerotube.method.ground import Progress, gather
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import generate_text
from zerotube.mllm.loading import load
from zerotube.proposals.base import Proposer
from zerotube.proposals.io import read_tracks
from zerotube.proposals.registry import proposer as make_proposer
from zerotube.proposals.registry import runs_on_device
from zerotube.proposals.store import ProposalStore
from zerotube.proposals.stored import StoredProposer
from zerotube.proposals.types import TrackSet
from zerotube.query import Query, decompose
from zerotube.query.cache import PhraseCache, default_folder
from zerotube.query.decompose import override
from zerotube.query.llm import Decomposer, LLMDecomposer, LLMSettings
from zerotube.tube.decide import decide
from zerotube.tube.types import GroundingResult
from zerotube.video import Video, open_video, uniform_indices


class Grounder:
    """A loaded model, ready to ground.

    >>> grounder = Grounder.from_pretrained("bundled")
    >>> grounder.ground("clip.mp4", "the red square moves left").save("out")

    Args:
        model: a loaded MLLM; see ``from_pretrained``.
        decomposer: what splits sentences: "rules", "model" (the loaded model itself, see
            ``model_decomposer``), or any decomposer, such as ``openai_decomposer()``.

    Raises:
        UsageError: a decomposer of another name.
    """

    def __init__(self, model: VideoMLLM, *, decomposer: Decomposer | str = "rules") -> None:
        self.model = model
        self.decomposer = _decomposer(model, decomposer)

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
        video: str | Path,
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
            video: a video file or a folder of images.
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
            settings: settings of the method; default the full method of the paper.
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
        video: str | Path,
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
        shared stages' whole time in its ``timings_s``.
        """
        asked = settings or preset("full")
        chosen = asked.within(self.model.family.frame_limit)
        tell = progress or (lambda stage, done, total: None)
        parsed = [self.decomposer(item) if isinstance(item, str) else item for item in queries]
        clock = _Clock()
        with open_video(video) as source, _seeded(chosen.seed):
            with clock.stage("decode"):
                tell("decode", 0, 1)
                clip = source.frames(uniform_indices(source.info.frame_count, chosen.frames))
                tell("decode", 1, 1)
            with clock.stage("propose"):
                nouns = [noun or item.noun for item in parsed]
                if tracks is not None:
                    candidates = [_given(source, tracks, tell)] * len(nouns)
                else:
                    name = proposer or default_proposer(self.model.name)
                    values = self._on_its_device(name, proposer_settings or {})
                    finder = make_proposer(name, **values)
                    if store is not False:
                        place = ProposalStore(None if store is True else store)
                        finder = StoredProposer(finder, place)
                    candidates = _found(source, finder, nouns, tell)
            with clock.stage("encode"):
                tell("encode", 0, 1)
                session = ClipSession(self.model, self.model.encode(clip), chosen)
                tell("encode", 1, 1)
            shared = dict(clock.seconds)
            results = []
            for item, tracks_of_item in zip(parsed, candidates, strict=True):
                clock = _Clock(dict(shared))
                with clock.stage("ground"):
                    evidence = gather(session, item, tracks_of_item, clip.frame_indices, tell)
                with clock.stage("decide"):
                    tube = decide(evidence, tracks_of_item, chosen.top_k)
                results.append(
                    GroundingResult(
                        video=clip.info,
                        clip=clip,
                        query=item,
                        model=self.model.name,
                        settings={
                            "method": chosen.to_dict(),
                            "proposer": {"name": tracks_of_item.source, **tracks_of_item.settings},
                            "device": str(self.model.device),
                            "dtype": str(self.model.model.dtype).removeprefix("torch."),
                        },
                        tracks=tracks_of_item,
                        evidence=evidence,
                        tube=tube,
                        timestamps_s=source.timestamps_s,
                        timings_s=clock.seconds,
                        warnings=(
                            *item.warnings,
                            *source.info.warnings,
                            *tracks_of_item.warnings,
                            *self._frame_warnings(asked, chosen, source.info.frame_count),
                            *self._domain_warnings(item),
                        ),
                    )
                )
        return results

    def _frame_warnings(
        self, asked: MethodSettings, chosen: MethodSettings, frame_count: int
    ) -> list[str]:
        """The model takes fewer frames than were asked for and than the video has."""
        if chosen.frames >= min(asked.frames, frame_count):
            return []
        return [
            f"{self.model.name!r} takes at most {chosen.frames} of the {asked.frames} frames asked "
            f"for: sampled {chosen.frames}, span of {chosen.top_k} (--frames, --top-k)"
        ]

    def _on_its_device(self, proposer: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The proposer's models go where the MLLM is, unless the user says otherwise."""
        if not runs_on_device(proposer):
            return values
        return {"device": str(self.model.device), **values}

    def _domain_warnings(self, query: Query) -> list[str]:
        """Words the model has never seen: its answer then rests on the rest of the sentence."""
        unknown = self.model.tokens.unknown_words(query.statement)
        if not unknown:
            return []
        named = ", ".join(repr(word) for word in unknown)
        verb = "is a word" if len(unknown) == 1 else "are words"
        domain = ""
        if self.model.name == "bundled":
            from zerotube.bundled import DOMAIN

            domain = f" ({DOMAIN.statement})"
        return [
            f"{named} {verb} that the model {self.model.name!r} does not know{domain}: "
            "do not trust this answer; pass --model with a model that does"
        ]


def default_proposer(model: str) -> str:
    """Name of the proposer for a model.

    The bundled model was made for clean shapes, which need no detector and no download; any other
    is asked about things that a detector knows by name.

    Args:
        model: as given to `Grounder.from_pretrained`.
    """
    return "motion" if model == "bundled" else "gdino+sam2"


def model_decomposer(
    model: VideoMLLM,
    settings: LLMSettings | None = None,
    *,
    cache_folder: Path | None = None,
) -> LLMDecomposer:
    """A decomposer that asks the loaded model itself, in text alone, and no network.

    Args:
        model: a loaded MLLM.
        settings: its limits and whether it caches; server and model name are not used.
        cache_folder: default ``zerotube.query.cache.default_folder()``.
    """
    chosen = settings or LLMSettings()

    def ask(prompt: str, seconds: float) -> str:
        try:
            return generate_text(model, prompt, max_time_s=seconds)
        except ModelError as caught:
            raise DecomposerError(
                caught.got, wanted=caught.wanted, fix=caught.fix, retry=False
            ) from caught

    cache = None
    if chosen.cache:
        cache = PhraseCache(cache_folder or default_folder(), _identity(model), "local")
    return LLMDecomposer(ask, source=f"model:{model.name}", cache=cache, settings=chosen)


def _identity(model: VideoMLLM) -> str:
    """Name of a model that changes with its weights: commit of a hub model, digest of a folder."""
    folder = Path(model.name)
    if folder.is_dir():
        return f"{folder.resolve()} {revision_of(model.name)}"
    commit = getattr(model.model.config, "_commit_hash", None)
    return f"{model.name} {commit or ''}".strip()


def _decomposer(model: VideoMLLM, chosen: Decomposer | str) -> Decomposer:
    if not isinstance(chosen, str):
        return chosen
    if chosen == "rules":
        return decompose
    if chosen == "model":
        return model_decomposer(model)
    raise UsageError(
        f"the decomposer {chosen!r}",
        wanted="'rules', 'model', or a decomposer such as openai_decomposer()",
        fix="choose one of these",
    )


def _given(source: Video, tracks: str | Path | TrackSet, tell: Progress) -> TrackSet:
    """The candidates that the caller brought."""
    if isinstance(tracks, TrackSet):
        return _some(tracks, source)
    tell("propose", 0, 1)
    read = read_tracks(Path(tracks), source.info)
    tell("propose", 1, 1)
    return _some(read, source)


def _found(source: Video, finder: Proposer, nouns: Sequence[str], tell: Progress) -> list[TrackSet]:
    """One set of candidates per noun, each distinct one made once."""
    # A proposer that knows no words finds the same objects whatever is asked for.
    keys = list(nouns) if finder.uses_noun else ["object"] * len(nouns)
    made = {
        noun: _some(
            finder.propose(source, noun, progress=lambda done, total: tell("propose", done, total)),
            source,
        )
        for noun in dict.fromkeys(keys)
    }
    return [made[noun] for noun in keys]


def _some(candidates: TrackSet, source: Video) -> TrackSet:
    if not len(candidates):
        raise NothingToGroundError(
            f"no candidate track in {source.info.path!r}",
            wanted="at least one object",
            fix="try another --proposer, or pass --tracks with a file of your own",
        )
    return candidates


class _Clock:
    """Seconds per stage."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds: dict[str, float] = seconds if seconds is not None else {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begin


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block and put the caller's random state back after it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
