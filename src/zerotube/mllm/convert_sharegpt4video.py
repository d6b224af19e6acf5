"""ShareGPT4Video-8B as a Hugging Face LLaVA-NeXT: ``python -m ... SOURCE OUT``.

The checkpoint ``Lin-Chen/sharegpt4video-8b`` is a ``LlavaLlamaForCausalLM`` of its authors' own
code (a LLaVA-NeXT on Llama-3), which ``transformers`` does not know. Its tensors are renamed and
nothing else: no number changes. Names on the left follow from the classes in the authors'
``llava/model`` (github.com/ShareGPT4Omni/ShareGPT4Video), names on the right are those of the
``llava-hf`` checkpoints:

=================================================== ============================================
``model.embed_tokens.``                             ``language_model.model.embed_tokens.``
``model.layers.``                                   ``language_model.model.layers.``
``model.norm.``                                     ``language_model.model.norm.``
``lm_head.``                                        ``language_model.lm_head.``
``model.image_newline``                             ``image_newline``
``model.mm_projector.0.``                           ``multi_modal_projector.linear_1.``
``model.mm_projector.2.``                           ``multi_modal_projector.linear_2.``
``model.vision_tower.vision_tower.vision_model.``   ``vision_tower.vision_model.``
=================================================== ============================================

The authors' code marks the picture by the id -200, which is not a token. Here one of Llama-3's
reserved special tokens stands for it, so that the vocabulary stays as it is. A name that is not in
the table, or one that is missing, is refused.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.checkpoints import refusing
from zerotube.checkpoints.files import UNTOUCHED, read_config
from zerotube.checkpoints.strict import TRUSTED
from zerotube.errors import ModelError, UsageError, ZerotubeError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPVisionConfig

ORIGINAL = "LlavaLlamaForCausalLM"
ARCHITECTURE = "ShareGPT4VideoForConditionalGeneration"

KEY_MAP = (
    ("model.vision_tower.vision_tower.vision_model.", "vision_tower.vision_model."),
    ("model.mm_projector.0.", "multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "multi_modal_projector.linear_2."),
    ("model.image_newline", "image_newline"),
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.layers.", "language_model.model.layers."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
)
"""Beginning of an original name -> beginning of the Hugging Face name."""

_BUFFERS = (".inv_freq", ".position_ids")  # computed, not learned; older files hold them

CHAT_TEMPLATE = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "You are a helpful language and vision assistant. You are able to understand the visual "
    "content that the user provides, and assist the user with a variety of tasks using natural "
    "language.<|eot_id|>"
    "{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE_TOKEN\nThe provided image arranges keyframes from a "
    "video in a grid view, keyframes are separated with white bands. {% endif %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""The authors' ``llava_llama_3`` conversation; of their sentences before the question, the one that
describes the picture (the other asks for a summary)."""


def convert(source: Path, out: Path, *, vision_tower: Path | None = None) -> Path:
    """Write a checkpoint that ``zerotube`` and ``transformers`` load.

    Tensors go through memory one file at a time, in the dtype they have.

    Args:
        source: folder with the original config, tokenizer and ``*.safetensors`` or ``*.bin``.
        out: folder to write; it must not hold a checkpoint.
        vision_tower: folder of the CLIP vision model, for checkpoints saved without it.

    Returns:
        ``out``.

    Raises:
        ModelError: the source is not such a checkpoint, or names do not match the table above.
        UsageError: ``out`` holds a checkpoint already.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import LlavaNextForConditionalGeneration

    original = _original_config(source)
    if (out / "config.json").exists():
        raise UsageError(
            f"{str(out)!r}, which holds a checkpoint", wanted="a new folder", fix="name another"
        )
    # Each with whether it holds a CLIP vision model under its own names.
    files = [(file, False) for file in _weight_files(source)]
    if vision_tower is not None:
        files += [(file, True) for file in _weight_files(vision_tower)]
    shapes: dict[str, tuple[int, ...]] = {}
    for file, tower in files:
        shapes |= {name: tuple(tensor.shape) for name, tensor in _renamed(file, tower=tower)}
    config = _config(original, _vision_config(shapes, vision_tower))

    with torch.device("meta"):
        empty = LlavaNextForConditionalGeneration(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in _published(empty).items()}
    _compare(shapes, wanted)

    out.mkdir(parents=True, exist_ok=True)
    processor = _processor(source, config)
    config.image_token_index = processor.image_token_id
    weight_map: dict[str, str] = {}
    for number, (file, tower) in enumerate(files, start=1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        tensors = dict(_renamed(file, tower=tower))
        save_file(
            {key: value.contiguous() for key, value in tensors.items()},
            out / name,
            metadata={"format": "pt"},
        )
        weight_map |= dict.fromkeys(tensors, name)
    index = {"metadata": {}, "weight_map": dict(sorted(weight_map.items()))}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    processor.save_pretrained(out)
    config.save_pretrained(out)
    # Written last: the family is chosen by this name, and without config.json there is no model.
    written = json.loads((out / "config.json").read_text())
    written["architectures"] = [ARCHITECTURE]
    (out / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    return out


def _original_config(source: Path) -> dict[str, Any]:
    path = source / "config.json"
    if not path.is_file():
        raise ModelError(
            f"{str(source)!r} without config.json",
            wanted="the folder of a downloaded checkpoint",
            fix="run: hf download Lin-Chen/sharegpt4video-8b --local-dir FOLDER",
        )
    config = read_config(source)
    expected = {
        "architectures": [ORIGINAL],
        "mm_projector_type": "mlp2x_gelu",
        "mm_patch_merge_type": "spatial_unpad",
        "image_aspect_ratio": "anyres",
    }
    for key, value in expected.items():
        if config.get(key) != value:
            raise ModelError(
                f"{key}={config.get(key)!r} in {str(path)!r}",
                wanted=f"{value!r}, as ShareGPT4Video-8B was trained",
                fix="this converter is for ShareGPT4Video-8B only",
            )
    for key in ("mm_vision_select_layer", "image_grid_pinpoints", "vocab_size", "hidden_size"):
        if key not in config:
            raise ModelError(
                f"{str(path)!r} without {key}",
                wanted="the configuration of ShareGPT4Video-8B",
                fix="download it again, unchanged",
            )
    return config


def _weight_files(folder: Path) -> list[Path]:
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        files = sorted(folder.glob(pattern))
        if files:
            return files
    raise ModelError(
        f"{str(folder)!r} without weights",
        wanted="*.safetensors or pytorch_model*.bin",
        fix="download the whole repository",
    )


def _renamed(file: Path, *, tower: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a file under their new names; ``tower``: the file is a CLIP vision model's."""
    for name, tensor in _tensors(file):
        if name.endswith(_BUFFERS):
            continue
        if tower:
            if name.startswith("vision_model."):  # a whole CLIP has a text half as well
                yield f"vision_tower.{name}", tensor
            continue
        for old, new in KEY_MAP:
            if name.startswith(old):
                yield new + name.removeprefix(old), tensor
                break
        else:
            raise ModelError(
                f"a tensor {name!r} in {file.name}",
                wanted=f"names that begin with {', '.join(old for old, _ in KEY_MAP)}",
                fix="this is not the checkpoint the converter was written for; please report it",
            )


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    if file.suffix == ".bin":
        import torch

        yield from torch.load(file, map_location="cpu", weights_only=True, mmap=True).items()
        return
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118 - not a dictionary
            yield name, opened.get_tensor(name)


def _published(model: Any) -> dict[str, Tensor]:
    """Parameters under their names in a ``llava-hf`` file, by the key mapping of transformers."""
    from transformers.core_model_loading import revert_weight_conversion

    # The files name one level more of a CLIP than the class in memory has.
    inner, outer = "vision_tower.vision_model.", "vision_tower."
    return {
        name.replace(inner, outer).replace(outer, inner): tensor
        for name, tensor in revert_weight_conversion(model, model.state_dict()).items()
    }


def _vision_config(
    shapes: dict[str, tuple[int, ...]], vision_tower: Path | None
) -> CLIPVisionConfig:
    """Shape of the CLIP tower, from its folder or from its tensors."""
    from transformers import CLIPVisionConfig

    if vision_tower is not None:
        read_config(vision_tower)
        with refusing(str(vision_tower), wanted="the folder of a CLIP", fix=UNTOUCHED):
            return CLIPVisionConfig.from_pretrained(vision_tower, **TRUSTED)
    inside = "vision_tower.vision_model."
    try:
        hidden, _, patch, _ = shapes[f"{inside}embeddings.patch_embedding.weight"]
        positions = shapes[f"{inside}embeddings.position_embedding.weight"][0]
        middle = shapes[f"{inside}encoder.layers.0.mlp.fc1.weight"][0]
    except KeyError as error:
        raise ModelError(
            "a checkpoint without its vision tower",
            wanted="the tensors model.vision_tower.*",
            fix="pass --vision-tower with the folder of the CLIP model it names",
        ) from error
    layers = {name.split(".")[4] for name in shapes if name.startswith(f"{inside}encoder.layers.")}
    return CLIPVisionConfig(
        hidden_size=hidden,
        intermediate_size=middle,
        num_hidden_layers=len(layers),
        num_attention_heads=max(1, hidden // 64),  # every CLIP tower has heads of 64
        patch_size=patch,
        image_size=round((positions - 1) ** 0.5) * patch,
    )


def _config(original: dict[str, Any], vision: CLIPVisionConfig) -> Any:
    from transformers import LlamaConfig, LlavaNextConfig

    pinpoints = original["image_grid_pinpoints"]
    if isinstance(pinpoints, str):
        pinpoints = ast.literal_eval(pinpoints)
    text_keys = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "hidden_act", "rms_norm_eps", "rope_theta",
        "rope_scaling", "max_position_embeddings", "bos_token_id", "eos_token_id", "pad_token_id",
        "attention_bias", "mlp_bias", "tie_word_embeddings",
    )  # fmt: skip
    text = LlamaConfig.from_dict({key: original[key] for key in text_keys if key in original})
    return LlavaNextConfig(
        text_config=text,
        vision_config=vision,
        vision_feature_layer=original["mm_vision_select_layer"],
        vision_feature_select_strategy=(
            "default" if original.get("mm_vision_select_feature", "patch") == "patch" else "full"
        ),
        # Width before height there, height before width here.
        image_grid_pinpoints=[[height, width] for width, height in pinpoints],
        dtype=original.get("torch_dtype"),
    )


def _compare(found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]) -> None:
    """Refuse a checkpoint whose names or shapes differ from the class."""
    for left, right, what in (
        (found, wanted, "tensors the class does not have"),
        (wanted, found, "no tensors"),
    ):
        rest = sorted(set(left) - set(right))
        if rest:
            raise ModelError(
                f"{what}: {', '.join(rest[:3])}{' and more' if len(rest) > 3 else ''}",
                wanted="exactly those of a LLaVA-NeXT on Llama",
                fix="this is not the checkpoint the converter was written for; please report it",
            )
    for name, shape in wanted.items():
        if found[name] != shape:
            raise ModelError(
                f"{name} of shape {found[name]}",
                wanted=f"{shape}, as the configuration says",
                fix="download the checkpoint again: config and weights do not belong together",
            )


def _processor(source: Path, config: Any) -> Any:
    from transformers import LlavaNextImageProcessor, LlavaNextProcessor, PreTrainedTokenizerFast

    if not (source / "tokenizer.json").is_file():
        raise ModelError(
            f"{str(source)!r} without tokenizer.json",
            wanted="the tokenizer of Llama-3",
            fix="download the whole repository",
        )
    # Not AutoTokenizer: it would ask for the configuration class that does not exist.
    with refusing(str(source), wanted="the tokenizer of Llama-3", fix=UNTOUCHED):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(source, **TRUSTED)
    reserved = sorted(
        (token.content, number)
        for number, token in tokenizer.added_tokens_decoder.items()
        if "reserved_special_token" in token.content
        and number < config.text_config.vocab_size
        and number != tokenizer.pad_token_id
    )
    if not reserved:
        raise ModelError(
            f"a tokenizer in {str(source)!r} without a reserved special token",
            wanted="the tokenizer of Llama-3",
            fix="this is not the checkpoint the converter was written for; please report it",
        )
    image_token = reserved[-1][0]
    side = config.vision_config.image_size
    return LlavaNextProcessor(
        image_processor=LlavaNextImageProcessor(
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
            image_grid_pinpoints=config.image_grid_pinpoints,
        ),
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
        image_token=image_token,
        chat_template=CHAT_TEMPLATE.replace("IMAGE_TOKEN", image_token),
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line: source folder, new folder, and the vision tower's where it is apart."""
    parser = argparse.ArgumentParser(
        prog="python -m zerotube.mllm.convert_sharegpt4video",
        description="Rename the tensors of ShareGPT4Video-8B so that zerotube loads it.",
    )
    parser.add_argument("source", type=Path, help="folder of the downloaded checkpoint")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--vision-tower", type=Path, help="folder of CLIP, if not in the weights")
    given = parser.parse_args(arguments)
    try:
        print(convert(given.source, given.out, vision_tower=given.vision_tower))
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
