"""What was computed on one clip and is kept for other queries and settings."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import NumericalError
from zerotube.method.tuning import Slope, start
from zerotube.method.types import NamedTimes
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import Prefix, VisualContext
from zerotube.mllm.window_maps import MapsRead
from zerotube.query.prompts import existence_prompt

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

Phrase = tuple[str, bool]
"""A sub-query's phrase, and whether the frames are reversed."""

Tuning = tuple[str, str, float, int, float, str]
"""Settings that decide a visual prompt: objective, step, lr, iterations, ema, wording."""


class Kept:
    """What the sessions of one clip share."""

    def __init__(self, model: VideoMLLM, context: VisualContext) -> None:
        self._model = model
        self._context = context
        self._plain: dict[bool, tuple[Tensor | None, Prefix]] = {}
        self.tuned: Recent[tuple[Phrase, Tuning], tuple[Tensor, tuple[float, ...]]] = Recent(32)
        self.slopes: Recent[tuple[Phrase, str, str], Slope] = Recent(8)
        self.prefixes: Recent[tuple[tuple[Phrase, Tuning], int], Prefix] = Recent(8)
        self.reads: Recent[
            tuple[tuple[str, tuple[Phrase, Tuning] | None, bool], MapsRead],
            tuple[Tensor, tuple[str, ...]],
        ] = Recent(16)
        self.generic: Recent[tuple[str, bool, MapsRead], Tensor] = Recent(8)
        self.windows: Recent[tuple[tuple[range, ...], str, MapsRead], list[Tensor]] = Recent(8)
        self.presences: Recent[str, float] = Recent(32)
        self.named: Recent[Hashable, NamedTimes] = Recent(32)
        self.gradients: Recent[str, Tensor] = Recent(32)
        self.far_margins: Recent[tuple[tuple[int, ...], str], float] = Recent(256)
        self.margins: Recent[tuple[tuple[range, ...], str], NDArray[np.float64]] = Recent(32)

    def plain(self, tunes: bool, reverse: bool) -> tuple[Tensor | None, Prefix]:
        """The prefix without a prompt, and the zero prompt that takes gradients if one is tuned."""
        known = self._plain.get(reverse)
        # A prefix that was made without its graph is made again once a prompt is tuned.
        if known is None or (tunes and known[0] is None):
            if tunes:
                known = start(self._model, self._context, reverse=reverse)
            else:
                with torch.no_grad():
                    known = None, self._model.prefill(self._context, reverse=reverse)
            self._plain[reverse] = known
        return known

    @cached_property
    def answers(self) -> AnswerIds:
        """The yes / no spelling this model prefers on this clip."""
        return self._model.preferred_answer(
            self.plain(False, False)[1].detached(), existence_prompt("an object")
        )


class Recent(dict[_Key, _Value]):
    """A dictionary that keeps the newest ``size`` entries."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def put(self, key: _Key, value: _Value) -> None:
        """Store an entry and drop the oldest ones over the size."""
        self[key] = value
        while len(self) > self._size:
            del self[next(iter(self))]


def finite(values: Tensor | None) -> Tensor:
    """What the model returned.

    Raises:
        NumericalError: a number that is not finite.
    """
    if values is None or not torch.isfinite(values).all():
        raise NumericalError(
            "attention or logits that are not finite",
            wanted="finite numbers from the model",
            fix="load it with --dtype float32, or lower --lr",
        )
    return values
