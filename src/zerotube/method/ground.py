"""The paper in about forty lines: from a clip, a query and candidates to evidence.

``ClipSession`` holds what all queries on one clip share (plain prefixes, content-free maps);
``gather`` is the method itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

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


class ClipSession:
    """One encoded clip, and everything about it that does not depend on the query.

    Args:
        model: the MLLM.
        context: the encoded clip.
        settings: settings of the method; fixed for the session.
    """

    def __init__(
        self, model: VideoMLLM, context: VisualContext, settings: MethodSettings
    ) -> None:
        self.model = model
        self.context = context
        self.settings = settings
        self.layers = layer_range(model.layer_count, settings.layer_start, settings.layer_end)
        self._plain: dict[bool, tuple[Tensor | None, Prefix]] = {}
        self._generic: dict[bool, Tensor] = {}
        self._tuned: dict[tuple[str, bool], tuple[Tensor, tuple[float, ...]]] = {}

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

    def prompt_for(self, phrase: str, *, reverse: bool) -> tuple[Tensor, tuple[float, ...]]:
        """Visual prompt tuned on "Is there {phrase} in this video?", and the losses on the way."""
        if (phrase, reverse) not in self._tuned:
            prefix = self.plain(reverse=reverse)
            leaf = self._plain[reverse][0]
            if leaf is None:
                raise ValueError("a session whose settings tune nothing was asked for a prompt")
            self._tuned[phrase, reverse] = tune(
                self.model, existence_prompt(phrase), (leaf, prefix), self.settings, self.answers
            )
        return self._tuned[phrase, reverse]

    @torch.no_grad()
    def read(
        self, question: str, prompt: Tensor | None, *, reverse: bool = False
    ) -> tuple[Tensor, TokenChoice]:
        """Attention of the grounding token under a question.

        Returns:
            ``(T, h, w)`` in the order the frames were fed, and which token it is.

        Raises:
            NumericalError: if the attention is not finite.
        """
        if prompt is None:
            prefix = self.plain(reverse=reverse).detached()
        else:
            prefix = self.model.prefill(
                self.context, prompt, reverse=reverse, layers=self.layers.stop
            )
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
        progress: called with a stage ("tune", "read"), steps done and steps in all.

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
    wanted = [
        ("spatial", spatial_phrase, False, settings.spatial_prompt),
        ("spatial reversed", spatial_phrase, True, settings.spatial_prompt and settings.assembling),
        ("temporal", temporal_phrase, False, settings.temporal_prompt),
    ]
    prompts: dict[str, Tensor | None] = {name: None for name, _, _, _ in wanted}
    losses: dict[str, tuple[float, ...]] = {}
    asked = [item for item in wanted if item[3]]
    for done, (name, phrase, reverse, _) in enumerate(asked):
        tell("tune", done, len(asked))
        prompts[name], losses[name] = session.prompt_for(phrase, reverse=reverse)
    tell("tune", len(asked), len(asked))

    steps = 4 if settings.assembling else 3
    tell("read", 0, steps)
    spatial, spatial_token = session.read(question, prompts["spatial"])
    tell("read", 1, steps)
    same: float | None = None
    if settings.assembling:
        backwards, _ = session.read(question, prompts["spatial reversed"], reverse=True)
        same = consistency(spatial, unreverse(backwards))
        spatial = assemble(spatial, unreverse(backwards))
        tell("read", 2, steps)
    temporal, temporal_token = session.read(question, prompts["temporal"])
    presence = session.presence(question)
    tell("read", steps - 1, steps)

    layout, support = session.context.layout, settings.support
    spatial_map, temporal_map = (item.float().cpu().numpy() for item in (spatial, temporal))
    by_track = frame_scores(spatial_map, tracks, frame_indices, layout, support)
    by_frame = frame_scores(temporal_map, tracks, frame_indices, layout, support)
    tell("read", steps, steps)
    return Evidence(
        frame_indices=frame_indices,
        step_of_frame=layout.step_of_frame,
        spatial_map=spatial_map,
        temporal_map=temporal_map,
        track_ids=tuple(track.track_id for track in tracks),
        track_scores=by_track.max(axis=1),
        frame_scores=by_frame,
        spatial_token=spatial_token,
        temporal_token=temporal_token,
        presence=presence,
        consistency=same,
        losses=losses,
    )
