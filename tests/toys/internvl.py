"""A toy InternVL3: 6 x 6 patches, pixel-shuffled to 3 x 3 cells per frame."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    InternVLVisionConfig,
    Qwen2Config,
)

from published.hub import prompt, template
from toys.common import QUESTION, byte_level_tokenizer

PUBLISHED = "internvl/InternVL3-8B-hf"
ARCHITECTURE = "InternVLForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
CHAT_TEMPLATE = template(PUBLISHED)
IMAGE_SIZE, PATCH, SIDE = 48, 8, 3
NAMED = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *NAMED.values()]
    tokenizer = byte_level_tokenizer(specials, eos="<|im_end|>", pad="<|endoftext|>", named=NAMED)
    torch.manual_seed(seed)
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=[IMAGE_SIZE, IMAGE_SIZE],
            patch_size=[PATCH, PATCH],
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids(NAMED["context_image_token"]),
        image_seq_length=SIDE**2,
    )
    model = InternVLForConditionalGeneration(config)
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size=size),
        image_seq_length=SIDE**2,
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
