"""A toy Qwen2-VL: cells of 28 x 28 pixels, pairs of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from published.hub import prompt, template
from toys.common import QUESTION
from toys.qwen_common import (
    image_processor,
    qwen_tokenizer,
    text_sizes,
    token_ids,
)

PUBLISHED = "qwen2_vl/Qwen2-VL-7B-Instruct"
ARCHITECTURE = "Qwen2VLForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
PATCH = 14


def write(folder: Path, *, layers: int = 2, seed: int = 0, **text: Any) -> Path:
    """Write model and processor into a folder, and return it; ``text`` goes to the text config."""
    tokenizer = qwen_tokenizer()
    torch.manual_seed(seed)
    config = Qwen2VLConfig(
        text_config={
            **text_sizes(tokenizer, layers),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
            **text,
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 2,
            "patch_size": PATCH,
            "initializer_range": 0.1,
        },
        **token_ids(tokenizer),
    )
    model = Qwen2VLForConditionalGeneration(config)
    side = 2 * PATCH
    processor = Qwen2VLProcessor(
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
