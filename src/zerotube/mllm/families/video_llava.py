"""Video-LLaVA: every patch of eight frames, each frame led by a class token."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerotube.mllm.families.base import Checkpoint, Family
from zerotube.mllm.families.patches import frame_rows, kept_view
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


class VideoLlava(Family):
    """``VideoLlavaForConditionalGeneration``.

    The video tower sees each frame on its own (short side scaled, middle square cropped) and keeps
    its class token: 1 + 16 x 16 features a frame. The class token is no place in the picture; it
    belongs to no cell and moves with its frame.
    """

    architectures = ("VideoLlavaForConditionalGeneration",)
    checkpoints = (Checkpoint("LanguageBind/Video-LLaVA-7B-hf", 7.4),)
    # Trained on 8 frames: 8 x 257 features are half of its 4096 positions, 16 x 257 exceed them.
    frame_limit = 8

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        # Only the inner model has it for videos.
        return model.model.get_video_features(
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
            model.config.vision_config.patch_size,
        )

    def _grid(self, model: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        patch = model.config.vision_config.patch_size
        return height // patch, width // patch
