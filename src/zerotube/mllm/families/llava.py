"""LLaVA-1.5: the CLIP grid of one image."""

from __future__ import annotations

from typing import Any

from zerotube.errors import ModelError
from zerotube.mllm.families.cropped import MiddleCut
from zerotube.mllm.families.image import ImageFamily


class Llava(MiddleCut, ImageFamily):
    """``LlavaForConditionalGeneration`` with a vision tower of one fixed size.

    24 x 24 patches of the picture in reading order. The published processors scale the short side
    and crop the middle square; here that is the frame fit "crop", and by default the whole picture
    is squeezed into the square.
    """

    architectures = ("LlavaForConditionalGeneration",)

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
