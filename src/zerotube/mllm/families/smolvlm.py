"""SmolVLM2: every frame an image of its own, its time written before it."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers.models.smolvlm.processing_smolvlm import DEFAULT_MEDIA_OUTTRO

from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.frames import clip_metadata, frame_by_frame, square_side
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class SmolVLM(Family):
    """``SmolVLMForConditionalGeneration``.

    In the place of ``<video>`` (which is not a token) the processor writes how many frames of how
    long a video follow, then per frame its time and an image block. Videos are never split into
    tiles: a frame is resized to a square, stretched, not padded. Pixel shuffle makes one feature of
    ``scale_factor`` patches squared; they stay in reading order.
    """

    architectures = ("SmolVLMForConditionalGeneration",)
    time_notation = "clock"
    steps_in_text = True
    encoder_key: ClassVar = "image"
    # The processor writes the number of frames in words.
    packages: ClassVar = {"num2words": "smolvlm"}

    def visual_token_id(self, config: Any) -> int:
        token_id: int = config.image_token_id
        return token_id

    def expansion_end(self, processor: Any) -> tuple[str, str]:
        # The last image block is closed by this token; the blank line behind it is plain text
        # and can grow together with the question's first characters.
        return processor.fake_image_token, DEFAULT_MEDIA_OUTTRO

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        return {"video_metadata": [clip_metadata(clip)]}

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_image_features(
            inputs["pixel_values"].to(model.device, model.dtype),
            inputs["pixel_attention_mask"].to(model.device),
            return_dict=True,
        )

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        _, steps, _, height, width = encoded.inputs["pixel_values"].shape
        patch = model.config.vision_config.patch_size
        patches = square_side(height // patch, width // patch)
        side = patches // model.config.scale_factor
        # 384 pixels hold 27 patches of 14: the encoder never sees the last 6 rows and columns.
        seen = patches * patch
        view = (0.0, 0.0, seen / width, seen / height)
        return frame_by_frame(encoded.clip, (steps, side, side), encoded.feature_count, view)
