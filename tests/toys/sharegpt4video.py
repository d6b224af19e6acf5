"""A toy ShareGPT4Video, written in its authors' format and converted.

`Original` has the module tree of their `LlavaLlamaForCausalLM`, so its state dict has the names
that the converter meets.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import processors
from torch import nn
from transformers import CLIPVisionModel, LlamaConfig, LlamaForCausalLM

from toys.clip import answer_to_area, vision_config
from toys.common import QUESTION, byte_level_tokenizer
from zerotube.mllm.convert_sharegpt4video import convert

ARCHITECTURE = "ShareGPT4VideoForConditionalGeneration"
IMAGE_TOKEN = "<|reserved_special_token_1|>"
GOLDEN = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "You are a helpful language and vision assistant. You are able to understand the visual "
    "content that the user provides, and assist the user with a variety of tasks using natural "
    "language.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    f"{IMAGE_TOKEN}\nThe provided image arranges keyframes from a video in a grid view, keyframes "
    f"are separated with white bands. {QUESTION}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
TILE, PATCH = 28, 4
FRAME = (150, 100)  # with bands of 50, every border falls between two features of 25 x 25 pixels


class Original(nn.Module):
    """Llama with the vision tower, the projector and the newline inside its inner model."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        language = LlamaForCausalLM(config)
        self.model, self.lm_head = language.model, language.lm_head
        vision = vision_config(TILE, PATCH)
        tower = CLIPVisionModel(vision)
        answer_to_area(tower)
        self.model.vision_tower = nn.Module()
        self.model.vision_tower.vision_tower = nn.Module()
        # The name it had in the library the authors used; newer classes dropped this level.
        self.model.vision_tower.vision_tower.vision_model = tower
        width = config.hidden_size
        self.model.mm_projector = nn.Sequential(
            nn.Linear(vision.hidden_size, width), nn.GELU(), nn.Linear(width, width)
        )
        self.model.image_newline = nn.Parameter(torch.randn(width) * width**-0.5)


def write_original(folder: Path, *, layers: int = 2, seed: int = 0) -> Original:
    """Write the authors' format into a folder, and return the model."""
    specials = [
        "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
        "<|reserved_special_token_1|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    ]  # fmt: skip
    tokenizer = byte_level_tokenizer(specials, eos="<|end_of_text|>", pad="<|eot_id|>")
    start = tokenizer.convert_tokens_to_ids("<|begin_of_text|>")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", start)]
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
        rope_theta=500000.0,
        max_position_embeddings=8192,
    )
    model = Original(config).eval()
    tokenizer.save_pretrained(folder)
    save_file(model.state_dict(), folder / "model-00001-of-00001.safetensors")
    # Flat, as the authors' LlavaConfig writes it; sizes are (width, height).
    written = {
        "architectures": ["LlavaLlamaForCausalLM"],
        "model_type": "llava_llama",
        **{
            key: getattr(config, key)
            for key in (
                "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                "num_attention_heads", "num_key_value_heads", "hidden_act", "rms_norm_eps",
                "max_position_embeddings", "tie_word_embeddings",
            )
        },
        "rope_theta": 500000.0,
        "torch_dtype": "float32",
        "mm_projector_type": "mlp2x_gelu",
        "mm_patch_merge_type": "spatial_unpad",
        "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "patch",
        "mm_vision_tower": "openai/clip-vit-large-patch14-336",
        "image_aspect_ratio": "anyres",
        "image_grid_pinpoints": [
            [TILE * wide, TILE * high] for wide, high in ((1, 2), (2, 1), (2, 2), (4, 2))
        ],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(written))
    return model


def write(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write the original beside a folder and convert it into the folder."""
    original = folder.parent / f"{folder.name}-original"
    original.mkdir(parents=True)
    write_original(original, layers=layers, seed=seed)
    return convert(original, folder)
