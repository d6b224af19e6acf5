"""A toy Video-LLaVA: a class token and 5 x 5 patches per frame."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    VideoLlavaConfig,
    VideoLlavaForConditionalGeneration,
    VideoLlavaImageProcessor,
    VideoLlavaProcessor,
    VideoLlavaVideoProcessor,
)

from published.hub import prompt
from toys.clip import llama_tokenizer, vision_config
from toys.common import QUESTION

PUBLISHED = "video_llava/Video-LLaVA-7B-hf"
ARCHITECTURE = "VideoLlavaForConditionalGeneration"
# Published without a template: its adapter brings the documented one.
GOLDEN = prompt(PUBLISHED, QUESTION)
IMAGE_SIZE, PATCH, SIDE = 40, 8, 5


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = llama_tokenizer(["<image>", "<video>"])
    torch.manual_seed(seed)
    config = VideoLlavaConfig(
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
    )
    model = VideoLlavaForConditionalGeneration(config)
    size = {"shortest_edge": IMAGE_SIZE}
    crop = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = VideoLlavaProcessor(
        image_processor=VideoLlavaImageProcessor(size=size, crop_size=crop),
        video_processor=VideoLlavaVideoProcessor(size=size, crop_size=crop),
        tokenizer=tokenizer,
        patch_size=PATCH,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
