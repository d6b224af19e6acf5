"""Published sizes of the model families, laid over the toy checkpoints of `tests/toys`.

Written from the families' papers and model cards: sizes of the towers and language models, side of
the picture, pixel limits. What a toy already states (token ids, chat template, classes) stays. The
tests check that each shape has the number of parameters its name promises.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

QWEN2_7B: Json = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "layer_types": None,
}
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
SIGLIP: Json = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 26,
    "num_attention_heads": 16,
    "patch_size": 14,
}
CLIP_L: Json = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
}
PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]


def _square(side: int) -> Json:
    return {"size": {"height": side, "width": side}}


def _crop(side: int) -> Json:
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}


def _pixels(least: int, most: int) -> Json:
    return {"size": {"shortest_edge": least, "longest_edge": most}}


SHAPES: dict[str, dict[str, Json]] = {
    "LlavaOnevisionForConditionalGeneration": {
        "config": {"text_config": QWEN2_7B, "vision_config": SIGLIP | {"image_size": 384}},
        "processor": {
            "image_processor": _square(384),
            "video_processor": _square(384),
            "num_image_tokens": 729,
        },
    },
    "LlavaNextVideoForConditionalGeneration": {
        "config": {
            "text_config": VICUNA_7B,
            "vision_config": CLIP_L | {"image_size": 336},
            "image_grid_pinpoints": PINPOINTS,
        },
        "processor": {
            "image_processor": _crop(336) | {"image_grid_pinpoints": PINPOINTS},
            "video_processor": _crop(336),
            "patch_size": 14,
        },
    },
    "VideoLlavaForConditionalGeneration": {
        "config": {"text_config": VICUNA_7B, "vision_config": CLIP_L | {"image_size": 224}},
        "processor": {
            "image_processor": _crop(224),
            "video_processor": _crop(224),
            "patch_size": 14,
        },
    },
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
    "Qwen2VLForConditionalGeneration": {
        "config": {
            "text_config": QWEN2_7B | {"rope_parameters": {"mrope_section": [16, 24, 24]}},
            "vision_config": {
                "depth": 32,
                "embed_dim": 1280,
                "hidden_size": 3584,
                "num_heads": 16,
            },
        },
        "processor": {"video_processor": _pixels(128 * 28 * 28, 768 * 28 * 28)},
    },
    "Qwen2_5_VLForConditionalGeneration": {
        "config": {
            "text_config": QWEN2_7B | {"rope_parameters": {"mrope_section": [16, 24, 24]}},
            "vision_config": {
                "depth": 32,
                "hidden_size": 1280,
                "intermediate_size": 3420,
                "num_heads": 16,
                "out_hidden_size": 3584,
                "window_size": 112,
                "fullatt_block_indexes": [7, 15, 23, 31],
            },
        },
        "processor": {"video_processor": _pixels(128 * 28 * 28, 768 * 28 * 28)},
    },
    "Qwen3VLForConditionalGeneration": {
        "config": {
            "text_config": {
                "hidden_size": 4096,
                "intermediate_size": 12288,
                "num_hidden_layers": 36,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "head_dim": 128,
                "vocab_size": 151936,
                "rope_parameters": {"mrope_section": [24, 20, 20]},
            },
            "vision_config": {
                "depth": 27,
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "num_heads": 16,
                "out_hidden_size": 4096,
                "num_position_embeddings": 2304,
                "deepstack_visual_indexes": [8, 16, 24],
            },
        },
        "processor": {"video_processor": _pixels(4096, 25165824)},
    },
    "InternVLForConditionalGeneration": {
        "config": {
            "text_config": QWEN2_7B | {"vocab_size": 151674},
            "vision_config": CLIP_L | {"image_size": [448, 448], "patch_size": [14, 14]},
            "image_seq_length": 256,
        },
        "processor": {
            "image_processor": _square(448),
            "video_processor": _square(448),
            "image_seq_length": 256,
        },
    },
    "VideoLlama3ForConditionalGeneration": {
        "config": {
            "text_config": QWEN2_7B,
            "vision_config": SIGLIP | {"num_hidden_layers": 27},
        },
        "processor": {"video_processor": _pixels(3136, 3211264) | {"patch_size": 14}},
    },
    "SmolVLMForConditionalGeneration": {
        "config": {
            "text_config": {
                "hidden_size": 2048,
                "intermediate_size": 8192,
                "num_hidden_layers": 24,
                "num_attention_heads": 32,
                "num_key_value_heads": 32,
                "head_dim": 64,
                "vocab_size": 49280,
                "max_position_embeddings": 8192,
            },
            "vision_config": SIGLIP | {"num_hidden_layers": 27, "image_size": 384},
        },
        "processor": {
            "image_seq_len": 81,
            "video_processor": {
                "max_image_size": {"longest_edge": 384},
                "video_sampling": {"video_size": {"longest_edge": 384}},
            },
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
"""By architecture: what is laid over config.json and processor_config.json."""


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
