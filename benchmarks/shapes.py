"""Checkpoints of the published sizes, without weights.

Where the files that the makers published are at hand (`tests/published`), they are those,
unchanged. Of the other families the sizes are laid over the toy checkpoints of `tests/toys`,
written from their papers and model cards: sizes of the towers and language models, side of the
picture. The tests check that each shape has the number of parameters its name promises.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from published.hub import write, write_files
from toys import toys

Json = dict[str, Any]

VICUNA_7B: Json = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "head_dim": 128,
    "vocab_size": 32064,
    "max_position_embeddings": 4096,
}
MISTRAL_7B: Json = VICUNA_7B | {
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 32768,
}
LLAMA3_8B: Json = MISTRAL_7B | {"vocab_size": 128257, "max_position_embeddings": 8192}
CLIP_L: Json = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
}
PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]


def _crop(side: int) -> Json:
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}


SHAPES: dict[str, dict[str, Json]] = {
    "LlavaForConditionalGeneration": {
        "config": {"text_config": VICUNA_7B, "vision_config": CLIP_L | {"image_size": 336}},
        "processor": {"image_processor": _crop(336), "patch_size": 14},
    },
    "LlavaNextForConditionalGeneration": {
        "config": {
            "text_config": MISTRAL_7B,
            "vision_config": CLIP_L | {"image_size": 336},
            "image_grid_pinpoints": PINPOINTS,
        },
        "processor": {
            "image_processor": _crop(336) | {"image_grid_pinpoints": PINPOINTS},
            "patch_size": 14,
        },
    },
    "ShareGPT4VideoForConditionalGeneration": {
        "config": {
            "text_config": LLAMA3_8B,
            "vision_config": CLIP_L | {"image_size": 336},
            "image_grid_pinpoints": PINPOINTS,
        },
        "processor": {
            "image_processor": _crop(336) | {"image_grid_pinpoints": PINPOINTS},
            "patch_size": 14,
        },
    },
}
"""By architecture: what is laid over config.json and processor_config.json of a toy."""

PUBLISHED: dict[str, str] = {
    "InternVLForConditionalGeneration": "internvl/InternVL3-8B-hf",
    "LlavaNextVideoForConditionalGeneration": "llava_next_video/LLaVA-NeXT-Video-7B-hf",
    "LlavaOnevisionForConditionalGeneration": "llava_onevision/llava-onevision-qwen2-7b-ov-hf",
    "Qwen2VLForConditionalGeneration": "qwen2_vl/Qwen2-VL-7B-Instruct",
    "Qwen2_5_VLForConditionalGeneration": "qwen2_5_vl/Qwen2.5-VL-7B-Instruct",
    "Qwen3VLForConditionalGeneration": "qwen3_vl/Qwen3-VL-4B-Instruct",
    "SmolVLMForConditionalGeneration": "smolvlm/SmolVLM2-2.2B-Instruct",
    "VideoLlama3ForConditionalGeneration": "video_llama_3/VideoLLaMA3-7B-Image-HF",
    "VideoLlavaForConditionalGeneration": "video_llava/Video-LLaVA-7B-hf",
}
"""By architecture: the checkpoint whose published files are used."""

PAPER: tuple[str, ...] = (
    "LlavaOnevisionForConditionalGeneration",
    "LlavaNextVideoForConditionalGeneration",
    "Qwen2VLForConditionalGeneration",
    "ShareGPT4VideoForConditionalGeneration",
)
"""The four families that the paper reports on."""


def checkpoint(architecture: str, folder: Path, *, real: bool) -> Path:
    """Write a family's configuration and processor into a new folder, and return it.

    Args:
        architecture: of `PUBLISHED` or `SHAPES`.
        folder: where the files go.
        real: the published sizes, without weights; else microscopic ones, with random weights.
    """
    if architecture in PUBLISHED:
        name = PUBLISHED[architecture]
        return write_files(name, folder) if real else write(name, folder)
    toys()[architecture].write(folder)
    if real:
        resized(folder, SHAPES[architecture])
    return folder


def resized(folder: Path, shape: dict[str, Json]) -> None:
    """Give a toy checkpoint's config and processor the sizes of a shape; weights stay behind."""
    for name, part in (("config.json", "config"), ("processor_config.json", "processor")):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(_laid_over(content, shape[part])), encoding="utf-8")


def _laid_over(below: Json, above: Json) -> Json:
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _laid_over(merged[key], value)
        else:
            merged[key] = value
    return merged
