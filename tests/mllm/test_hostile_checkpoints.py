"""Incomplete, foreign and hostile checkpoints: one line each, soon, and no code of theirs."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from broken_checkpoints import AUTO, BROKEN, CODE, config, rewrite, shard, tensors, with_own_code
from toys import internvl, llava_onevision
from zerotube.errors import ModelError
from zerotube.mllm.loading import load

SOON_S = 10.0


@pytest.fixture
def folder(toy_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(toy_folder, tmp_path / "model")


@pytest.mark.parametrize("case", BROKEN)
def test_one_line_soon(folder: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    change, said = BROKEN[case]
    change(folder)
    capfd.readouterr()
    begin = time.perf_counter()
    with pytest.raises(ModelError, match=said) as caught:
        load(str(folder), device="cpu", dtype="float32")
    assert time.perf_counter() - begin < SOON_S
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert caught.value.exit_code == 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("case", CODE)
def test_code_of_a_checkpoint_never_runs_and_nobody_is_asked(
    folder: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    CODE[case](folder)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    with pytest.raises(ModelError) as caught:
        load(str(folder), device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)
    assert not (folder.parent / "marker").exists()


def test_a_native_type_loads_without_the_code_beside_it(folder: Path) -> None:
    with_own_code("config.json", {"auto_map": AUTO})(folder)
    assert load(str(folder), device="cpu", dtype="float32")
    assert not (folder.parent / "marker").exists()


def test_shards_load_as_one_file_does(folder: Path) -> None:
    whole = load(str(folder), device="cpu", dtype="float32").model.state_dict()
    shard(folder)
    sharded = load(str(folder), device="cpu", dtype="float32").model.state_dict()
    assert whole.keys() == sharded.keys()
    assert all(torch.equal(whole[key], sharded[key]) for key in whole)


def test_a_tied_head_need_not_be_stored(tmp_path: Path) -> None:
    folder = llava_onevision.write(tmp_path / "tied")
    for path in ("tie_word_embeddings", "text_config.tie_word_embeddings"):
        config(path, True)(folder)
    tensors(lambda held: [held.pop(key) for key in list(held) if "lm_head" in key])(folder)
    model = load(str(folder), device="cpu", dtype="float32").model
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_a_head_that_is_stored_is_read_though_the_configuration_ties_it(tmp_path: Path) -> None:
    """InternVL3: the published files hold a head, and the class's default ties it."""
    folder = internvl.write(tmp_path / "untied")
    rewrite("config.json", lambda content: content.pop("tie_word_embeddings", None) and None)(
        folder
    )
    held = load_file(folder / "model.safetensors")
    (head,) = [key for key in held if "lm_head" in key] or ["language_model.lm_head.weight"]
    embedding = next(value for key, value in held.items() if "embed_tokens" in key)
    stored = torch.randn(embedding.shape, generator=torch.Generator().manual_seed(1))
    tensors(lambda kept: kept.update({head: stored}))(folder)
    model = load(str(folder), device="cpu", dtype="float32").model
    assert torch.equal(model.lm_head.weight, stored)
    assert not torch.equal(model.lm_head.weight, model.get_input_embeddings().weight)
