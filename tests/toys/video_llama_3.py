"""A toy VideoLLaMA3: the grid of 2 x 2-patch cells follows the frame's aspect."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    Qwen2Config,
    VideoLlama3Config,
    VideoLlama3ForConditionalGeneration,
    VideoLlama3ImageProcessor,
    VideoLlama3Processor,
    VideoLlama3VideoProcessor,
    VideoLlama3VisionConfig,
)

from published.hub import prompt, template
from toys.common import QUESTION, byte_level_tokenizer

PUBLISHED = "video_llama_3/VideoLLaMA3-7B-Image-HF"
ARCHITECTURE = "VideoLlama3ForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
CHAT_TEMPLATE = template(PUBLISHED)
PATCH, MERGE = 8, 2
CELL = PATCH * MERGE
PIXELS = 4 * 64 * 64  # of a whole clip


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = byte_level_tokenizer(specials, eos="<|im_end|>", pad="<|endoftext|>")
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in specials}
    torch.manual_seed(seed)
    config = VideoLlama3Config(
        vision_config=VideoLlama3VisionConfig(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            patch_size=PATCH,
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
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
    )
    model = VideoLlama3ForConditionalGeneration(config)
    processor = VideoLlama3Processor(
        image_processor=VideoLlama3ImageProcessor(patch_size=PATCH),
        tokenizer=tokenizer,
        video_processor=VideoLlama3VideoProcessor(
            patch_size=PATCH,
            merge_size=MERGE,
            size={"shortest_edge": CELL * CELL, "longest_edge": PIXELS},
        ),
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
