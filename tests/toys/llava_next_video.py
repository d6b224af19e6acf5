"""A toy LLaVA-NeXT-Video: 12 x 12 patches pooled to 6 x 6; its processor crops."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    LlavaNextImageProcessor,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaNextVideoProcessor,
    LlavaNextVideoVideoProcessor,
)

from published.hub import prompt, template
from toys.clip import llama_tokenizer, vision_config
from toys.common import QUESTION

PUBLISHED = "llava_next_video/LLaVA-NeXT-Video-7B-hf"
ARCHITECTURE = "LlavaNextVideoForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
CHAT_TEMPLATE = template(PUBLISHED)
IMAGE_SIZE, PATCH, SIDE = 84, 7, 6


def write(folder: Path, *, layers: int = 2, seed: int = 0, mode: str = "average") -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = llama_tokenizer(["<video>", "<image>"])
    torch.manual_seed(seed)
    config = LlavaNextVideoConfig(
        vision_config=vision_config(IMAGE_SIZE, PATCH),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            initializer_range=0.2,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[IMAGE_SIZE, IMAGE_SIZE]],
        spatial_pool_mode=mode,
    )
    model = LlavaNextVideoForConditionalGeneration(config)
    size = {"shortest_edge": IMAGE_SIZE}
    crop = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = LlavaNextVideoProcessor(
        video_processor=LlavaNextVideoVideoProcessor(size=size, crop_size=crop),
        image_processor=LlavaNextImageProcessor(
            size=size, crop_size=crop, image_grid_pinpoints=config.image_grid_pinpoints
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
