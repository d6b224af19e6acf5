"""A toy SmolVLM2: 9 x 9 patches (and 4 pixels over), pixel-shuffled by 3 to 3 x 3 cells."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)
from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig

from published.hub import prompt, template
from toys.common import QUESTION, byte_level_tokenizer

PUBLISHED = "smolvlm/SmolVLM2-2.2B-Instruct"
ARCHITECTURE = "SmolVLMForConditionalGeneration"
# The processor brings this template itself when the message holds a video.
GOLDEN = prompt(PUBLISHED, QUESTION)
# The published template for images, used by the processor for everything else.
CHAT_TEMPLATE = template(PUBLISHED)
IMAGE_SIZE, PATCH, SCALE, SIDE = 76, 8, 3, 3


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write model and processor into a folder, and return it."""
    # No <video>: the published tokenizer does not know it either.
    specials = ["<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<image>"]
    specials += ["<fake_token_around_image>", "<global-img>"]
    # Knows runs of newlines as one piece, so that the blank line behind the video can grow.
    tokenizer = byte_level_tokenizer(
        specials, eos="<end_of_utterance>", pad="<|endoftext|>", also=["\n" * 4] * 8
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in specials}
    torch.manual_seed(seed)
    config = SmolVLMConfig(
        vision_config=SmolVLMVisionConfig(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=IMAGE_SIZE,
            patch_size=PATCH,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
            pad_token_id=ids["<|endoftext|>"],
        ),
        image_token_id=ids["<image>"],
        scale_factor=SCALE,
    )
    model = SmolVLMForConditionalGeneration(config)
    shared = {
        "size": {"longest_edge": 4 * IMAGE_SIZE},
        "max_image_size": {"longest_edge": IMAGE_SIZE},
    }
    processor = SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(**shared),
        tokenizer=tokenizer,
        # The published settings, which would sample frames once more.
        video_processor=SmolVLMVideoProcessor(
            max_image_size=shared["max_image_size"],
            video_sampling={"max_frames": 64, "fps": 1, "video_size": shared["size"]},
        ),
        image_seq_len=SIDE**2,
        chat_template=CHAT_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
