"""Toy checkpoints with one thing wrong each, and what has to be said about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from toys import smolvlm

Change = Callable[[Path], object]


def rewrite(name: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the content of a JSON file; None from the change keeps what it did in place."""

    def changed(folder: Path) -> None:
        file = folder / name
        content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        made = change(content)
        file.write_text(json.dumps(content if made is None else made), encoding="utf-8")

    return changed


def config(path: str, value: Any) -> Change:
    """Set one value of config.json."""

    def change(content: dict[str, Any]) -> None:
        *above, last = path.split(".")
        for key in above:
            content = content[key]
        content[last] = value

    return rewrite("config.json", change)


def text(name: str, content: str | bytes) -> Change:
    """Replace a file."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(raw)


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Change:
    """Change what model.safetensors holds."""

    def changed(folder: Path) -> None:
        held = load_file(folder / "model.safetensors")
        change(held)
        save_file(held, folder / "model.safetensors", metadata={"format": "pt"})

    return changed


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def shard(folder: Path, name: Any = "model-00001-of-00001.safetensors") -> None:
    """One shard and an index that gives the file of the tensors as ``name``."""
    weights = folder / "model.safetensors"
    keys = list(load_file(weights))
    weights.rename(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(keys, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def shard_named(name: Any) -> Change:
    return lambda folder: shard(folder, name)


def outside(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder.parent / "outside.safetensors")
    shard(folder, "../outside.safetensors")


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def first_key(held: dict[str, torch.Tensor]) -> str:
    return next(key for key in sorted(held) if "layers.0" in key)


def drop_layer(held: dict[str, torch.Tensor]) -> None:
    for key in [key for key in held if "language" in key and "layers.1." in key]:
        del held[key]


def rename_all(held: dict[str, torch.Tensor]) -> None:
    for key in list(held):
        held[f"other.{key}"] = held.pop(key)


BROKEN: dict[str, tuple[Change, str]] = {
    # Weight files.
    "a tensor is missing": (
        tensors(lambda held: held.pop(first_key(held))), r"without 1 tensors: model\.\S+\.weight"
    ),
    "a layer is missing": (tensors(drop_layer), r"without 1\d tensors: .* and \d+ more"),
    "foreign names": (tensors(rename_all), r"tensors: .*; it holds other\."),
    "another shape": (
        tensors(lambda held: held.update({first_key(held): torch.zeros(3, 5)})),
        r"with 1 tensors of another shape: .* \(3, 5\) for ",
    ),
    "cut off": (cut, r"of [\d,]+ bytes; wanted [\d,]+, as its header says"),
    "something behind the end": (
        lambda folder: (folder / "model.safetensors").open("ab").write(b"more"), "as its header"
    ),
    "no header": (text("model.safetensors", b"\xff" * 64), "without a safetensors header"),
    "a header that is not JSON": (
        text("model.safetensors", b"\x04" + b"\0" * 7 + b"nope"), "which is not JSON"
    ),
    "a header of other things": (
        text("model.safetensors", b'\x0d' + b"\0" * 7 + b'{"a": [1, 2]}'), "damaged"
    ),
    "weights of another family": (
        lambda folder: shutil.copy(
            smolvlm.write(folder.parent / "smolvlm") / "model.safetensors", folder
        ),
        "tensors",
    ),
    # Index.
    "an index of pickles": (shard_named("x.bin"), r"names the file 'x\.bin'"),
    "an index of other folders": (outside, r"names the file '\.\./outside\.safetensors'"),
    "an index from the root": (shard_named("/etc/x.safetensors"), "names the file '/etc"),
    "an index of numbers": (shard_named(3), "names the file '3'"),
    "a shard that is not there": (shard_named("b.safetensors"), r"without b\.safetensors"),
    "an index that is a list": (
        lambda folder: (shard(folder), text("model.safetensors.index.json", "[]")(folder)),
        "holds a list",
    ),
    "an index of nothing": (
        lambda folder: (shard(folder), text("model.safetensors.index.json", "{}")(folder)),
        "without a weight map",
    ),
    "weights by another name": (config("transformers_weights", "adapter_model.bin"), "of its own"),
    # Configuration.
    "architectures of lists": (config("architectures", [["x"]]), r"architectures \[\['x'\]\]"),
    "architectures of a word": (config("architectures", "Llava"), "a list of class names"),
    "a list": (text("config.json", "[1, 2]"), "holds a list"),
    "empty": (text("config.json", ""), "it is empty"),
    "not text": (text("config.json", b"\xff\xfe\x00"), "not JSON"),
    "nested": (text("config.json", deep(100)), "nested too deeply"),
    "nested without end": (text("config.json", deep(200_000)), "nested too deeply"),
    "another type": (config("model_type", "qwen2_vl"), "belong together"),
    "a type that is not known": (config("model_type", "evil"), "belong together"),
    "a type that is a list, and code": (
        rewrite("config.json", lambda content: content.update(model_type=[], auto_map={"a": "b"})),
        "code of its own",
    ),
    "layers": (config("text_config.num_hidden_layers", 10**9), r"of 1,000,000,000 in"),
    "layers as a float": (config("vision_config.num_hidden_layers", 1e9), r"1,000,000,000"),
    "a depth nobody reads": (config("depth", 1e9), "depth of 1,000,000,000"),
    "labels": (config("num_labels", 10**9), "num_labels"),
    "some layers more": (config("vision_config.num_hidden_layers", 5), r"without \d+ tensors"),
    "wide": (config("text_config.hidden_size", 4 * 10**6), "promises more than"),
    "wider than numbers": (config("text_config.hidden_size", 10**12), "got model"),
    "a vocabulary": (config("text_config.vocab_size", 10**9), "promises more than"),
    "many places": (config("vision_config.image_size", 10**7), "promises more than"),
    "a width of words": (config("text_config.hidden_size", "x"), "could not be loaded"),
    "quantised by what is not here": (
        config("quantization_config", {"quant_method": "gptq", "bits": 4}), "got model"
    ),
    # Tokenizer, processor, template.
    "an empty tokenizer": (text("tokenizer.json", ""), r"tokenizer\.json', which is not JSON"),
    "a tokenizer of nothing": (text("tokenizer.json", "{}"), "without a model"),
    "a tokenizer of another kind": (
        rewrite("tokenizer.json", lambda content: content.update(model={"type": "x"})), "got model"
    ),
    "a processor that is a list": (text("processor_config.json", "[]"), "holds a list"),
    "a placeholder that is none": (
        rewrite("processor_config.json", lambda content: content.update(video_token=[])),
        "got model",
    ),
    "a template of nothing": (text("chat_template.jinja", ""), "got"),
    "a template that is not text": (text("chat_template.jinja", b"\xff\xfe\xff"), "got model"),
    "a template that is not one": (text("chat_template.jinja", "{% for %}"), "chat template"),
    "a template that loops": (
        text(
            "chat_template.jinja",
            "{% for a in range(99999) %}{% for b in range(99999) %}"
            "{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        ),
        "does not come to an end",
    ),
    "a template that counts": (
        text("chat_template.jinja", "{{ (10 ** (10 ** 8)) % 7 }}"), "does not come to an end"
    ),
    "a template that writes": (
        text("chat_template.jinja", "{% for a in range(99999) %}{{ 'a' * 99 }}{% endfor %}"),
        "writes more than 100,000 characters",
    ),
    "a template that fills memory": (
        text("chat_template.jinja", "{{ ('a' * 10 ** 10) | length }}"), "fills the memory"
    ),
}  # fmt: skip


OWN_CODE = """
from pathlib import Path
Path({marker!r}).write_text("it ran")
"""


def with_own_code(name: str, changes: dict[str, Any]) -> Change:
    """The file names a class of a module of the checkpoint's own, which leaves a mark."""

    def changed(folder: Path) -> None:
        marker = str(folder.parent / "marker")
        (folder / "own.py").write_text(OWN_CODE.format(marker=marker), encoding="utf-8")
        rewrite(name, lambda content: content.update(changes))(folder)

    return changed


AUTO = {"AutoConfig": "own.Own", "AutoModelForImageTextToText": "own.Own", "AutoModel": "own.Own"}
CODE: dict[str, Change] = {
    "a type of its own": with_own_code("config.json", {"auto_map": AUTO, "model_type": "own"}),
    "a processor of its own": with_own_code(
        "processor_config.json",
        {"auto_map": {"AutoProcessor": "own.Own"}, "processor_class": "Own"},
    ),
    "a tokenizer of its own": with_own_code(
        "tokenizer_config.json",
        {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"},
    ),
}  # fmt: skip
