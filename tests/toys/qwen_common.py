"""What the Qwen-VL toys share: tokenizer, image processor, text model sizes.

The tokenizer is a real ``Qwen2Tokenizer`` on a vocabulary trained here; as in the published ones,
the control tokens come after the vocabulary.
"""

from __future__ import annotations

import json
from typing import Any

from transformers import Qwen2Tokenizer, Qwen2VLImageProcessor

from toys.common import byte_level_tokenizer

CONTROL = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """A Qwen2 tokenizer of some 500 tokens."""
    trained = byte_level_tokenizer(["<|endoftext|>"], eos="<|endoftext|>", pad="<|endoftext|>")
    model = json.loads(trained.backend_tokenizer.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(CONTROL),
    )


def token_ids(tokenizer: Qwen2Tokenizer) -> dict[str, int]:
    """Ids as the configurations name them."""
    return {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }


def image_processor(patch: int) -> Qwen2VLImageProcessor:
    """Only there because a processor must have one."""
    side = 2 * patch
    return Qwen2VLImageProcessor(
        patch_size=patch, size={"shortest_edge": side**2, "longest_edge": 16 * side**2}
    )


def text_sizes(tokenizer: Qwen2Tokenizer, layers: int) -> dict[str, Any]:
    """A language model of two heads of 16 channels that share one key."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "initializer_range": 0.2,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }
