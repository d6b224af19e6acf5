"""One encoded clip, and everything about it that does not depend on the query."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import UsageError
from zerotube.method.config import MethodSettings
from zerotube.method.heads import heads_read
from zerotube.method.kept import Kept, Phrase, Recent, Tuning, finite
from zerotube.method.relevance import contrasted
from zerotube.method.tokens import choose_token
from zerotube.method.tuning import Slope, margin_gradient, slope, tune
from zerotube.method.types import NamedTimes, TokenChoice
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import Heads, layer_range, layers_from_end
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import EncodeOptions, Prefix, VisualContext, as_index
from zerotube.mllm.window_maps import MapsRead, window_maps
from zerotube.mllm.windows import part_logits, picked, window_logits
from zerotube.query.prompts import caption_prompt, excluding_prompt, existence_prompt
from zerotube.video.types import Clip

FrameReader = Callable[[NDArray[np.int64]], Clip]
"""Reads original frames of the video that is grounded; increasing numbers."""


def encode_options(model: VideoMLLM, settings: MethodSettings) -> EncodeOptions:
    """How these settings show a clip to a model."""
    released = settings.wording == "release"
    return EncodeOptions(
        frame_fit=settings.frame_fit,
        max_visual_tokens=settings.max_visual_tokens,
        grid_side=settings.grid_side,
        system_prompt=model.family.released_system_prompt if released else "",
    )


class ClipSession:
    """A clip under the method.

    Everything that was computed for one query or setting is kept where another can use it:
    queries on one video name the same few objects, and the rows of an ablation share prompts and
    maps. What is kept of each kind is bounded to the newest few.

    Args:
        model: the MLLM.
        context: the encoded clip.
        settings: settings of the method; see ``under`` for others.

    Raises:
        UsageError: settings that show the clip otherwise than it was encoded, or that ask for heads
            which nobody has chosen.
        ModelError: heads that were chosen for another model.
    """

    def __init__(self, model: VideoMLLM, context: VisualContext, settings: MethodSettings) -> None:
        self.model = model
        self.context = context
        self._kept = Kept(model, context)
        self._use(settings)

    def _use(self, settings: MethodSettings) -> None:
        options = encode_options(self.model, settings)
        if options != self.context.options:
            raise UsageError(
                f"settings that ask for {options}",
                wanted=f"those the clip was encoded with, {self.context.options}",
                fix="encode the clip anew: model.encode(clip, encode_options(model, settings))",
            )
        self.settings = settings
        heads = heads_read(self.model, settings)
        self.reading = MapsRead(layers_read(settings, self.model.layer_count, heads), heads)

    def under(self, settings: MethodSettings) -> ClipSession:
        """The same clip under other settings; what both need is computed once."""
        other = copy(self)
        other._use(settings)
        return other

    @property
    def named(self) -> Recent[Hashable, NamedTimes]:
        """Times that were named in words, for whoever asks to keep and to find."""
        return self._kept.named

    @property
    def layers(self) -> range:
        """The layers that maps are read of."""
        return self.reading.layers

    @property
    def answers(self) -> AnswerIds:
        """The yes / no spelling this model prefers on this clip."""
        return self._kept.answers

    def plain(self, *, reverse: bool) -> Prefix:
        """The prefix without a prompt; its autograd graph is kept where prompts are tuned."""
        return self._kept.plain(self.settings.needs_gradients, reverse)[1]

    def losses(self, phrase: str, *, reverse: bool = False) -> tuple[float, ...]:
        """Tune the prompt of a phrase if that was not done yet, and return its losses."""
        return self._prompt((phrase, reverse))[1]

    def read(
        self,
        question: str,
        phrase: str | None,
        *,
        reverse: bool = False,
        like: TokenChoice | None = None,
        without: str | None = None,
    ) -> tuple[Tensor, TokenChoice]:
        """Attention of the grounding token under a question.

        Args: see ``role_maps``; ``like`` is a choice of the token to be made here as well.

        Returns:
            ``(T, h, w)`` in the order the frames were fed, and which token it is.

        Raises:
            NumericalError: if the attention is not finite.
        """
        maps, texts = self.role_maps(question, phrase, reverse=reverse, without=without)
        turn = len(texts) - self.model.tokens.turn_count
        return choose_token(maps, texts, self.settings.token_rule, turn=turn, like=like)

    @torch.no_grad()
    def role_maps(
        self,
        question: str,
        phrase: str | None,
        *,
        reverse: bool = False,
        without: str | None = None,
    ) -> tuple[Tensor, tuple[str, ...]]:
        """Attention of every candidate token under a question, in the contrast of the settings.

        Args:
            question: the full query as asked.
            phrase: the sub-query whose visual prompt is added; None adds none.
            reverse: feed the frames in reverse order.
            without: phrase of the described object, which the contrast ``excluding`` leaves out.

        Returns:
            ``(n_role, T, h, w)`` in the order the frames were fed, and the tokens' texts.

        Raises:
            NumericalError: if the attention is not finite.
            ValueError: the contrast ``excluding``, and no phrase to leave out.
        """
        key = (question, None if phrase is None else self._key(phrase, reverse), reverse)
        reads = self._kept.reads
        if (key, self.reading) not in reads:
            prefix = (
                self.plain(reverse=reverse).detached()
                if phrase is None
                else self._prefix((phrase, reverse))
            )
            reads.put((key, self.reading), self._ask(prefix, question))
        maps, texts = reads[key, self.reading]
        other = self.other_prompt(without)
        generic = None if other is None else self._generic_maps(other, reverse)
        return self.against(maps, generic, texts)

    def other_prompt(self, without: str | None) -> str | None:
        """The prompt whose attention the question's is set against; None for none.

        Args:
            without: as of ``role_maps``.

        Raises:
            ValueError: as of ``role_maps``.
        """
        contrast = self.settings.contrast
        if contrast == "none":
            return None
        if contrast != "excluding":
            return caption_prompt(self.settings.wording)
        if without is None:
            raise ValueError("the contrast excluding without a phrase to leave out")
        return excluding_prompt(without)

    def against(
        self, maps: Tensor, generic: Tensor | None, texts: tuple[str, ...]
    ) -> tuple[Tensor, tuple[str, ...]]:
        """Maps in contrast to those under the other prompt, with the texts of their tokens."""
        if generic is None:
            return maps, texts
        # The released code's content-free prompt ends without punctuation: there the question
        # mark has nothing to be divided by, and is not a candidate.
        own = max(len(maps) - len(generic), 0)
        return contrasted(maps[own:], generic, self.settings.contrast), texts[own:]

    def window_maps(self, clip: Clip, windows: Sequence[range], question: str) -> list[Tensor]:
        """Attention of every candidate token to windows of the clip, each shown alone.

        Args:
            clip: the frames that were encoded.
            windows: runs of time steps.
            question: what is asked.

        Returns:
            Per window ``(n_role, t, h, w)``, in no contrast; see `zerotube.mllm.window_maps`.

        Raises:
            NumericalError: if the attention is not finite.
        """
        key = (tuple(windows), question, self.reading)
        if key not in self._kept.windows:
            found = window_maps(self.model, self.context, clip, windows, [question], self.reading)
            self._kept.windows.put(key, [finite(maps) for maps in found[0]])
        return self._kept.windows[key]

    def gradient_map(self, phrase: str) -> Tensor:
        """How much each cell matters to whether a phrase is affirmed: a map without tuning.

        The length of the gradient of log p_yes - log p_no of "Is there {phrase} in this video?"
        with respect to each visual token: the first step of the paper's tuning, before it is taken
        (docs/method.md).

        Args:
            phrase: a sub-query.

        Returns:
            float32 ``(T, h, w)``.

        Raises:
            NumericalError: if the gradient is not finite.
        """
        if phrase not in self._kept.gradients:
            leaf, prefix = self._kept.plain(True, False)
            if leaf is None:
                raise ValueError("a prefix without a leaf was given where gradients are read")
            question = existence_prompt(phrase)
            found = margin_gradient(self.model, question, (leaf, prefix), self.answers)
            lengths = found.float().norm(dim=-1)
            cells = as_index(self.context.layout.cells, lengths.device)
            self._kept.gradients.put(phrase, lengths[cells])
        return self._kept.gradients[phrase]

    @torch.no_grad()
    def window_margins(
        self, clip: Clip, windows: Sequence[range], question: str
    ) -> NDArray[np.float64]:
        """Logit of yes less that of no for windows of the clip, each shown alone.

        Args:
            clip: the frames that were encoded.
            windows: runs of time steps.
            question: what is asked.

        Returns:
            float64, one per window.

        Raises:
            NumericalError: a logit is not finite.
        """
        ids = [self.answers.yes, self.answers.no]
        key = (tuple(windows), question)
        if key not in self._kept.margins:
            logits = finite(
                window_logits(self.model, self.context, clip, windows, [question], token_ids=ids)
            )[:, 0].double()
            self._kept.margins.put(key, (logits[:, 0] - logits[:, 1]).cpu().numpy())
        return self._kept.margins[key]

    @torch.no_grad()
    def margins_of(
        self, windows: Sequence[NDArray[np.int64]], question: str, read: FrameReader
    ) -> NDArray[np.float64]:
        """The same for windows of other frames of the video, each a clip of its own.

        Args:
            windows: original frames of each, increasing, as many each.
            question: what is asked.
            read: reads frames; asked once, for those of all windows that are not known yet.

        Returns:
            float64, one per window.

        Raises:
            NumericalError: a logit is not finite.
            VideoError: a frame cannot be read.
        """
        keys = [(tuple(map(int, frames)), question) for frames in windows]
        found = {key: self._kept.far_margins.get(key) for key in keys}
        missing = [place for place, key in enumerate(keys) if found[key] is None]
        if missing:
            clip = read(np.unique(np.concatenate([windows[place] for place in missing])))
            parts = [picked(clip, np.isin(clip.frame_indices, windows[place])) for place in missing]
            ids = [self.answers.yes, self.answers.no]
            logits = finite(
                part_logits(self.model, self.context, parts, question, token_ids=ids)
            ).double()
            for place, margin in zip(missing, (logits[:, 0] - logits[:, 1]).tolist(), strict=True):
                found[keys[place]] = margin
                self._kept.far_margins.put(keys[place], margin)
        return np.array([found[key] for key in keys], dtype=np.float64)

    @torch.no_grad()
    def presence(self, question: str) -> float:
        """p_yes / (p_yes + p_no) on the plain video."""
        known = self._kept.presences
        if question not in known:
            prefix = self.plain(reverse=False).detached()
            logits = finite(self.model.ask(prefix, [question])[0].logits)
            pair = logits[[self.answers.yes, self.answers.no]].double()
            known.put(question, float(pair.softmax(dim=0)[0]))
        return known[question]

    def _key(self, phrase: str, reverse: bool) -> tuple[Phrase, Tuning]:
        chosen = self.settings
        tuning = chosen.objective, chosen.step, chosen.lr, chosen.iterations, chosen.ema
        return (phrase, reverse), (*tuning, chosen.wording)

    def _prompt(self, asked: Phrase) -> tuple[Tensor, tuple[float, ...]]:
        """Visual prompt tuned on "Is there {phrase} in this video?", and its losses."""
        phrase, reverse = asked
        key = self._key(phrase, reverse)
        if key not in self._kept.tuned:
            started, first = self._slope(asked)
            question = existence_prompt(phrase)
            tuned = tune(self.model, question, started, self.settings, self.answers, first=first)
            self._kept.tuned.put(key, tuned)
        return self._kept.tuned[key]

    def _slope(self, asked: Phrase) -> tuple[tuple[Tensor, Prefix], Slope]:
        """Where every prompt of a phrase starts, and the slope of the objective there."""
        phrase, reverse = asked
        leaf, prefix = self._kept.plain(True, reverse)
        if leaf is None:
            raise ValueError("a prefix without a leaf was given where prompts are tuned")
        key = (asked, self.settings.objective, self.settings.wording)
        if key not in self._kept.slopes:
            question = existence_prompt(phrase)
            found = slope(
                self.model, question, (leaf, prefix), self.settings, self.answers, keep_graph=True
            )
            self._kept.slopes.put(key, found)
        return (leaf, prefix), self._kept.slopes[key]

    def _prefix(self, asked: Phrase) -> Prefix:
        """Prefix with the tuned prompt, as deep as the maps are read."""
        phrase, reverse = asked
        depth = self.layers.stop
        key = (self._key(phrase, reverse), depth)
        if key not in self._kept.prefixes:
            prompt, _ = self._prompt(asked)
            self._kept.prefixes.put(
                key, self.model.prefill(self.context, prompt, reverse=reverse, layers=depth)
            )
        return self._kept.prefixes[key]

    def _generic_maps(self, prompt: str, reverse: bool) -> Tensor:
        key = (prompt, reverse, self.reading)
        if key not in self._kept.generic:
            prefix = self.plain(reverse=reverse).detached()
            self._kept.generic.put(key, self._ask(prefix, prompt)[0])
        return self._kept.generic[key]

    def _ask(self, prefix: Prefix, question: str) -> tuple[Tensor, tuple[str, ...]]:
        """Maps of the candidates, and their texts."""
        layers, heads = self.reading.layers, self.reading.heads
        answer = self.model.ask(prefix, [question], layers=layers, heads=heads, logits=False)[0]
        return finite(answer.maps), answer.role_texts


def layers_read(settings: MethodSettings, layer_count: int, heads: Heads = "all") -> range:
    """The layers whose attention is averaged (method section 3); all that hold a chosen head."""
    if not isinstance(heads, str):
        return range(min(heads)[0], max(heads)[0] + 1)
    if settings.layers == "from-end" and (found := layers_from_end(layer_count)):
        return found
    return layer_range(layer_count, settings.layer_start, settings.layer_end)
