"""What the files of a checkpoint say, read without building or running anything from them.

A folder may come from anybody. Its JSON is read with limits, its index may name nothing but
safetensors files of the folder, and the headers of these say which tensors there are, before a
number of the configuration decides how large a model is built.
"""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from zerotube.errors import ModelError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
UNTOUCHED = "download the checkpoint again, unchanged, or use another one"

_MAX_DEPTH = 64
"""Deepest nesting of a JSON file; published ones stay below 12."""
_MAX_JSON_BYTES = 200_000_000
"""Tokenizers of large vocabularies take some 30 MB."""
_MAX_HEADER_BYTES = 100_000_000
"""The limit of the safetensors library itself."""
_ALWAYS_ALLOWED = 512
"""A count of layers up to here is never refused: some settings count layers that are not there."""
_COUNTS = re.compile(r"(?:^|_)(?:layers?|depths?|blocks|labels)$")
"""Settings that say how often something is built, in the configurations of `transformers`."""

DTYPE_BYTES: Mapping[str, float] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "U16": 2, "U32": 4, "U64": 8, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
    "F4": 0.5, "F6_E2M3": 0.75, "F6_E3M2": 0.75,
}  # fmt: skip
"""Bytes per number by the dtype's name in a safetensors header."""
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class StoredTensor:
    """One entry of a safetensors header.

    Attributes:
        dtype: as the header names it, such as "BF16".
        shape: sizes.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Numbers in it."""
        return prod(self.shape)


@dataclass(frozen=True)
class CheckpointFiles:
    """A folder whose configuration and weight files belong together as far as can be read.

    Attributes:
        folder: where they are.
        config: content of config.json.
        weights: the safetensors files that will be loaded.
        tensors: what they hold, by name.
    """

    folder: Path
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    tensors: Mapping[str, StoredTensor]

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.count for tensor in self.tensors.values())

    @property
    def dtype(self) -> str | None:
        """Floating-point dtype of the weights ("float32"): what the configuration says, else what
        most numbers of the files have; None where neither is one that torch computes in."""
        said = self.config.get("dtype") or self.config.get("torch_dtype")
        if isinstance(said, str) and said in _FLOATS.values():
            return said
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            if tensor.dtype in _FLOATS:
                counts[_FLOATS[tensor.dtype]] += tensor.count
        return counts.most_common(1)[0][0] if counts else None


def read_json(file: Path) -> Any:
    """Content of a JSON file of a checkpoint.

    Raises:
        ModelError: it is not JSON, not text, too large or nested too deeply.
    """
    if file.stat().st_size > _MAX_JSON_BYTES:
        raise ModelError(
            f"{str(file)!r} of {file.stat().st_size:,} bytes",
            wanted=f"at most {_MAX_JSON_BYTES:,}",
            fix=UNTOUCHED,
        )
    return _parsed(file.read_bytes(), file)


def _parsed(content: bytes, file: Path) -> Any:
    try:
        parsed = json.loads(content)
        depth = _depth(parsed)
    except RecursionError:
        depth = _MAX_DEPTH + 1
    except ValueError as error:
        reason = str(error) if content.strip() else "it is empty"
        raise ModelError(
            f"{str(file)!r}, which is not JSON ({reason[:120]})",
            wanted="a JSON file as save_pretrained writes it",
            fix=UNTOUCHED,
        ) from error
    if depth > _MAX_DEPTH:
        raise ModelError(
            f"{str(file)!r}, nested too deeply",
            wanted=f"at most {_MAX_DEPTH} levels",
            fix=UNTOUCHED,
        )
    return parsed


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted without recursion and no further than needed."""
    level, depth = [value], 0
    while level and depth <= _MAX_DEPTH:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level, depth = below, depth + 1
    return depth


def read_object(file: Path) -> dict[str, Any]:
    """Content of a JSON file that holds an object.

    Raises:
        ModelError: see ``read_json``; or it holds a list or a single value.
    """
    content = read_json(file)
    if not isinstance(content, dict):
        raise ModelError(
            f"{str(file)!r}, which holds a {type(content).__name__}",
            wanted="a JSON object as save_pretrained writes it",
            fix=UNTOUCHED,
        )
    return content


def read_header(file: Path) -> dict[str, StoredTensor]:
    """Tensors of a safetensors file, from its header alone.

    Source: the format's description in the README of github.com/huggingface/safetensors.

    Raises:
        ModelError: the file is not a safetensors file, or shorter or longer than its header says.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < length <= min(_MAX_HEADER_BYTES, size - 8):
            raise ModelError(
                f"{str(file)!r} of {size:,} bytes without a safetensors header",
                wanted="a whole safetensors file",
                fix=UNTOUCHED,
            )
        header = _parsed(stream.read(length), file)
    try:
        entries = {
            name: (StoredTensor(entry["dtype"], tuple(entry["shape"])), entry["data_offsets"][1])
            for name, entry in header.items()
            if name != "__metadata__"
        }
        end = 8 + length + max((stop for _, stop in entries.values()), default=0)
        tensors = {name: tensor for name, (tensor, _) in entries.items()}
        whole = all(side >= 0 for tensor in tensors.values() for side in tensor.shape)
        whole = whole and all(isinstance(tensor.dtype, str) for tensor in tensors.values())
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ModelError(
            f"{str(file)!r} with a damaged safetensors header",
            wanted="a dtype, a shape and offsets for every tensor",
            fix=UNTOUCHED,
        ) from error
    if not whole or end != size:
        raise ModelError(
            f"{str(file)!r} of {size:,} bytes",
            wanted=f"{end:,}, as its header says",
            fix="the download was cut off or changed: download the file again",
        )
    return tensors


def weight_names(folder: Path) -> tuple[str, ...]:
    """Names of the safetensors files of a checkpoint: the one, or the shards that its index names.

    Raises:
        ModelError: neither is there, or the index names anything but safetensors files that stand
            beside it: other formats can run code, other folders are not the checkpoint's.
    """
    if (folder / WEIGHTS).is_file():
        return (WEIGHTS,)
    index = folder / INDEX
    if not index.is_file():
        raise ModelError(
            f"{str(folder)!r} without weights",
            wanted=f"{WEIGHTS}, or {INDEX} and its shards, beside config.json",
            fix="download the weights, or convert them with save_pretrained",
        )
    content = read_object(index)
    named = content.get("weight_map")
    if not isinstance(named, dict) or not named or not isinstance(content.get("metadata"), dict):
        raise ModelError(
            f"{str(index)!r} without a weight map or metadata",
            wanted="a file for every tensor",
            fix=UNTOUCHED,
        )
    for file in named.values():
        plain = isinstance(file, str) and re.fullmatch(r"[\w.+=-]+\.safetensors", file)
        if not plain:
            raise ModelError(
                f"{str(index)!r}, which names the file {str(file)[:80]!r}",
                wanted="plain names that end in .safetensors, of files beside the index",
                fix="do not trust this checkpoint; use one with safetensors weights",
            )
    return tuple(sorted(set(named.values())))


def read_config(folder: Path) -> dict[str, Any]:
    """Content of config.json.

    Raises:
        ModelError: it is not there, cannot be a configuration, or names weight files of its own.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError(
            f"{str(folder)!r} without config.json",
            wanted="a folder written by save_pretrained",
            fix="pass the folder that holds config.json and *.safetensors",
        )
    config = read_object(file)
    named = config.get("architectures")
    if named is not None and not (
        isinstance(named, list) and all(isinstance(name, str) for name in named)
    ):
        raise ModelError(
            f"architectures {str(named)[:80]} in {str(file)!r}",
            wanted="a list of class names",
            fix=UNTOUCHED,
        )
    if config.get("transformers_weights") is not None:
        raise ModelError(
            f"{str(file)!r}, which names weight files of its own",
            wanted=f"weights in {WEIGHTS} or in the shards of {INDEX}",
            fix="remove 'transformers_weights' from it, or use another checkpoint",
        )
    return config


def architecture_of(config: Mapping[str, Any]) -> str:
    """The first class that a configuration names, "<none named>" where it names none."""
    return str((config.get("architectures") or ["<none named>"])[0])[:120]


def check_files(folder: Path) -> CheckpointFiles:
    """Read what a folder holds and refuse what does not belong together.

    Raises:
        ModelError: see ``read_config``, ``weight_names`` and ``read_header``; or a file that is
            missing or damaged, or a configuration that counts more layers than there are tensors.
    """
    config = read_config(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json",
                 "preprocessor_config.json", "video_preprocessor_config.json",
                 "generation_config.json", "chat_template.json"):  # fmt: skip
        if (folder / name).is_file():
            content = read_object(folder / name)
            if name == "tokenizer.json" and not isinstance(content.get("model"), dict):
                raise ModelError(
                    f"{str(folder / name)!r} without a model",
                    wanted="a tokenizer with its vocabulary",
                    fix=UNTOUCHED,
                )
    names = weight_names(folder)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{str(folder)!r} without {listed(missing)}, which its index names",
            wanted=f"all {len(names)} shards",
            fix="download the missing files into the folder",
        )
    weights = tuple(folder / name for name in names)
    tensors: dict[str, StoredTensor] = {}
    for file in weights:
        tensors |= read_header(file)
    _check_counts(config, max(len(tensors), _ALWAYS_ALLOWED), folder)
    return CheckpointFiles(folder, config, weights, tensors)


def _check_counts(config: Mapping[str, Any], limit: int, folder: Path) -> None:
    """Refuse a number of layers beyond that of all tensors: each layer has one at least."""
    for path, value in _numbers(config):
        if value > limit:
            raise ModelError(
                f"{path} of {value:,.0f} in {str(folder / 'config.json')!r}",
                wanted=f"at most {limit:,}: the weight files hold no more tensors",
                fix=UNTOUCHED,
            )


def _numbers(config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every setting that counts layers, with its path."""
    rest: list[tuple[str, Any, bool]] = [("", config, False)]
    while rest:
        path, value, counts = rest.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                rest.append((f"{path}.{key}".lstrip("."), item, bool(_COUNTS.search(str(key)))))
        elif isinstance(value, list):
            rest.extend((path, item, counts) for item in value)
        elif counts and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield path, value


def listed(names: list[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(name[:120] for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
