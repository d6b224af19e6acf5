"""LLaVA-OneVision: pooled grid per frame, one newline feature at the very end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerotube.mllm.families.base import Checkpoint, Family
from zerotube.mllm.families.frames import check_frames
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


class LlavaOnevision(Family):
    """``LlavaOnevisionForConditionalGeneration``.

    Every frame is resized to a square (no crop), cut into patches, and the patch grid is pooled to
    half its side, rounded up. The features are T x h x w cells in reading order plus one newline.
    """

    architectures = ("LlavaOnevisionForConditionalGeneration",)
    checkpoints = (
        Checkpoint("llava-hf/llava-onevision-qwen2-0.5b-ov-hf", 0.9),
        Checkpoint("llava-hf/llava-onevision-qwen2-7b-ov-hf", 8.0),
    )

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype), return_dict=True
        )

    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        vision = model.config.vision_config
        side = math.ceil(vision.image_size // vision.patch_size / 2)
        steps = inputs["pixel_values_videos"].shape[1]
        check_frames(steps, clip)
        cells = np.arange(steps * side * side, dtype=np.int64).reshape(steps, side, side)
        # Pixels behind the last whole patch are never read (384 pixels hold 27 patches of 14).
        seen = vision.image_size // vision.patch_size * vision.patch_size / vision.image_size
        frames = np.arange(len(clip.frame_indices))
        return TokenLayout(cells, feature_count, frames, (0.0, 0.0, seen, seen))
