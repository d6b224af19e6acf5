"""Qwen3-VL: time as text between the frames, vision features added again in early layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zerotube.mllm.families.qwen2_vl import Qwen2VL
from zerotube.mllm.families.resolution import edges
from zerotube.mllm.types import PLAIN, EncodeOptions
from zerotube.video.types import Clip


class Qwen3VL(Qwen2VL):
    """``Qwen3VLForConditionalGeneration``.

    Each time step stands in the prompt as ``<0.3 seconds>`` (mean of the real timestamps it merges,
    as text), a start token, its h x w cells and an end token. Only the cells are visual features,
    so the layout is Qwen2-VL's; the texts between them belong to the prefix and are in no cell.

    *Deep stack.* Features of earlier vision layers are added to the same tokens again after the
    first layers of the language model. A visual prompt is added to the input features alone: it is
    a latent of the shape of the visual tokens (method section 6), and what is added at the input
    travels on in the residual stream; adding it at every level would count it several times. The
    features of the deeper levels stay the video's own.

    *Reversal* moves the features of all levels together, so that a cell keeps its picture through
    all layers. The timestamps stay where they are: the clock runs forwards, the frames backwards.
    """

    architectures = ("Qwen3VLForConditionalGeneration",)
    time_notation = "seconds"
    steps_in_text = True

    def counted_frames(self, frame_count: int) -> int:
        # All of the clip. Of an odd number the processor counts one more or one less while it looks
        # whether the clip is too large, so that the smaller of the two keeps it below.
        return min(frame_count, round(frame_count / 2) * 2)

    def makers_size(self, video: Any, frame_count: int) -> dict[str, int]:
        # The published setting is one for videos.
        return edges(video)

    def process(
        self, processor: Any, text: str, clip: Clip, options: EncodeOptions = PLAIN
    ) -> dict[str, Any]:
        # The chat template wraps the placeholder in start and end, and each frame gets its own
        # pair. The processor published with the models replaced the wrapped placeholder;
        # transformers >= 5 replaces the placeholder inside, which would leave a second pair around
        # the whole video that the models never saw.
        start, video, end = (
            processor.vision_start_token,
            processor.video_token,
            processor.vision_end_token,
        )
        return super().process(processor, text.replace(start + video + end, video), clip, options)

    def place(self, output: Any, features: Tensor, order: Tensor | None) -> Any:
        placed = super().place(output, features, order)
        if order is not None:
            placed.deepstack_features = [
                (torch.cat(tuple(level))[order],) for level in output.deepstack_features
            ]
        return placed

    def place_rows(self, output: Any, features: Tensor, rows: Tensor) -> Any:
        placed = super().place_rows(output, features, rows)
        placed.deepstack_features = [
            (torch.cat(tuple(level))[rows],) for level in output.deepstack_features
        ]
        return placed
