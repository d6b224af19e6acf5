"""The paper in about forty lines: from a clip, a query and candidates to evidence.

``ClipSession`` holds what all queries on one clip share (plain prefixes, content-free maps);
``gather`` is the method itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import NumericalError
from zerotube.method.assembling import assemble, consistency, unreverse
from zerotube.method.config import MethodSettings
from zerotube.method.relevance import relative
from zerotube.method.scoring import frame_scores
from zerotube.method.tokens import choose_token
from zerotube.method.tuning import start, tune
from zerotube.method.types import Evidence, TokenChoice
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import layer_range
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import Prefix, VisualContext
from zerotube.proposals.types import TrackSet
from zerotube.query.prompts import CAPTION_PROMPT, existence_prompt
from zerotube.query.types import Query

Progress = Callable[[str, int, int], None]
"""Called with a stage ("decode", "propose", "encode", "tune", "read"), steps done, steps in all."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class ClipSession:
    """One encoded clip, and everything about it that does not depend on the query.

    Args:
        model: the MLLM.
        context: the encoded clip.
        settings: settings of the method; fixed for the session.
    """

    def __init__(self, model: VideoMLLM, context: VisualContext, settings: MethodSettings) -> None:
        self.model = model
        self.context = context
        self.settings = settings
        self.layers = layer_range(model.layer_count, settings.layer_start, settings.layer_end)
        self._plain: dict[bool, tuple[Tensor | None, Prefix]] = {}
        self._generic: dict[bool, Tensor] = {}
        # Queries on one video name the same few objects: what was tuned or read for a phrase once
        # is kept, the newest few of each, so that memory stays bounded.
        self._tuned: _Recent[tuple[str, bool], tuple[Tensor, tuple[float, ...]]] = _Recent(32)
        self._prefixes: _Recent[tuple[str, bool], Prefix] = _Recent(8)

    @property
    def tunes(self) -> bool:
        """Whether any visual prompt is tuned."""
        return self.settings.spatial_prompt or self.settings.temporal_prompt

    @cached_property
    def answers(self) -> AnswerIds:
        """The yes / no spelling this model prefers on this clip."""
        return self.model.preferred_answer(
            self.plain(reverse=False).detached(), existence_prompt("an object")
        )

    def plain(self, *, reverse: bool) -> Prefix:
        """The prefix without a prompt; its autograd graph is kept where prompts are tuned."""
        if reverse not in self._plain:
            if self.tunes:
                self._plain[reverse] = start(self.model, self.context, reverse=reverse)
            else:
                with torch.no_grad():
                    self._plain[reverse] = (None, self.model.prefill(self.context, reverse=reverse))
        return self._plain[reverse][1]

    def losses(self, phrase: str, *, reverse: bool = False) -> tuple[float, ...]:
        """Tune the prompt of a phrase if that was not done yet, and return its losses."""
        return self._prompt(phrase, reverse)[1]

    @torch.no_grad()
    def read(
        self, question: str, phrase: str | None, *, reverse: bool = False
    ) -> tuple[Tensor, TokenChoice]:
        """Attention of the grounding token under a question.

        Args:
            question: the full query as asked.
            phrase: the sub-query whose visual prompt is added; None adds none.
            reverse: feed the frames in reverse order.

        Returns:
            ``(T, h, w)`` in the order the frames were fed, and which token it is.

        Raises:
            NumericalError: if the attention is not finite.
        """
        if phrase is None:
            prefix = self.plain(reverse=reverse).detached()
        else:
            prefix = self._prefix(phrase, reverse)
        answer = self.model.ask(prefix, [question], layers=self.layers, logits=False)[0]
        maps = self._finite(answer.maps)
        if self.settings.relative_attention:
            maps = relative(maps, self._generic_maps(reverse))
        return choose_token(maps, answer.role_texts, self.settings.token_rule)

    @torch.no_grad()
    def presence(self, question: str) -> float:
        """p_yes / (p_yes + p_no) on the plain video."""
        logits = self.model.ask(self.plain(reverse=False).detached(), [question])[0].logits
        pair = self._finite(logits)[[self.answers.yes, self.answers.no]].double()
        return float(pair.softmax(dim=0)[0])

    def _prompt(self, phrase: str, reverse: bool) -> tuple[Tensor, tuple[float, ...]]:
        """Visual prompt tuned on "Is there {phrase} in this video?", and its losses."""
        key = (phrase, reverse)
        if key not in self._tuned:
            prefix = self.plain(reverse=reverse)
            leaf = self._plain[reverse][0]
            if leaf is None:
                raise ValueError("a session whose settings tune nothing was asked for a prompt")
            self._tuned.put(
                key,
                tune(
                    self.model,
                    existence_prompt(phrase),
                    (leaf, prefix),
                    self.settings,
                    self.answers,
                ),
            )
        return self._tuned[key]

    def _prefix(self, phrase: str, reverse: bool) -> Prefix:
        """Prefix with the tuned prompt, as deep as the maps are read."""
        key = (phrase, reverse)
        if key not in self._prefixes:
            prompt, _ = self._prompt(phrase, reverse)
            depth = self.layers.stop
            self._prefixes.put(
                key, self.model.prefill(self.context, prompt, reverse=reverse, layers=depth)
            )
        return self._prefixes[key]

    def _generic_maps(self, reverse: bool) -> Tensor:
        if reverse not in self._generic:
            prefix = self.plain(reverse=reverse).detached()
            answer = self.model.ask(prefix, [CAPTION_PROMPT], layers=self.layers, logits=False)[0]
            self._generic[reverse] = self._finite(answer.maps)
        return self._generic[reverse]

    @staticmethod
    def _finite(values: Tensor | None) -> Tensor:
        if values is None or not torch.isfinite(values).all():
            raise NumericalError(
                "attention or logits that are not finite",
                wanted="finite numbers from the model",
                fix="load it with --dtype float32, or lower --lr",
            )
        return values


class _Recent(dict[_Key, _Value]):
    """A dictionary that keeps the newest ``size`` entries."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def put(self, key: _Key, value: _Value) -> None:
        """Store an entry and drop the oldest ones over the size."""
        self[key] = value
        while len(self) > self._size:
            del self[next(iter(self))]


def gather(
    session: ClipSession,
    query: Query,
    tracks: TrackSet,
    frame_indices: NDArray,  # type: ignore[type-arg]
    progress: Progress | None = None,
) -> Evidence:
    """Measure everything the decision needs (method sections 3 to 7).

    Args:
        session: the encoded clip.
        query: the sentence and its sub-queries.
        tracks: the candidates.
        frame_indices: int64 ``(N,)``, original frames that were sampled.
        progress: told about the stages "tune" and "read".

    Returns:
        Maps and scores in NumPy.

    Raises:
        NumericalError: if a gradient, map or logit is not finite.
    """
    settings = session.settings
    tell = progress or (lambda stage, done, total: None)
    question = existence_prompt(query.statement)
    spatial_phrase = query.attribute if settings.decomposed else query.statement
    temporal_phrase = query.action if settings.decomposed else query.statement
    spatial = spatial_phrase if settings.spatial_prompt else None
    temporal = temporal_phrase if settings.temporal_prompt else None
    asked = [("spatial", spatial, False), ("temporal", temporal, False)]
    if settings.assembling:
        asked.insert(1, ("spatial reversed", spatial, True))

    losses: dict[str, tuple[float, ...]] = {}
    for done, (name, phrase, reverse) in enumerate(asked):
        tell("tune", done, len(asked))
        if phrase is not None:
            losses[name] = session.losses(phrase, reverse=reverse)
    tell("tune", len(asked), len(asked))

    tell("read", 0, len(asked))
    spatial_map, spatial_token = session.read(question, spatial)
    same: float | None = None
    if settings.assembling:
        backwards = unreverse(session.read(question, spatial, reverse=True)[0])
        same = consistency(spatial_map, backwards)
        spatial_map = assemble(spatial_map, backwards)
    tell("read", 1, len(asked))
    temporal_map, temporal_token = session.read(question, temporal)
    presence = session.presence(question)

    layout, support = session.context.layout, settings.support
    a_spatial, a_temporal = (item.float().cpu().numpy() for item in (spatial_map, temporal_map))
    by_track = frame_scores(a_spatial, tracks, frame_indices, layout, support)
    by_frame = frame_scores(a_temporal, tracks, frame_indices, layout, support)
    tell("read", len(asked), len(asked))
    return Evidence(
        frame_indices=frame_indices,
        step_of_frame=layout.step_of_frame,
        spatial_map=a_spatial,
        temporal_map=a_temporal,
        track_ids=tuple(track.track_id for track in tracks),
        track_scores=by_track.max(axis=1),
        frame_scores=by_frame,
        spatial_token=spatial_token,
        temporal_token=temporal_token,
        presence=presence,
        consistency=same,
        losses=losses,
        view_xyxy=layout.view_xyxy,
    )
