"""What the families with a plain vision tower share: square frames, one regular grid each."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from zerotube.checkpoints.strict import TRUSTED
from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.frames import check_frames
from zerotube.mllm.families.patches import frame_rows, kept_view, squeezed_view, squeezing
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class MiddleCut(Family):
    """A processor that cuts the middle out of each frame, and a tower that sees frames alone.

    The cut is the frame fit "crop"; otherwise the processor is told to squeeze what it is given.
    """

    def stride(self, config: Any) -> int:
        """Patches along a cell."""
        return 1

    def cell_grid(self, rows: int, columns: int) -> tuple[int, int]:
        """Cells of a frame that has room for so many."""
        return rows, columns

    def crops(self, processor: Any) -> bool:
        return bool(self.frame_processor(processor).do_center_crop)

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        if options.frame_fit == "crop" and self.crops(processor):
            return {}
        return squeezing(self.frame_processor(processor))

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        name = "pixel_values_videos" if self.modality == "video" else "pixel_values"
        *pictures, _, height, width = encoded.inputs[name].shape
        check_frames(math.prod(pictures), encoded.clip)
        patch, stride = int(model.config.vision_config.patch_size), self.stride(model.config)
        room = height // patch // stride, width // patch // stride
        count, steps = encoded.feature_count, len(encoded.clip)
        cells, beside = frame_rows(count, steps, self.cell_grid(*room))
        processor, info = self.frame_processor(encoded.processor), encoded.clip.info
        if encoded.options.frame_fit == "crop" and self.crops(encoded.processor):
            size = (info.height, info.width)
            view = kept_view(processor, size, (height, width), room, patch * stride)
        else:
            view = squeezed_view((height, width), room, patch * stride)
        return TokenLayout(cells, count, np.arange(steps), view, beside)


class CroppedFrames(MiddleCut):
    """What the video families with a CLIP tower share: how their processor is put together."""

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
