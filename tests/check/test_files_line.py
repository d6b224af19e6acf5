"""The line about the files of a checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from zerotube.check.files import check_files
from zerotube.checkpoints.files import INDEX


def sharded(folder: Path) -> dict[str, str]:
    """Write the tensors of a checkpoint into two files with an index, and return its map."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, folder / file)
    weight_map = {name: file for file, held in parts.items() for name in held}
    write_index(folder, weight_map)
    return weight_map


def write_index(folder: Path, weight_map: dict[str, str]) -> None:
    (folder / INDEX).write_text(
        json.dumps({"metadata": {}, "weight_map": weight_map}), encoding="utf-8"
    )


@pytest.fixture
def copy(toy_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_folder, tmp_path / "copy"))


def test_one_file_and_several(copy: Path) -> None:
    one = check_files(copy)
    assert one.status == "pass"
    sharded(copy)
    (copy / "pytorch_model.bin").write_bytes(b"never read")
    two = check_files(copy)
    assert two.status == "pass"
    assert (one.values["files"], two.values["files"]) == (1, 2)
    assert one.values["parameters"] == two.values["parameters"] > 0
    assert "pytorch_model.bin" in two.detail


def _cut(folder: Path, weight_map: dict[str, str]) -> str:
    content = (folder / "a.safetensors").read_bytes()
    (folder / "a.safetensors").write_bytes(content[:-10])
    return "a.safetensors|ncomplete|header"


def _gone(folder: Path, weight_map: dict[str, str]) -> str:
    (folder / "b.safetensors").unlink()
    return "without b.safetensors"


def _pickled(folder: Path, weight_map: dict[str, str]) -> str:
    write_index(folder, weight_map | {"x": "x.bin"})
    return "x.bin"


def _outside(folder: Path, weight_map: dict[str, str]) -> str:
    shutil.copy(folder / "a.safetensors", folder.parent / "outside.safetensors")
    write_index(folder, weight_map | {"x": "../outside.safetensors"})
    return "outside.safetensors"


def _tensor_gone(folder: Path, weight_map: dict[str, str]) -> str:
    write_index(folder, weight_map | {"head.of.nobody": "a.safetensors"})
    return "head.of.nobody"


def _not_an_index(folder: Path, weight_map: dict[str, str]) -> str:
    (folder / INDEX).write_text("[]", encoding="utf-8")
    return "is not an object|weight map|without|index"


def _no_config(folder: Path, weight_map: dict[str, str]) -> str:
    (folder / "config.json").unlink()
    return "config.json"


@pytest.mark.parametrize(
    "damage", [_cut, _gone, _pickled, _outside, _tensor_gone, _not_an_index, _no_config]
)
def test_damage_is_named(copy: Path, damage: Callable[[Path, dict[str, str]], str]) -> None:
    named = damage(copy, sharded(copy))
    line = check_files(copy)
    assert line.status == "fail"
    assert any(part in line.figure for part in named.split("|"))
    assert str(copy.parent) not in line.figure + line.detail
