"""Qwen2-VL: pairs of frames, 2 x 2 merged patches, rotary positions in time, height and width."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zerotube.errors import ModelError
from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.resolution import ClipSize, cell_pixels, clip_size, edges
from zerotube.mllm.types import PLAIN, EncodeOptions, TokenLayout
from zerotube.video.types import Clip

# Limits of the makers' own tool for videos (qwen-vl-utils 0.0.14, vision_process.py): tokens of a
# pair of frames, and of a whole video, which fills at most a share of the context.
_LEAST_TOKENS, _MOST_TOKENS = 128, 768
_CONTEXT, _SHARE = 128_000, 0.9


class Qwen2VL(Family):
    """``Qwen2VLForConditionalGeneration``, and what its successors share with it.

    The bundled model is one of these.

    Frames keep their shape (up to rounding to whole cells) and are cut into patches; every
    ``temporal_patch_size`` neighbouring frames share one time step, an odd last frame is repeated
    to fill its step. After the merger the features are T x h x w cells in reading order.

    How large a frame may be: the published ``size`` of Qwen2-VL and Qwen2.5-VL is meant for single
    pictures (up to 16,384 cells), and their makers bring videos below a limit of their own before
    the processor sees them. Where a checkpoint allows more than that limit, it is applied here.

    A reversal swaps time steps; the frames merged into one step keep their order inside it.
    """

    architectures = ("Qwen2VLForConditionalGeneration",)
    separate_steps = True

    def clip_size(self, processor: Any, clip: Clip, options: EncodeOptions) -> ClipSize:
        video = processor.video_processor
        count = max(len(clip), video.temporal_patch_size)
        return clip_size(
            video,
            count,
            (clip.info.height, clip.info.width),
            counted=self.counted_frames(count),
            makers=self.makers_size(video, count),
            budget=options.max_visual_tokens,
        )

    def counted_frames(self, frame_count: int) -> int:
        """Frames whose pixels the processor counts against ``longest_edge``."""
        return 1

    def makers_size(self, video: Any, frame_count: int) -> dict[str, int]:
        """Least and most pixels of a frame of a video, as the makers of the model prepare it."""
        size, cell = edges(video), cell_pixels(video)
        if size["longest_edge"] > _MOST_TOKENS * cell:
            size = {"shortest_edge": _LEAST_TOKENS * cell, "longest_edge": _MOST_TOKENS * cell}
        steps = -(-frame_count // int(video.temporal_patch_size))
        share = int(_CONTEXT * _SHARE * cell / steps)
        if share < size["longest_edge"]:
            # Never so small that the least size could not be met: the tool's own margin.
            floor = min(int(size["shortest_edge"] * 1.05), size["longest_edge"])
            size["longest_edge"] = max(share, floor)
        return size

    def shown_size(self, processor: Any, inputs: dict[str, Any]) -> tuple[int, int]:
        _, rows, columns = inputs["video_grid_thw"][0].tolist()
        patch = int(processor.video_processor.patch_size)
        return columns * patch, rows * patch

    def process(
        self, processor: Any, text: str, clip: Clip, options: EncodeOptions = PLAIN
    ) -> dict[str, Any]:
        video = processor.video_processor
        frames, seconds = clip.frames, clip.timestamps_s
        missing = video.temporal_patch_size - len(clip)
        if missing > 0:
            # The processors fill a step by repeating the last frame, but Qwen3-VL's refuses a clip
            # shorter than one step: the same is done here before it looks.
            frames = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
            seconds = np.concatenate([seconds, np.repeat(seconds[-1:], missing)])
        sizes: dict[str, Any] = {"size": self.clip_size(processor, clip, options).size}
        if hasattr(video, "cap_pixels_per_frame"):
            # Unset means "uncapped" today and is announced to mean "capped" some day: say it, so
            # that the grid does not change under a user with a release of transformers.
            own = bool(video.cap_pixels_per_frame)
            sizes["cap_pixels_per_frame"] = own and not options.max_visual_tokens
        inputs: dict[str, Any] = dict(
            processor(
                text=[text],
                videos=[torch.from_numpy(frames).permute(0, 3, 1, 2)],
                video_metadata=[_metadata(seconds, float(1 / clip.info.fps))],
                return_tensors="pt",
                do_sample_frames=False,
                **sizes,
            )
        )
        return inputs

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        tokens = inputs["input_ids"].shape[1]
        limit = self.text_config(model).max_position_embeddings
        if tokens > limit:
            raise ModelError(
                f"a prompt of {tokens} tokens",
                wanted=f"at most {limit}, this model's context",
                fix="show fewer visual tokens (--max-visual-tokens) or frames (--frames)",
            )
        return model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype),
            inputs["video_grid_thw"].to(model.device),
            return_dict=True,
        )

    def features(self, output: Any) -> Tensor:
        return torch.cat(tuple(output.pooler_output))

    def place(self, output: Any, features: Tensor, order: Tensor | None) -> Any:
        placed = copy.copy(output)
        placed.pooler_output = (features,)
        return placed

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        vision = model.config.vision_config
        count, frames = encoded.feature_count, len(encoded.clip)
        steps, rows, columns = (int(size) for size in encoded.inputs["video_grid_thw"][0])
        height, width = rows // vision.spatial_merge_size, columns // vision.spatial_merge_size
        step_of_frame = np.arange(frames, dtype=np.int64) // vision.temporal_patch_size
        if steps != step_of_frame[-1] + 1 or steps * height * width != count:
            raise ModelError(
                f"{count} features, a grid of {(steps, height, width)}, {frames} frames",
                wanted=f"one feature per cell, {vision.temporal_patch_size} frames per step",
                fix="the processor chose other frames or merges other patches than the model",
            )
        cells = np.arange(count, dtype=np.int64).reshape(steps, height, width)
        return TokenLayout(cells, count, step_of_frame)

    def positions(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """The model's own positions of the whole prompt, with the text after all of the video.

        The models were trained and published with text that starts one past the largest position
        in the video, on any axis. transformers >= 5 counts on from the grid's height and width
        alone: a clip that is longer (in positions of time) than it is wide would get its question
        in the middle of its own time. Where the video is wider than long, both are the same.
        """
        positions: Tensor
        timing = {name: inputs[name] for name in ("second_per_grid_ts",) if name in inputs}
        positions, _ = model.model.get_rope_index(
            input_ids=inputs["input_ids"],
            mm_token_type_ids=inputs["mm_token_type_ids"],
            video_grid_thw=inputs["video_grid_thw"],
            **timing,
        )
        visual = inputs["input_ids"][0] == self.visual_token_id(model.config)
        after = int(visual.nonzero().max()) + 1
        positions[..., after:] += positions[..., :after].max() + 1 - positions[0, 0, after]
        return positions


def _metadata(seconds: np.ndarray, frame_s: float) -> dict[str, Any]:
    """Real sampling times in the terms of transformers' ``VideoMetadata``.

    It knows time only as frame number / fps, which is wrong for a variable frame rate. So the clip
    is described as a video of one frame per second whose frame numbers are seconds. Qwen3-VL
    writes these times into the prompt; Qwen2.5-VL reads the mean spacing of the frames as
    duration / frames, hence a duration of N times that spacing.

    Args:
        seconds: float64 ``(N,)``.
        frame_s: spacing to name where a single frame has none.
    """
    count = len(seconds)
    spacing_s = float(seconds[-1] - seconds[0]) / (count - 1) if count > 1 else 0.0
    return {
        "fps": 1.0,
        "frames_indices": seconds.tolist(),
        "total_num_frames": count * (spacing_s or frame_s),
    }
