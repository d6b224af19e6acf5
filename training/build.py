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
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    Qwen2Config,
    SiglipVisionConfig,
)

from vocabulary import CHAT_TEMPLATE, build_tokenizer

FRAME = 112
"""Side of a frame in pixels."""
PATCH = 7
"""Side of a vision patch in pixels: 16 x 16 patches, pooled to 8 x 8 cells."""


def build_processor() -> LlavaOnevisionProcessor:
    """Tokenizer, image and video processors and the chat template."""
    size = {"height": FRAME, "width": FRAME}
    centre = [0.5, 0.5, 0.5]
    return LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(
            size=size, image_grid_pinpoints=[[FRAME, FRAME]], image_mean=centre, image_std=centre
        ),
        tokenizer=build_tokenizer(),
        video_processor=LlavaOnevisionVideoProcessor(
            size=size, image_mean=centre, image_std=centre
        ),
        num_image_tokens=(FRAME // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )


def build_config() -> LlavaOnevisionConfig:
    """A SigLIP tower and a Qwen2 of 3 layers each, 128 wide."""
    tokenizer = build_tokenizer()
    vision = SiglipVisionConfig(
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=FRAME,
        patch_size=PATCH,
        vision_use_head=False,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    return LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=[[FRAME, FRAME]],
        tie_word_embeddings=False,
    )


def build_model(seed: int = 0) -> LlavaOnevisionForConditionalGeneration:
    """A randomly initialised model in float32."""
    torch.manual_seed(seed)
    return LlavaOnevisionForConditionalGeneration(build_config()).float()


def save(model: LlavaOnevisionForConditionalGeneration, out: Path) -> None:
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
