"""A toy LLaVA-1.5: 7 x 7 patches of the middle of one image."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    CLIPImageProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from toys.clip import llama_tokenizer, vision_config
from toys.common import QUESTION
from toys.llava_next_video import CHAT_TEMPLATE

ARCHITECTURE = "LlavaForConditionalGeneration"
GOLDEN = f"USER: <image>\n{QUESTION} ASSISTANT:"
IMAGE_SIZE, PATCH, SIDE = 56, 8, 7


def write(folder: Path, *, layers: int = 2, seed: int = 0, strategy: str = "default") -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = llama_tokenizer(["<image>"])
    torch.manual_seed(seed)
    config = LlavaConfig(
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
        vision_feature_select_strategy=strategy,
    )
    model = LlavaForConditionalGeneration(config)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": IMAGE_SIZE},
            crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
