"""What the image families share: a clip of one frame, put into the chat as an image."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from zerotube.mllm.families.base import Family
from zerotube.mllm.types import PLAIN, EncodeOptions
from zerotube.video.types import Clip


class ImageFamily(Family):
    """A family whose chat message holds one image."""

    encoder_key = "image"
    frame_limit = 1

    def visual_token(self, processor: Any) -> str:
        token: str = processor.image_token
        return token

    def visual_token_id(self, config: Any) -> int:
        token_id: int = config.image_token_id
        return token_id

    def picture(self, clip: Clip) -> Tensor:
        """The image that stands for the clip: uint8 ``(3, H, W)``."""
        return torch.from_numpy(clip.frames[0]).permute(2, 0, 1)

    def frame_processor(self, processor: Any) -> Any:
        return processor.image_processor

    def process(
        self, processor: Any, text: str, clip: Clip, options: EncodeOptions = PLAIN
    ) -> dict[str, Any]:
        inputs: dict[str, Any] = dict(
            processor(
                text=[text],
                images=[self.picture(clip)],
                return_tensors="pt",
                **self.processor_options(processor, clip, options),
            )
        )
        return inputs

    def features(self, output: Any) -> Tensor:
        # A list with one entry per image.
        return torch.cat([item.flatten(0, -2) for item in output.pooler_output])

    def place(self, output: Any, features: Tensor, order: Tensor | None) -> Any:
        placed = copy.copy(output)
        placed.pooler_output = [features]
        return placed
