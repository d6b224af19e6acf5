"""LLaVA-NeXT-Video: a CLIP grid per frame, pooled."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import adaptive_avg_pool2d

from zerotube.mllm.families.cropped import CroppedFrames
from zerotube.mllm.families.pooling import as_features, as_pictures, check_side, left_out


class LlavaNextVideo(CroppedFrames):
    """``LlavaNextVideoForConditionalGeneration``, the model of most of the paper's ablations.

    The published processor crops the middle square; here that is the frame fit "crop", and by
    default frames are squeezed, as the reference does. The 24 x 24 patches (the class token is
    dropped) are pooled by ``spatial_pool_stride`` to 12 x 12 features a frame, T x h x w in reading
    order, with no newline and nothing between frames.

    A chosen grid side, N, is pooled as in the reference: every patch goes through the projector,
    and the results are averaged to N x N. The model's own order is to pool and then to project.

    Args:
        grid_side: N, or 0 for the model's own grid.
    """

    architectures = ("LlavaNextVideoForConditionalGeneration",)
    separate_steps = True

    # That of LLaVA's conversation template "vicuna_v1".
    released_system_prompt = (
        "A chat between a curious user and an artificial intelligence assistant. The assistant "
        "gives helpful, detailed, and polite answers to the user's questions."
    )
    processor_names = ("LlavaNextVideoProcessor", "LlavaNextVideoVideoProcessor")

    def __init__(self, grid_side: int = 0) -> None:
        self.grid_side = grid_side

    def with_grid_side(self, model: Any, side: int) -> LlavaNextVideo:
        vision = model.config.vision_config
        patches = vision.image_size // vision.patch_size
        check_side(side, patches)
        own = patches // model.config.spatial_pool_stride
        return LlavaNextVideo(0 if side == own else side)

    def placeholder_count(self, frames: int) -> int | None:
        return frames * self.grid_side**2 if self.grid_side else None

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        pixels = inputs["pixel_values_videos"].to(model.device, model.dtype)
        if not self.grid_side:
            return model.get_video_features(pixels, return_dict=True)
        with left_out(model.model.vision_resampler):
            output = model.get_video_features(pixels, return_dict=True)
        patches = as_pictures(output.pooler_output, pixels.shape[1])
        output.pooler_output = as_features(adaptive_avg_pool2d(patches, self.grid_side))
        return output

    def cell_grid(self, rows: int, columns: int) -> tuple[int, int]:
        return (self.grid_side, self.grid_side) if self.grid_side else (rows, columns)

    def stride(self, config: Any) -> int:
        # Chosen cells cover every patch; the model's own may leave a row and a column over.
        return 1 if self.grid_side else int(config.spatial_pool_stride)
