"""What the video families with a CLIP tower share: square frames, one regular grid each."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zerotube.checkpoints.strict import TRUSTED
from zerotube.mllm.families.base import Family
from zerotube.mllm.families.frames import check_frames
from zerotube.mllm.families.patches import frame_rows, kept_view, squeezed_view, squeezing
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class CroppedFrames(Family):
    """A processor that cuts the middle out of each frame, and a tower that sees frames alone.

    The cut is the frame fit "crop"; otherwise the processor is told to squeeze what it is given.
    """

    processor_names: ClassVar[tuple[str, str]]
    """Classes of transformers: the processor, and its video processor."""

    chat_template: ClassVar[str | None] = None
    """What the makers document, where the published files hold no chat template."""

    def load_processor(self, source: str, config: Any) -> Any:
        """Put the processor together from its parts, whose classes are known.

        The published files date from before video processors had a file of their own. From the
        name of the image processor transformers 5 then derives that of the video processor, and
        for ``LlavaNextImageProcessor`` arrives at the processor itself, without end. What the
        processor has to know of the vision tower is in the model's configuration, where the
        published files hold no ``processor_config.json``.
        """
        import transformers

        whole, video = (getattr(transformers, name) for name in self.processor_names)
        written, _ = whole.get_processor_dict(source)
        kinds = {
            "video_processor": video,
            "image_processor": transformers.AutoImageProcessor,
            "tokenizer": transformers.AutoTokenizer,
        }
        parts = {
            name: kinds[name].from_pretrained(source, **TRUSTED) for name in whole.get_attributes()
        }
        settings = {
            "patch_size": config.vision_config.patch_size,
            "vision_feature_select_strategy": config.vision_feature_select_strategy,
            "num_additional_image_tokens": 1,  # the class token of a CLIP
            "chat_template": self.chat_template or parts["tokenizer"].chat_template,
        }
        settings |= {name: value for name, value in written.items() if value is not None}
        return whole.from_args_and_dict(list(parts.values()), settings)

    def stride(self, config: Any) -> int:
        """Patches along a cell."""
        return 1

    def crops(self, processor: Any) -> bool:
        return bool(processor.video_processor.do_center_crop)

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        if options.frame_fit == "crop" and self.crops(processor):
            return {}
        return squeezing(processor.video_processor)

    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        steps = inputs["pixel_values_videos"].shape[1]
        check_frames(steps, clip)
        cells, beside = frame_rows(feature_count, steps, self._grid(model.config, inputs))
        return TokenLayout(cells, feature_count, np.arange(len(clip)), beside=beside)

    def view(
        self,
        model: Any,
        processor: Any,
        inputs: dict[str, Any],
        clip: Clip,
        options: EncodeOptions,
    ) -> tuple[float, float, float, float]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        grid = self._grid(model.config, inputs)
        cell = int(model.config.vision_config.patch_size) * self.stride(model.config)
        if options.frame_fit != "crop" or not self.crops(processor):
            return squeezed_view((height, width), grid, cell)
        size = (clip.info.height, clip.info.width)
        return kept_view(processor.video_processor, size, (height, width), grid, cell)

    def _grid(self, config: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        height, width = inputs["pixel_values_videos"].shape[-2:]
        patch, stride = config.vision_config.patch_size, self.stride(config)
        return height // patch // stride, width // patch // stride
