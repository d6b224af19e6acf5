"""What the video families with a CLIP tower share: cropped frames, one regular grid each."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerotube.mllm.families.base import Family
from zerotube.mllm.families.patches import frame_rows, kept_view
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


class CroppedFrames(Family):
    """A processor that cuts the middle out of each frame, and a tower that sees frames alone."""

    def stride(self, config: Any) -> int:
        """Patches along a cell."""
        return 1

    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        steps = inputs["pixel_values_videos"].shape[1]
        cells, beside = frame_rows(feature_count, steps, self._grid(model.config, inputs))
        return TokenLayout(cells, feature_count, np.arange(len(clip)), beside=beside)

    def view(
        self, model: Any, processor: Any, inputs: dict[str, Any], clip: Clip
    ) -> tuple[float, float, float, float]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        return kept_view(
            processor.video_processor,
            (clip.info.height, clip.info.width),
            (height, width),
            self._grid(model.config, inputs),
            int(model.config.vision_config.patch_size) * self.stride(model.config),
        )

    def _grid(self, config: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        patch, stride = config.vision_config.patch_size, self.stride(config)
        return height // patch // stride, width // patch // stride
