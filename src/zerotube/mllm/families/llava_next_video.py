"""LLaVA-NeXT-Video: a CLIP grid per frame, pooled; the sides of wide frames are cut off."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerotube.mllm.families.base import Checkpoint, Family
from zerotube.mllm.families.patches import frame_rows, kept_view
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


class LlavaNextVideo(Family):
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

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype), return_dict=True
        )

    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        steps = inputs["pixel_values_videos"].shape[1]
        cells, beside = frame_rows(feature_count, steps, self._grid(model, inputs))
        return TokenLayout(cells, feature_count, np.arange(len(clip)), beside=beside)

    def view(
        self, model: Any, processor: Any, inputs: dict[str, Any], clip: Clip
    ) -> tuple[float, float, float, float]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        return kept_view(
            processor.video_processor,
            (clip.info.height, clip.info.width),
            (height, width),
            self._grid(model, inputs),
            self._cell(model),
        )

    def _cell(self, model: Any) -> int:
        """Pixels along a pooled cell."""
        return int(model.config.vision_config.patch_size * model.config.spatial_pool_stride)

    def _grid(self, model: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        patch, stride = model.config.vision_config.patch_size, model.config.spatial_pool_stride
        return height // patch // stride, width // patch // stride
