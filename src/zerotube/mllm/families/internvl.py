"""InternVL3: every frame an image of its own, "Frame1: " and the like in between."""

from __future__ import annotations

from typing import Any, ClassVar

from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.frames import frame_by_frame, square_side
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class InternVL(Family):
    """``InternVLForConditionalGeneration`` (the Hugging Face format, ids ending in ``-hf``).

    The processor writes ``Frame1: <img><IMG_CONTEXT>...</img>`` per frame in the place of
    ``<video>`` and hands the frames on as images, one tile each, resized to a square. Pixel
    shuffle makes one feature of ``1 / downsample_ratio`` patches squared; they stay in reading
    order.
    """

    architectures = ("InternVLForConditionalGeneration",)
    steps_in_text = True
    encoder_key: ClassVar = "image"

    def visual_token_id(self, config: Any) -> int:
        token_id: int = config.image_token_id
        return token_id

    def expansion_end(self, processor: Any) -> tuple[str, str]:
        return processor.end_image_token, ""

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        # The layout covers the whole frame; published checkpoints do not crop either.
        return {"do_center_crop": False}

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_image_features(
            inputs["pixel_values"].to(model.device, model.dtype), return_dict=True
        )

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        steps, _, height, width = encoded.inputs["pixel_values"].shape
        patch_height, patch_width = model.config.vision_config.patch_size
        patches = square_side(height // patch_height, width // patch_width)
        side = int(patches * model.config.downsample_ratio)
        return frame_by_frame(encoded.clip, (steps, side, side), encoded.feature_count)
