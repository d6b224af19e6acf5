"""Toy checkpoints: real Hugging Face classes at microscopic size, written with save_pretrained."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)

from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.registry import load
from zerotube.video.types import Clip, VideoInfo

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<video>\n{% endif %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IMAGE_SIZE, PATCH, SIDE = 56, 8, 4  # 7 x 7 patches, pooled to ceil(3.5) = 4 x 4 cells


def write_llava_onevision(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """A LLaVA-OneVision with a byte-level tokenizer, grouped keys and an odd patch grid."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    corpus = [
        "Is there the red square in this video? Yes No yes no assistant user",
        "Describe this video in details.",
        "assistant",
        "user",
    ] * 8
    bpe.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=520,
            special_tokens=specials,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=specials[1:],
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in specials}
    torch.manual_seed(seed)
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=IMAGE_SIZE,
            patch_size=PATCH,
            vision_use_head=False,
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


def load_toy(folder: Path, dtype: str = "float64") -> VideoMLLM:
    """Load a toy through the code that loads real models."""
    return load(str(folder), device="cpu", dtype=dtype)


def make_clip(frames: np.ndarray, *, stride: int = 3, fps: int = 10) -> Clip:
    """A clip of given pictures, every ``stride``-th frame of an imaginary video."""
    count, height, width, _ = frames.shape
    indices = np.arange(count, dtype=np.int64) * stride
    total = int(indices[-1]) + 1
    info = VideoInfo(
        path="imaginary.mp4",
        fps=Fraction(fps),
        frame_count=total,
        width=width,
        height=height,
        duration_s=total / fps,
        rotation_deg=0,
        variable_frame_rate=False,
        warnings=(),
    )
    return Clip(info=info, frames=frames, frame_indices=indices, timestamps_s=indices / fps)


def noise_clip(count: int = 3, size: int = 56, seed: int = 0) -> Clip:
    """A clip of random pixels."""
    rng = np.random.default_rng(seed)
    return make_clip(rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8))
