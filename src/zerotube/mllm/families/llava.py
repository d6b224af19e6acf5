"""LLaVA-1.5: the CLIP grid of one image."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerotube.errors import ModelError
from zerotube.mllm.families.image import ImageFamily
from zerotube.mllm.families.patches import frame_rows, kept_view, squeezed_view, squeezing
from zerotube.mllm.types import EncodeOptions, TokenLayout
from zerotube.video.types import Clip


class Llava(ImageFamily):
    """``LlavaForConditionalGeneration`` with a vision tower of one fixed size.

    24 x 24 patches of the picture in reading order. The published processors scale the short side
    and crop the middle square; here that is the frame fit "crop", and by default the whole picture
    is squeezed into the square.
    """

    architectures = ("LlavaForConditionalGeneration",)

    def crops(self, processor: Any) -> bool:
        return bool(processor.image_processor.do_center_crop)

    def processor_options(
        self, processor: Any, clip: Clip, options: EncodeOptions
    ) -> dict[str, Any]:
        if options.frame_fit == "crop" and self.crops(processor):
            return {}
        return squeezing(processor.image_processor)

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        if "image_sizes" in inputs:
            raise ModelError(
                f"a LLaVA with the vision tower {model.config.vision_config.model_type!r}",
                wanted="a tower of one fixed picture size, such as CLIP or SigLIP",
                fix="use llava-hf/llava-1.5-7b-hf or another family",
            )
        return model.get_image_features(
            inputs["pixel_values"].to(model.device, model.dtype), return_dict=True
        )

    def layout(
        self, model: Any, inputs: dict[str, Any], clip: Clip, feature_count: int
    ) -> TokenLayout:
        cells, beside = frame_rows(feature_count, len(clip), self._grid(model, inputs))
        return TokenLayout(cells, feature_count, np.arange(len(clip)), beside=beside)

    def view(
        self,
        model: Any,
        processor: Any,
        inputs: dict[str, Any],
        clip: Clip,
        options: EncodeOptions,
    ) -> tuple[float, float, float, float]:
        height, width = inputs["pixel_values"].shape[-2:]
        grid, patch = self._grid(model, inputs), model.config.vision_config.patch_size
        if options.frame_fit != "crop" or not self.crops(processor):
            return squeezed_view((height, width), grid, patch)
        size = (clip.info.height, clip.info.width)
        return kept_view(processor.image_processor, size, (height, width), grid, patch)

    def _grid(self, model: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        height, width = inputs["pixel_values"].shape[-2:]
        patch = model.config.vision_config.patch_size
        return height // patch, width // patch
