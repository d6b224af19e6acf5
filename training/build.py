"""Build the untrained model and its processor, and save a model folder in one step.

Run as a script to write an untrained model: python training/build.py --out DIR
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import (
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from vocabulary import CHAT_TEMPLATE, build_tokenizer

FRAME = 128
"""Side of a square frame in pixels; other shapes get as many pixels in all."""
PATCH = 8
"""Side of a vision patch in pixels."""
MERGE = 2
"""Patches per side of a cell: a square frame has 8 x 8 cells."""
PAIR = 2
"""Frames that share one step of time: one patch sees both, and so what moved between them."""


def build_processor() -> Qwen2VLProcessor:
    """Tokenizer, image and video processors and the chat template."""
    settings = {
        "size": {"shortest_edge": FRAME**2, "longest_edge": FRAME**2},
        "patch_size": PATCH,
        "merge_size": MERGE,
        "temporal_patch_size": PAIR,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(**settings),
        tokenizer=build_tokenizer(),
        video_processor=Qwen2VLVideoProcessor(**settings, cap_pixels_per_frame=False),
        chat_template=CHAT_TEMPLATE,
    )


def build_config() -> Qwen2VLConfig:
    """A vision transformer of 4 layers, 160 wide, and a Qwen2 of 3 layers, 192 wide."""
    tokenizer = build_tokenizer()
    ids = {
        name: tokenizer.convert_tokens_to_ids(token)
        for name, token in (
            ("image_token_id", "<|image_pad|>"),
            ("video_token_id", "<|video_pad|>"),
            ("vision_start_token_id", "<|vision_start|>"),
            ("vision_end_token_id", "<|vision_end|>"),
        )
    }
    return Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_hidden_layers": 3,
            "num_attention_heads": 8,
            "num_key_value_heads": 8,
            "max_position_embeddings": 4096,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            # Every axis needs frequencies that turn within the few cells of this grid.
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10.0,
                "mrope_section": [4, 4, 4],
            },
        },
        vision_config={
            "depth": 4,
            "embed_dim": 160,
            "hidden_size": 192,
            "num_heads": 5,
            "mlp_ratio": 3,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": PAIR,
            "rope_parameters": {"rope_type": "axial", "rope_theta": 100.0},
        },
        tie_word_embeddings=False,
        **ids,
    )


def build_model(seed: int = 0) -> Qwen2VLForConditionalGeneration:
    """A randomly initialised model in float32."""
    torch.manual_seed(seed)
    return Qwen2VLForConditionalGeneration(build_config()).float()


def save(model: Qwen2VLForConditionalGeneration, out: Path) -> None:
    """Write a complete model folder; files already in `out` are replaced one by one."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        folder = Path(name)
        model.save_pretrained(folder, safe_serialization=True)
        build_processor().save_pretrained(folder)
        for file in sorted(folder.iterdir()):
            file.chmod(0o644)
            shutil.move(str(file), out / file.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    save(build_model(), parser.parse_args().out)
