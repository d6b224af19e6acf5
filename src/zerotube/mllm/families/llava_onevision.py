"""LLaVA-OneVision: pooled grid per frame, one newline feature at the very end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.frames import check_frames
from zerotube.mllm.families.pooling import as_features, as_pictures, check_side, output_of
from zerotube.mllm.types import TokenLayout


class LlavaOnevision(Family):
    """``LlavaOnevisionForConditionalGeneration``.

    Every frame is resized to a square (no crop), cut into patches, and the patch grid is pooled to
    half its side, rounded up. The features are T x h x w cells in reading order plus one newline.

    A chosen grid side, N, is pooled as the model and the reference do, bilinearly and after the
    projector: N = 6 is the reference's stride of 5 (of 27 patches).

    Args:
        grid_side: N, or 0 for the model's own grid.
    """

    architectures = ("LlavaOnevisionForConditionalGeneration",)
    separate_steps = True

    # That of LLaVA's conversation template "qwen_1_5".
    released_system_prompt = "You are a helpful assistant."

    def __init__(self, grid_side: int = 0) -> None:
        self.grid_side = grid_side

    def with_grid_side(self, model: Any, side: int) -> LlavaOnevision:
        vision = model.config.vision_config
        patches = vision.image_size // vision.patch_size
        check_side(side, patches)
        return LlavaOnevision(0 if side == math.ceil(patches / 2) else side)

    def placeholder_count(self, frames: int) -> int | None:
        return frames * self.grid_side**2 + 1 if self.grid_side else None

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        pixels = inputs["pixel_values_videos"].to(model.device, model.dtype)
        if not self.grid_side:
            return model.get_video_features(pixels, return_dict=True)
        with output_of(model.model.multi_modal_projector) as projected:
            output = model.get_video_features(pixels, return_dict=True)
        patches = as_pictures(projected[0], pixels.shape[1])
        pooled = interpolate(patches, size=(self.grid_side, self.grid_side), mode="bilinear")
        newline = output.pooler_output[:, -1:]
        output.pooler_output = torch.cat([as_features(pooled), newline], dim=1)
        return output

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        vision = model.config.vision_config
        side = self.grid_side or math.ceil(vision.image_size // vision.patch_size / 2)
        steps = encoded.inputs["pixel_values_videos"].shape[1]
        check_frames(steps, encoded.clip)
        cells = np.arange(steps * side * side, dtype=np.int64).reshape(steps, side, side)
        # Pixels behind the last whole patch are never read (384 pixels hold 27 patches of 14).
        seen = vision.image_size // vision.patch_size * vision.patch_size / vision.image_size
        frames = np.arange(len(encoded.clip.frame_indices))
        return TokenLayout(cells, encoded.feature_count, frames, (0.0, 0.0, seen, seen))
