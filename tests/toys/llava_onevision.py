"""A toy LLaVA-OneVision: grouped keys and an odd patch grid."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    Qwen2Config,
    SiglipVisionConfig,
)

from published.hub import prompt, template
from toys.common import QUESTION, byte_level_tokenizer

PUBLISHED = "llava_onevision/llava-onevision-qwen2-7b-ov-hf"
ARCHITECTURE = "LlavaOnevisionForConditionalGeneration"
GOLDEN = prompt(PUBLISHED, QUESTION)
CHAT_TEMPLATE = template(PUBLISHED)
IMAGE_SIZE, PATCH, SIDE = 56, 8, 4  # 7 x 7 patches, pooled to ceil(3.5) = 4 x 4 cells


def write(folder: Path, *, layers: int = 2, seed: int = 0, scale: int = 1) -> Path:
    """Write model and processor into a folder, and return it; `scale` multiplies the widths."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
    tokenizer = byte_level_tokenizer(specials, eos="<|im_end|>", pad="<|endoftext|>")
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in specials}
    torch.manual_seed(seed)
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=24 * scale,
            intermediate_size=48 * scale,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=IMAGE_SIZE,
            patch_size=PATCH,
            vision_use_head=False,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=32 * scale,
            intermediate_size=64 * scale,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
        ),
        image_token_index=ids["<image>"],
        video_token_index=ids["<video>"],
        image_grid_pinpoints=[[IMAGE_SIZE, IMAGE_SIZE]],
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    model = LlavaOnevisionForConditionalGeneration(config)
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(
            size=size, image_grid_pinpoints=config.image_grid_pinpoints
        ),
        tokenizer=tokenizer,
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=(IMAGE_SIZE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
