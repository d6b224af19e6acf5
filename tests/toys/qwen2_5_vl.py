"""A toy Qwen2.5-VL: windows of 2 x 2 cells in every other vision layer, two positions a second."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLVideoProcessor,
)

from published.hub import prompt, template
from toys.common import QUESTION
from toys.qwen2_vl import PATCH
from toys.qwen_common import (
    image_processor,
    qwen_tokenizer,
    text_sizes,
    token_ids,
)

PUBLISHED = "qwen2_5_vl/Qwen2.5-VL-7B-Instruct"
ARCHITECTURE = "Qwen2_5_VLForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = qwen_tokenizer()
    torch.manual_seed(seed)
    config = Qwen2_5_VLConfig(
        text_config={
            **text_sizes(tokenizer, layers),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "num_heads": 2,
            "patch_size": PATCH,
            "window_size": 4 * PATCH,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
            "initializer_range": 0.1,
        },
        **token_ids(tokenizer),
    )
    model = Qwen2_5_VLForConditionalGeneration(config)
    side = 2 * PATCH
    processor = Qwen2_5_VLProcessor(
        image_processor=image_processor(PATCH),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(
            patch_size=PATCH, size={"shortest_edge": side**2, "longest_edge": 64 * side**2}
        ),
        chat_template=template(PUBLISHED),
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
