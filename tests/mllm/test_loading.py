"""Loading: every wrong model gets one line that says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from zerotube.errors import ModelError, UsageError
from zerotube.mllm.families.image import ImageFamily
from zerotube.mllm.loading import load
from zerotube.mllm.registry import FAMILIES, family_for


def test_loaded_weights_are_frozen_and_in_eval_mode(toy) -> None:
    assert not any(weight.requires_grad for weight in toy.model.parameters())
    assert not toy.model.training


def test_dtype_auto_is_float32_on_a_cpu(toy_folder: Path) -> None:
    assert load(str(toy_folder), device="cpu").model.dtype == torch.float32


def test_folder_without_weights(toy_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    shutil.copytree(toy_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(ModelError, match="without weights"):
        load(str(folder))


def test_pickled_weights_are_not_read(toy_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(toy_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="without weights"):
        load(str(folder))


def test_damaged_weights(toy_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(toy_folder, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="without a safetensors header"):
        load(str(folder))


def test_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without config\.json"):
        load(str(tmp_path))


def test_unsupported_architecture(toy_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(toy_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["SomethingElse"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="LlavaOnevisionForConditionalGeneration"):
        load(str(folder))


def test_unknown_id_names_the_id_and_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="nobody/nothing") as caught:
        load("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_unknown_device_and_dtype(toy_folder: Path) -> None:
    with pytest.raises(UsageError, match="device 'quantum'"):
        load(str(toy_folder), device="quantum")
    with pytest.raises(UsageError, match="dtype 'int3'"):
        load(str(toy_folder), dtype="int3")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="lacks"):
            load(str(toy_folder), device="cuda")


@pytest.mark.parametrize("architecture", sorted(FAMILIES))
def test_the_table_of_families_is_that_of_the_adapters(architecture: str) -> None:
    family, entry = family_for(architecture), FAMILIES[architecture]
    assert family.architectures == (architecture,)
    assert type(family).__name__ == entry.adapter
    assert family.modality == entry.modality
    assert isinstance(family, ImageFamily) == (entry.modality == "image")
    billions = [item.billions for item in entry.checkpoints]
    assert billions
    assert billions == sorted(billions)
