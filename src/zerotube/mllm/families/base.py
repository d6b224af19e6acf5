"""What differs between model families, as a handful of small questions.

A family states only its difference; prefill, questions, capture and tuning are written once in
``zerotube.mllm.base``. Subclasses are registered in ``zerotube.mllm.registry``.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


@dataclass(frozen=True)
class Checkpoint:
    """One published checkpoint.

    Attributes:
        name: Hugging Face id.
        billions: parameters in all, in units of 10^9.
        gated: whether its licence has to be accepted on the hub first.
        note: what to do before it loads, if anything.
    """

    name: str
    billions: float
    gated: bool = False
    note: str = ""


class Family(ABC):
    """Adapter of one Hugging Face architecture."""

    architectures: ClassVar[tuple[str, ...]]
    """Names in ``config.architectures`` that this family serves."""

    checkpoints: ClassVar[tuple[Checkpoint, ...]]
    """Published checkpoints to try, smallest first."""

    modality: ClassVar[Literal["video", "image"]] = "video"
    """What the chat message holds; image families see one frame."""

    frame_limit: ClassVar[int | None] = None
    """Most frames a clip may have; None = as many as memory allows."""

    encoder_key: ClassVar[Literal["video", "image"]] = "video"
    """Entry of ``mm_encoder_outputs`` that the model's forward reads the features from."""

    packages: ClassVar[dict[str, str]] = {}
    """Packages that its processor needs beyond the core ones -> the extra that brings them."""

    def load_processor(self, source: str, config: Any) -> Any:
        """The checkpoint's processor. Override where the published files do not lead to it.

        Args:
            source: folder or id.
            config: the checkpoint's configuration.

        Returns:
            A processor of transformers, with ``chat_template`` None where the checkpoint has none.

        Raises:
            OSError, ValueError: what transformers raises on files that are missing or wrong.
        """
        from transformers import AutoProcessor

        processor = AutoProcessor.from_pretrained(source)
        if processor.chat_template is None:
            # transformers 5 does not look for it where many published checkpoints keep it.
            processor.chat_template = processor.tokenizer.chat_template
        return processor

    def visual_token(self, processor: Any) -> str:
        """Text of the placeholder in the rendered chat prompt, which the processor expands."""
        token: str = processor.video_token
        return token

    def expansion_end(self, processor: Any) -> tuple[str, str]:
        """What the expanded placeholder ends with: its last special token, and text behind that.

        The question's tokens are those after this special token. Override where the processor
        replaces the placeholder by something that ends otherwise, such as ``</img>``.
        """
        return self.visual_token(processor), ""

    def visual_token_id(self, config: Any) -> int:
        """Id of the expanded placeholder, one per visual feature."""
        token_id: int = config.video_token_id
        return token_id

    def text_config(self, model: Any) -> Any:
        """Configuration object that the language model's attention modules share."""
        return model.config.get_text_config()

    def processor_options(self, clip: Clip) -> dict[str, Any]:
        """Further arguments of the processor's call: timestamps, switches."""
        return {}

    def process(self, processor: Any, text: str, clip: Clip) -> dict[str, Any]:
        """Run the model's own processor on the sampled frames and a rendered prompt."""
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)
        inputs: dict[str, Any] = dict(
            processor(
                text=[text],
                videos=[frames],
                return_tensors="pt",
                do_sample_frames=False,
                **self.processor_options(clip),
            )
        )
        return inputs

    @abstractmethod
    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        """Vision encoder output as the model's forward takes it in ``mm_encoder_outputs``."""

    @abstractmethod
    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        """Which visual feature is which cell."""

    def view(
        self, model: Any, processor: Any, inputs: dict[str, Any], clip: Clip
    ) -> tuple[float, float, float, float] | None:
        """Part of the frame that the grid covers, where the processor's settings decide it.

        Returns:
            Left, top, right, bottom as fractions of the frame; None = as ``layout`` says.
        """
        return None

    def features(self, output: Any) -> Tensor:
        """Visual features ``(M, d)`` of an encoder output, which may list them per video."""
        pooled: Any = output.pooler_output
        joined: Tensor = torch.cat(tuple(pooled)) if isinstance(pooled, (list, tuple)) else pooled
        return joined.flatten(0, -2)

    def place(self, output: Any, features: Tensor, order: Tensor | None) -> Any:
        """The encoder output with other features.

        Args:
            output: what ``encode`` returned.
            features: ``(M, d)``, already in the wanted order.
            order: row order for any further per-token features of the output; None keeps them.
        """
        placed = copy.copy(output)
        before = output.pooler_output
        # One clip is one video, so a list holds one entry (SmolVLM, VideoLLaMA3).
        listed = isinstance(before, (list, tuple))
        placed.pooler_output = [features] if listed else features.reshape(before.shape)
        return placed

    def forward_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Further inputs of the model's forward for the head (grid sizes and the like)."""
        return {}

    def positions(self, model: Any, inputs: dict[str, Any]) -> Tensor | None:
        """Rotary positions ``(axes, 1, length)`` of the whole prompt; None = plain counting.

        Prefix and questions take theirs from here and not from what a model remembers of the last
        clip it saw. Tokens after the video must count up by one.
        """
        return None

    def full_attention_layers(self, text_config: Any) -> tuple[int, ...]:
        """Layers whose attention reaches every visual token; only these are averaged.

        A sliding window hides the early frames from the role tokens, so that its rows say where
        the window ends and not where the object is; a linear layer has no rows at all.
        """
        kinds = getattr(text_config, "layer_types", None)
        if kinds is None:
            return tuple(range(text_config.num_hidden_layers))
        return tuple(layer for layer, kind in enumerate(kinds) if kind == "full_attention")
