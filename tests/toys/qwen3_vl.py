"""A toy Qwen3-VL: cells of 32 x 32 pixels, two deep levels, three language layers."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from published.hub import prompt, template
from toys.common import QUESTION
from toys.qwen_common import image_processor, qwen_tokenizer, text_sizes, token_ids

PUBLISHED = "qwen3_vl/Qwen3-VL-4B-Instruct"
ARCHITECTURE = "Qwen3VLForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
PATCH = 16


def write(folder: Path, *, layers: int = 3, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = qwen_tokenizer()
    torch.manual_seed(seed)
    sizes = text_sizes(tokenizer, layers)
    sizes.pop("bos_token_id")
    sizes.pop("eos_token_id")
    config = Qwen3VLConfig(
        text_config={
            **sizes,
            "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "mrope_section": [4, 2, 2]},
        },
        vision_config={
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "num_heads": 2,
            "patch_size": PATCH,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
            "initializer_range": 0.1,
        },
        **token_ids(tokenizer),
    )
    model = Qwen3VLForConditionalGeneration(config)
    side = 2 * PATCH
    processor = Qwen3VLProcessor(
        image_processor=image_processor(PATCH),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(
            patch_size=PATCH, size={"shortest_edge": side**2, "longest_edge": 256 * side**2}
        ),
        chat_template=template(PUBLISHED),
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
