"""A toy LLaVA-NeXT on Mistral: tiles of 6 x 6 patches, grouped keys, no sliding window."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    MistralConfig,
)

from toys.clip import answer_to_area, llama_tokenizer, vision_config
from toys.common import QUESTION

ARCHITECTURE = "LlavaNextForConditionalGeneration"
GOLDEN = f"[INST] <image>\n{QUESTION} [/INST]"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ part['text'] }}{% endfor %}{{ ' [/INST]' }}{% endif %}{% endfor %}"
)
TILE, PATCH, SIDE = 48, 8, 6


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    tokenizer = llama_tokenizer(["<image>"])
    torch.manual_seed(seed)
    config = LlavaNextConfig(
        vision_config=vision_config(TILE, PATCH),
        text_config=MistralConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
            sliding_window=None,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        # One row of tiles, one column, a square, three in a row, three in a column.
        image_grid_pinpoints=[
            [TILE * high, TILE * wide] for high, wide in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))
        ],
    )
    model = LlavaNextForConditionalGeneration(config)
    answer_to_area(model.model.vision_tower)
    processor = LlavaNextProcessor(
        image_processor=LlavaNextImageProcessor(
            size={"shortest_edge": TILE},
            crop_size={"height": TILE, "width": TILE},
            image_grid_pinpoints=config.image_grid_pinpoints,
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
