"""What differs between model families, as a handful of small questions.

A family states only its difference; prefill, questions, capture and tuning are written once in
``zerotube.mllm.base``. Subclasses are registered in ``zerotube.mllm.registry``, which also lists
their published checkpoints.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from zerotube.checkpoints.strict import TRUSTED
from zerotube.geometry.spans import TimeNotation
from zerotube.mllm.families.resolution import ClipSize
from zerotube.mllm.registry import FAMILIES
from zerotube.mllm.types import PLAIN, EncodeOptions, TokenLayout
from zerotube.video.types import Clip


@dataclass(frozen=True, eq=False)
class Encoded:
    """A clip that went through processor and encoder.

    Attributes:
        processor: the checkpoint's.
        inputs: what it made of the clip.
        clip: the sampled frames as the processor got them.
        options: how they are shown.
        feature_count: rows that the encoder gave.
    """

    processor: Any
    inputs: dict[str, Any]
    clip: Clip
    options: EncodeOptions
    feature_count: int


class Family(ABC):
    """Adapter of one Hugging Face architecture."""

    architectures: ClassVar[tuple[str, ...]]
    """Names in ``config.architectures`` that this family serves."""

    frame_limit: ClassVar[int | None] = None
    """Most frames a clip may have; None = as many as memory allows."""

    encoder_key: ClassVar[Literal["video", "image"]] = "video"
    """Entry of ``mm_encoder_outputs`` that the model's forward reads the features from."""

    separate_steps: ClassVar[bool] = False
    """Whether the vision encoder gives every time step the features that it would have alone, so
    that a window's can be cut out of the clip's."""

    time_notation: ClassVar[TimeNotation] = "frames"
    """How its models name a time: as their prompts write it beside the frames, or as they learned
    to; by the numbers of the frames where they are told nothing of time."""

    steps_in_text: ClassVar[bool] = False
    """The same where the prompt has text between the steps, which may tell their time or number: a
    window's prompt is written anew, and only the features are taken over."""

    released_system_prompt: ClassVar[str] = ""
    """System prompt that the paper's released code puts before the video of this family's models;
    "" = what the chat template does by itself (method section 11)."""

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

        processor = AutoProcessor.from_pretrained(source, **TRUSTED)
        if processor.chat_template is None:
            # transformers 5 does not look for it where many published checkpoints keep it.
            processor.chat_template = processor.tokenizer.chat_template
        return processor

    @property
    def modality(self) -> Literal["video", "image"]:
        """What the chat message holds."""
        return FAMILIES[self.architectures[0]].modality

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

    def frame_processor(self, processor: Any) -> Any:
        """The part of the processor that makes the model's input of frames."""
        return processor.video_processor

    def crops(self, processor: Any) -> bool:
        """Whether the processor itself cuts the middle out of a frame if it is left alone."""
        return False

    def clip_size(self, processor: Any, clip: Clip, options: EncodeOptions) -> ClipSize | None:
        """Size setting and number of visual tokens; None where the grid is fixed.

        Raises:
            UsageError: fewer visual tokens are allowed than the clip has time steps.
        """
        return None

    def shown_size(self, processor: Any, inputs: dict[str, Any]) -> tuple[int, int] | None:
        """(width, height) of the picture that the vision encoder sees of each frame, in pixels.

        None where it sees a frame as several pictures, or several frames as one.
        """
        name = "pixel_values_videos" if "pixel_values_videos" in inputs else "pixel_values"
        pixels: Tensor = inputs[name]
        height, width = pixels.shape[-2:]
        return width, height

    def with_grid_side(self, model: Any, side: int) -> Self | None:
        """This family with the features of each frame pooled to side x side cells.

        Returns:
            None where the family keeps its own grid.

        Raises:
            UsageError: the model's own features are fewer.
        """
        return None

    def placeholder_count(self, frames: int) -> int | None:
        """Visual placeholders of so many frames; None = as many as the processor writes."""
        return None

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        """Further arguments of the processor's call: sizes, timestamps, switches."""
        return {}

    def process(
        self, processor: Any, text: str, clip: Clip, options: EncodeOptions = PLAIN
    ) -> dict[str, Any]:
        """Run the model's own processor on the sampled frames and a rendered prompt.

        Args:
            processor: the checkpoint's.
            text: the prompt, with one placeholder.
            clip: the frames, padded or cropped already unless the processor itself crops.
            options: how they are shown.
        """
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)
        inputs: dict[str, Any] = dict(
            processor(
                text=[text],
                videos=[frames],
                return_tensors="pt",
                do_sample_frames=False,
                **self.processor_options(processor, clip, options),
            )
        )
        return inputs

    @abstractmethod
    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        """Vision encoder output as the model's forward takes it in ``mm_encoder_outputs``."""

    @abstractmethod
    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        """Which visual feature is which cell, and what part of the frame the cells cover."""

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

    def place_rows(self, output: Any, features: Tensor, rows: Tensor) -> Any:
        """The encoder output with chosen rows, of one clip or of several behind each other.

        Args:
            output: what ``encode`` returned.
            features: ``(n, d)``, the features of these rows.
            rows: int64 ``(n,)``, for any further per-token features of the output.
        """
        placed = copy.copy(output)
        before = output.pooler_output
        listed = isinstance(before, (list, tuple))
        axes = (before[0] if listed else before).ndim  # those before the last two have size 1
        shaped = features.reshape(*[1] * (axes - 2), *features.shape)
        placed.pooler_output = [shaped] if listed else shaped
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
