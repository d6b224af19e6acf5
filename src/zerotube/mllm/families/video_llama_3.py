"""VideoLLaMA3: frames at their own aspect, 2 x 2 patches per cell, a time before every frame."""

from __future__ import annotations

from typing import Any

from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.frames import clip_metadata, frame_by_frame
from zerotube.mllm.families.resolution import ClipSize, clip_size, edges
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class VideoLlama3(Family):
    """``VideoLlama3ForConditionalGeneration``.

    Frames are resized so that height and width divide by patch x merge size and the whole clip
    stays below a number of pixels: the grid follows the video's aspect and shrinks with the number
    of frames. In the place of the placeholder the processor writes ``Time 1.5s:`` and the frame's
    cells in reading order, frames separated by commas.

    The processor can drop tokens that hardly differ from the frame before. That is switched off:
    a thing at rest would keep its token in its first frame only, so every later frame would score
    it as absent, and in reversed order (method section 7) other tokens would have been dropped.
    """

    architectures = ("VideoLlama3ForConditionalGeneration",)
    time_notation = "seconds"
    steps_in_text = True

    def clip_size(self, processor: Any, clip: Clip, options: EncodeOptions) -> ClipSize:
        video = processor.video_processor
        return clip_size(
            video,
            len(clip),
            (clip.info.height, clip.info.width),
            counted=len(clip),
            makers=edges(video),
            budget=options.max_visual_tokens,
        )

    def shown_size(self, processor: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        _, rows, columns = inputs["video_grid_thw"][0].tolist()
        patch = int(processor.video_processor.patch_size)
        return columns * patch, rows * patch

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        return {
            "video_metadata": [clip_metadata(clip)],
            "use_token_compression": False,
            "size": self.clip_size(processor, clip, options).size,
        }

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype),
            inputs["video_grid_thw"].to(model.device),
            video_merge_sizes=inputs["video_merge_sizes"].to(model.device),
            return_dict=True,
        )

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        steps, height, width = encoded.inputs["video_grid_thw"][0].tolist()
        merge = int(encoded.inputs["video_merge_sizes"][0])
        return frame_by_frame(
            encoded.clip, (steps, height // merge, width // merge), encoded.feature_count
        )
