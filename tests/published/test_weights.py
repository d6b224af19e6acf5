"""Tensors under the hub's names arrive where they belong, and nothing else stands in for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from published.hub import RECIPES, dump, published_name, read, write
from zerotube.errors import ModelError
from zerotube.mllm.loading import load

FAMILIES = [name for name in RECIPES if "3B" not in name and "256M" not in name]
NEIGHBOURS = list(zip(FAMILIES, [*FAMILIES[1:], FAMILIES[0]], strict=True))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Every checkpoint on disk."""
    base = tmp_path_factory.mktemp("weights")
    yield {name: write(name, base / str(number)) for number, name in enumerate(RECIPES)}
    shutil.rmtree(base)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the files, by its published name."""
    found: dict[str, torch.Tensor] = {}
    for file in folder.glob("*.safetensors"):
        found |= load_file(file)
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_every_tensor_is_read(name: str, folders: dict[str, Path]) -> None:
    stored = tensors(folders[name])
    model = load(str(folders[name]), device="cpu").model
    state = model.state_dict()
    if published_name("lm_head.weight", RECIPES[name]) not in stored:  # tied
        assert torch.equal(state.pop("lm_head.weight"), model.get_input_embeddings().weight)
    for own, tensor in state.items():
        assert torch.equal(tensor, stored.pop(published_name(own, RECIPES[name])).float()), own
    assert not stored


def test_an_output_head_is_read_where_the_config_says_that_it_is_tied(
    folders: dict[str, Path],
) -> None:
    name = "internvl/InternVL3-8B-hf"
    model = load(str(folders[name]), device="cpu").model
    assert RECIPES[name].untied
    assert model.config.tie_word_embeddings
    assert not torch.equal(model.lm_head.weight, model.get_input_embeddings().weight)


@pytest.mark.parametrize(("one", "other"), NEIGHBOURS, ids=[one for one, _ in NEIGHBOURS])
def test_weights_of_another_family(
    one: str, other: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(folders[one], folder, ignore=shutil.ignore_patterns("model*"))
    for file in folders[other].glob("model*"):
        shutil.copy(file, folder)
    with pytest.raises(ModelError) as caught:
        load(str(folder), device="cpu")
    message = str(caught.value)
    assert str(folder) in message
    # Where the other family's files are far smaller, that is seen before any tensor is looked for.
    named = read(folder / "config.json")["architectures"][0] in message
    assert named or "configuration promises more than" in message
    assert "\n" not in message


def test_tensors_of_another_size(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "wider"
    shutil.copytree(folders["qwen2_vl/Qwen2-VL-7B-Instruct"], folder)
    config = read(folder / "config.json")
    dump(folder / "config.json", {**config, "intermediate_size": 32})
    with pytest.raises(ModelError, match=r"6 tensors .*mlp\.down_proj\.weight"):
        load(str(folder), device="cpu")
