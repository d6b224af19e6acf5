"""What passes between a multimodal LLM and the method: token layout, context, prefix, answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from zerotube.errors import ModelError, UsageError
from zerotube.video.shown import FramesShown

FrameFit = Literal["squeeze", "crop", "pad"]


@dataclass(frozen=True)
class EncodeOptions:
    """How a clip is shown to the model.

    Attributes:
        frame_fit: how a frame comes to the shape that the model takes. squeeze: the whole frame,
            each side scaled by itself (models that keep a frame's shape keep it); crop: the middle
            square, as the processors of CLIP towers cut it out; pad: the whole frame inside a
            square of the processor's mean colour.
        max_visual_tokens: most visual tokens of the clip in the language model; 0 = what the
            model's makers allow.
        grid_side: N pools the features of each frame to N x N cells, where the family can; 0 =
            the model's own grid.
        system_prompt: text of a system message before the video; "" = what the chat template does
            by itself.

    Raises:
        UsageError: a value outside its range.
    """

    frame_fit: FrameFit = "squeeze"
    max_visual_tokens: int = 0
    grid_side: int = 0
    system_prompt: str = ""

    def __post_init__(self) -> None:
        if self.frame_fit not in ("squeeze", "crop", "pad"):
            raise UsageError(
                f"frame_fit={self.frame_fit!r}",
                wanted="squeeze, crop or pad",
                fix="pass one of these",
            )
        for name in ("max_visual_tokens", "grid_side"):
            value = getattr(self, name)
            if value < 0:
                raise UsageError(
                    f"{name}={value}", wanted="0 or more", fix="pass 0 for the model's own"
                )


PLAIN = EncodeOptions()
"""The default: whole frames, the makers' limits, the model's own grid and prompt."""


@dataclass(frozen=True, eq=False)
class TokenLayout:
    """Which visual feature is which cell of which frame.

    Attributes:
        cells: int64 ``(T, h, w)``, row of cell (t, y, x) in the model's sequence of visual
            features. Newline, timestamp and boundary rows appear in no cell.
        feature_count: rows of that sequence, M >= T * h * w.
        step_of_frame: int64 ``(N,)``, time step that shows each sampled frame; models that merge
            neighbouring frames have T < N.
        view_xyxy: the part of the frame that the grid covers, as fractions of width and height
            ((0, 0, 1, 1) unless the processor crops or pads; a padded grid reaches past 0 and 1).
        beside: int64 ``(T, n)``, rows that belong to a time step but to no cell, such as a class
            token per frame: they go with their frame where frames change places. None = there are
            none.

    Raises:
        ModelError: if the cells are not T * h * w distinct rows: every number read through such a
            layout would be plausible and wrong.
    """

    cells: NDArray[np.int64]
    feature_count: int
    step_of_frame: NDArray[np.int64]
    view_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    beside: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        flat = self.cells.reshape(-1)
        if self.cells.ndim != 3 or flat.size == 0:
            raise self._error(f"cells of shape {self.cells.shape}", "(steps, height, width)")
        if len(np.unique(flat)) != flat.size or flat.min() < 0 or flat.max() >= self.feature_count:
            raise self._error(
                f"{flat.size} cells on rows {flat.min()}..{flat.max()}",
                f"distinct rows below {self.feature_count}",
            )
        steps = self.cells.shape[0]
        if self.beside is not None:
            if self.beside.ndim != 2 or len(self.beside) != steps:
                raise self._error(f"rows beside of shape {self.beside.shape}", f"({steps}, n)")
            rows = np.concatenate([flat, self.beside.reshape(-1)])
            distinct = len(np.unique(rows)) == rows.size
            if not distinct or rows.min() < 0 or rows.max() >= self.feature_count:
                raise self._error(
                    "rows beside that are cells as well, or outside",
                    f"other distinct rows below {self.feature_count}",
                )
        if self.step_of_frame.min() < 0 or self.step_of_frame.max() != steps - 1:
            raise self._error(
                f"frames on steps up to {self.step_of_frame.max()}", f"steps 0..{steps - 1}"
            )

    @staticmethod
    def _error(got: str, wanted: str) -> ModelError:
        return ModelError(
            f"a token layout with {got}",
            wanted=wanted,
            fix="this model family is not laid out as its adapter says; please report it",
        )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Time steps, rows and columns: (T, h, w)."""
        steps, height, width = self.cells.shape
        return steps, height, width

    @property
    def frames_per_step(self) -> int:
        """Sampled frames that share a time step; the last step may show fewer."""
        return -(-len(self.step_of_frame) // len(self.cells))

    def reversed_order(self) -> NDArray[np.int64]:
        """Row order that reverses the frames and keeps the tokens inside a frame (section 7).

        Returns:
            int64 ``(M,)``; ``features[order]`` is the reversed sequence. Rows that belong to no
            time step stay where they are. Applying it twice is the identity.
        """
        order = np.arange(self.feature_count, dtype=np.int64)
        order[self.cells] = self.cells[::-1]
        if self.beside is not None:
            order[self.beside] = self.beside[::-1]
        return order


@dataclass(frozen=True, eq=False)
class VisualContext:
    """A clip, encoded once: everything before the question.

    Attributes:
        head_ids: int64 ``(1, n_head)``, prompt tokens up to the last visual placeholder.
        visual_positions: int64 ``(M,)``, where the visual features sit in ``head_ids``.
        features: ``(M, d)`` visual features in the language model's embedding space.
        output: the vision encoder's own output object, handed back to the model's forward.
        forward_inputs: further inputs of the model's forward for the head (grid sizes, say).
        layout: which row of ``features`` is which cell.
        shown: what became of the frames on their way into the model.
        positions: None (plain counting), or int64 ``(axes, 1, n_head + 1)`` rotary positions of the
            head and of the first token after it.
        options: what was asked of the encoding.
    """

    head_ids: Tensor
    visual_positions: Tensor
    features: Tensor
    output: Any
    forward_inputs: dict[str, Any]
    layout: TokenLayout
    shown: FramesShown
    positions: Tensor | None = None
    options: EncodeOptions = PLAIN

    def positions_after(self, start: int, count: int) -> Tensor:
        """Rotary positions ``(axes, 1, count)``, or ``(1, count)`` where they are plain counting.

        Args:
            start: tokens before these; the head is the first of them.
            count: tokens.
        """
        steps = torch.arange(count, device=self.head_ids.device)
        if self.positions is None:
            return start + steps[None]
        return self.positions[..., -1:] + (start - self.head_ids.shape[1]) + steps


@dataclass(frozen=True, eq=False)
class Prefix:
    """A context that went through the language model: keys and values, ready for questions.

    Attributes:
        context: where it came from.
        keys, values: per layer ``(1, kv_heads, n_head, head_dim)``; they carry the autograd graph
            to the visual prompt if there was one that requires a gradient.
        reverse: whether the frames were reversed.
    """

    context: VisualContext
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    reverse: bool

    @property
    def length(self) -> int:
        """Tokens in the prefix."""
        return int(self.context.head_ids.shape[1])

    def cache(self) -> DynamicCache:
        """A cache of its own that holds them; what is added to it leaves the prefix as it is."""
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(zip(self.keys, self.values, strict=True)):
            cache.update(keys, values, layer)
        return cache

    def detached(self) -> Prefix:
        """The same keys and values without the autograd graph."""
        return Prefix(
            self.context,
            tuple(key.detach() for key in self.keys),
            tuple(value.detach() for value in self.values),
            self.reverse,
        )


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model did with one question.

    Attributes:
        maps: None, or float32 ``(n_role, T, h, w)``: attention of each candidate token to each
            cell, mean over heads and the chosen layers. In the prefix's own frame order (reversed
            frames give reversed maps).
        role_texts: the candidates' texts, in prompt order; empty without maps.
        logits: None, or float32 ``(vocabulary,)`` at the last prompt position.
    """

    maps: Tensor | None
    role_texts: tuple[str, ...]
    logits: Tensor | None


def as_index(array: NDArray[np.int64], device: torch.device) -> Tensor:
    """An index array as a tensor on the model's device."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)
