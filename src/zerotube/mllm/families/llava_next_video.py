"""LLaVA-NeXT-Video: a CLIP grid per frame, pooled; the sides of wide frames are cut off."""

from __future__ import annotations

from typing import Any

from zerotube.mllm.families.base import Checkpoint
from zerotube.mllm.families.cropped import CroppedFrames


class LlavaNextVideo(CroppedFrames):
    """``LlavaNextVideoForConditionalGeneration``, the model of most of the paper's ablations.

    The processor scales the short side and crops the middle square. Its 24 x 24 patches (the class
    token is dropped) are pooled by ``spatial_pool_stride`` to 12 x 12 features a frame, T x h x w
    in reading order, with no newline and nothing between frames.
    """

    architectures = ("LlavaNextVideoForConditionalGeneration",)
    checkpoints = (
        Checkpoint("llava-hf/LLaVA-NeXT-Video-7B-hf", 7.1),
        Checkpoint("llava-hf/LLaVA-NeXT-Video-34B-hf", 34.8),
    )

    processor_names = ("LlavaNextVideoProcessor", "LlavaNextVideoVideoProcessor")

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype), return_dict=True
        )

    def stride(self, config: Any) -> int:
        stride: int = config.spatial_pool_stride
        return stride
