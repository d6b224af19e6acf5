"""Write a checkpoint of exactly the files that the hub has; only sizes are shrunk."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForImageTextToText

from published.vocabularies import QWEN_WORDS, SMOL_WORDS, write_byte_level, write_llama

HERE = Path(__file__).parent
DATA = HERE / "data"
GOLDEN = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))
QUESTION: str = GOLDEN["question"]

Json = dict[str, Any]
Renames = tuple[tuple[str, str], ...]

WIDTHS: Json = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
ONE_HEAD: Json = WIDTHS | {"num_attention_heads": 1}
TEXT: Json = ONE_HEAD | {"num_key_value_heads": 1}
# The three parts of a head's frequencies have to fill it.
MROPE: Json = {"type": "mrope", "mrope_section": [2, 3, 3]}

QWEN3_MROPE: Json = {
    "rope_type": "default",
    "mrope_interleaved": True,
    "mrope_section": [4, 2, 2],
}
QWEN3_VISION: Json = {
    "depth": 4,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 1,
    "out_hidden_size": 16,
    "deepstack_visual_indexes": [0, 1],
}

# Names in today's models -> names in the hub's files, from the makers' conversion scripts: the
# files were written when the language model still was a whole causal model inside, and the vision
# towers of CLIP and SigLIP had an inner `vision_model`.
LLAVA: Renames = (
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.(vision|image|video)_tower\.", r"\1_tower.vision_model."),
    (r"^model\.", ""),
)
INTERNVL: Renames = (*LLAVA[:2], LLAVA[3])
QWEN2: Renames = ((r"^model\.language_model\.", "model."), (r"^model\.visual\.", "visual."))


@dataclass(frozen=True)
class Recipe:
    """How one published checkpoint is shrunk.

    Attributes:
        golden: its key in `golden.json`.
        sizes: laid over its `config.json`.
        vocabulary: writes `tokenizer.json`.
        renames: patterns that turn names in today's models into those of the hub's files; () where
            they are the same.
        untied: whether the file has an output head of its own against what the config says.
    """

    golden: str
    sizes: Json
    vocabulary: Callable[[Path], None]
    renames: Renames = ()
    untied: bool = False


def _qwen_words(folder: Path) -> None:
    write_byte_level(folder, QWEN_WORDS)


def _smol_words(folder: Path) -> None:
    write_byte_level(folder, SMOL_WORDS, first=17)


def _smol(**vision: Any) -> Recipe:
    sizes = {"text_config": TEXT, "vision_config": ONE_HEAD | vision}
    return Recipe("SmolVLM2-2.2B-Instruct", sizes, _smol_words)


_QWEN25_VISION: Json = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 1,
                        "out_hidden_size": 16, "fullatt_block_indexes": [1]}  # fmt: skip
_QWEN25 = Recipe(
    "Qwen2-VL / Qwen2.5-VL",
    {**TEXT, "rope_scaling": MROPE, "vision_config": _QWEN25_VISION},
    _qwen_words,
    QWEN2,
)
RECIPES: dict[str, Recipe] = {
    "llava_next_video/LLaVA-NeXT-Video-7B-hf": Recipe(
        "LLaVA-NeXT-Video-7B-hf",
        {"text_config": TEXT, "vision_config": ONE_HEAD},
        write_llama,
        LLAVA,
    ),
    "llava_onevision/llava-onevision-qwen2-7b-ov-hf": Recipe(
        "llava-onevision-qwen2-7b-ov-hf",
        {"text_config": TEXT, "vision_config": ONE_HEAD},
        _qwen_words,
        LLAVA,
    ),
    "qwen2_vl/Qwen2-VL-7B-Instruct": Recipe(
        "Qwen2-VL / Qwen2.5-VL",
        {
            **TEXT,
            "rope_scaling": MROPE,
            "vision_config": {"depth": 2, "embed_dim": 16, "num_heads": 1, "hidden_size": 16},
        },
        _qwen_words,
        QWEN2,
    ),
    "qwen2_5_vl/Qwen2.5-VL-3B-Instruct": _QWEN25,
    "qwen2_5_vl/Qwen2.5-VL-7B-Instruct": _QWEN25,
    "qwen3_vl/Qwen3-VL-4B-Instruct": Recipe(
        "Qwen3-VL",
        {
            "text_config": {**TEXT, "head_dim": 16, "rope_scaling": QWEN3_MROPE},
            "vision_config": QWEN3_VISION,
        },
        _qwen_words,
    ),
    "internvl/InternVL3-8B-hf": Recipe(
        "InternVL3-8B-hf",
        {"text_config": TEXT, "vision_config": ONE_HEAD},
        _qwen_words,
        INTERNVL,
        untied=True,
    ),
    "smolvlm/SmolVLM2-2.2B-Instruct": _smol(),
    "smolvlm/SmolVLM2-256M-Video-Instruct": _smol(),
    "video_llama_3/VideoLLaMA3-7B-Image-HF": Recipe(
        "VideoLLaMA3-7B-Image-HF",
        {"text_config": TEXT | {"layer_types": ["full_attention"] * 2}, "vision_config": ONE_HEAD},
        _qwen_words,
    ),
    "video_llava/Video-LLaVA-7B-hf": Recipe(
        "Video-LLaVA-7B-hf", {"text_config": TEXT, "vision_config": ONE_HEAD}, write_llama, LLAVA
    ),
}  # fmt: skip
"""Folder below `data/` -> how it is shrunk."""


def write(name: str, folder: Path, changes: Json | None = None) -> Path:
    """Write a published checkpoint with random weights into a new folder, and return it.

    Args:
        name: key of `RECIPES`.
        folder: where the files go.
        changes: laid over `config.json` as well.
    """
    recipe = RECIPES[name]
    write_files(name, folder, recipe.sizes, changes or {})
    save_weights(folder, published_state(folder, recipe))
    return folder


def template(name: str) -> str:
    """The chat template of a published checkpoint."""
    raw = DATA / name / "chat_template.jinja"
    if raw.exists():
        return raw.read_text(encoding="utf-8")
    text: str = read(DATA / name / "chat_template.json")["chat_template"]
    return text


def prompt(name: str, question: str) -> str:
    """What a published checkpoint makes of a question, by `golden.json`."""
    golden = GOLDEN["families"][RECIPES[name].golden]
    # Video-LLaVA was published without a template; its makers document one.
    text: str = golden.get("rendered") or golden["rendered_recommended"]
    return text.replace(QUESTION, question)


def write_files(name: str, folder: Path, *changes: Json) -> Path:
    """Write all of a published checkpoint but its weights into a new folder, and return it.

    Args:
        name: key of `RECIPES`.
        folder: where the files go.
        changes: laid over `config.json`, one after the other; none leaves the published sizes.
    """
    shutil.copytree(DATA / name, folder)
    config = read(folder / "config.json")
    for change in changes:
        config = overlaid(config, change)
    dump(folder / "config.json", config)
    RECIPES[name].vocabulary(folder)
    return folder


def published_state(folder: Path, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Random tensors of the model that ``config.json`` describes, under the hub's names."""
    config = AutoConfig.from_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config)
    state: dict[str, torch.Tensor] = {}
    for own, tensor in model.state_dict().items():
        if own == "lm_head.weight" and config.tie_word_embeddings:
            if not recipe.untied:
                continue
            tensor = torch.randn_like(tensor)
        if tensor.ndim > 1 and float(tensor.std()) < 1e-6:
            # InternVL3 was published with an initial range of 1e-10: every picture would be black.
            tensor = 0.1 * torch.randn_like(tensor)
        state[published_name(own, recipe)] = tensor.to(config.dtype).contiguous()
    return state


def published_name(own: str, recipe: Recipe) -> str:
    """The hub's name of a tensor of today's model."""
    for pattern, replacement in recipe.renames:
        changed = re.sub(pattern, replacement, own)
        if changed != own:
            return changed
    return own


def save_weights(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Two shards and their index, as the hub has for all but the smallest models."""
    names = sorted(state)
    shards = {f"model-0000{number + 1}-of-00002.safetensors": names[number::2] for number in (0, 1)}
    for file, own in shards.items():
        save_file({name: state[name] for name in own}, folder / file, metadata={"format": "pt"})
    size = sum(tensor.numel() * tensor.itemsize for tensor in state.values())
    index = {name: file for file, own in shards.items() for name in own}
    dump(folder / "model.safetensors.index.json",
         {"metadata": {"total_size": size}, "weight_map": index})  # fmt: skip


def read(file: Path) -> Json:
    """A JSON file."""
    content: Json = json.loads(file.read_text(encoding="utf-8"))
    return content


def dump(file: Path, content: Json) -> None:
    """Write a JSON file."""
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def overlaid(below: Json, above: Json) -> Json:
    """One nested dictionary over another."""
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlaid(merged[key], value) if nested else value
    return merged
