"""Heads that a model brings along."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from toy import load_toy, noise_clip
from zerotube.bundled import bundled_path
from zerotube.errors import ModelError, UsageError
from zerotube.method.config import preset
from zerotube.method.heads import FILE, ChosenHeads, chosen_heads, heads_read
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.query.prompts import existence_prompt

GOOD: dict[str, Any] = {
    "model": "toy",
    "family": "LlavaOnevision",
    "layers": 3,
    "heads_per_layer": 4,
    "chosen": [[2, 3], [0, 1]],
    "clips": 5,
    "version": "0.1.0",
}


@pytest.fixture
def folder(toy_folder: Path, tmp_path: Path) -> Path:
    """A toy with a place for its heads."""
    return Path(shutil.copytree(toy_folder, tmp_path / "toy"))


def brings(folder: Path, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / FILE).write_text(text, encoding="utf-8")
    return str(folder)


def test_the_bundled_model_brings_its_own() -> None:
    content = json.loads((bundled_path() / FILE).read_text(encoding="utf-8"))
    found = chosen_heads("bundled")
    assert found.to_dict() == content
    assert (found.layers, found.heads_per_layer) == (3, 8)
    assert found.model == "bundled"
    assert settings_for("bundled", changes={"heads": "chosen"}).heads == "chosen"


def test_the_map_is_the_mean_of_the_chosen_heads(folder: Path) -> None:
    model = load_toy(Path(brings(folder, GOOD)))
    context = model.encode(noise_clip())
    session = ClipSession(model, context, preset(heads="chosen", contrast="none"))
    assert session.layers == range(3)
    question = existence_prompt("the red square")
    maps, _ = session.role_maps(question, None)
    apart = model.head_maps(model.prefill(context), question)
    expected = (apart[2, 3] + apart[0, 1]) / 2
    torch.testing.assert_close(maps.mean(dim=0), expected, atol=1e-9, rtol=1e-6)
    # Under other settings of the same clip all heads are read again.
    every, _ = session.under(preset(contrast="none")).role_maps(question, None)
    assert not torch.allclose(every, maps, rtol=1e-3)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("{", "not JSON"),
        ([1], "not a JSON object"),
        ({}, "without 'chosen'"),
        (GOOD | {"chosen": []}, "which are none"),
        (GOOD | {"chosen": [[0, 4]]}, "outside 3 layers of 4 heads"),
        (GOOD | {"chosen": [[0, 1], [0, 1]]}, "twice"),
        (GOOD | {"chosen": [[0, True]]}, "whole number"),
        (GOOD | {"chosen": 3}, "not iterable"),
        (GOOD | {"layers": "3"}, "whole number"),
        (GOOD | {"layers": 28}, "of 28 layers of 4 heads for .* which has 3 layers"),
        (GOOD | {"heads_per_layer": 16}, "of 3 layers of 16 heads"),
    ],
    ids=str,
)
def test_a_file_that_does_not_fit(folder: Path, content: object, got: str) -> None:
    model = brings(folder, content)
    with pytest.raises(ModelError, match=got) as caught:
        settings_for(model, changes={"heads": "chosen"})
    assert "\n" not in str(caught.value)
    assert settings_for(model) == preset()


def test_the_loaded_model_is_asked_where_its_config_is_silent(folder: Path) -> None:
    """A config leaves out what is its class's default."""
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = load_toy(folder)
    del content["text_config"]["num_attention_heads"]
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    assert chosen_heads(brings(folder, GOOD | {"heads_per_layer": 16})).heads_per_layer == 16
    with pytest.raises(ModelError, match="16 heads for"):
        heads_read(model, preset(heads="chosen"))


def test_heads_of_layers_that_do_not_attend_to_all_tokens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_toy(Path(brings(folder, GOOD)))
    monkeypatch.setattr(model.family, "full_attention_layers", lambda config: (0, 1))
    with pytest.raises(ModelError, match="do not attend to all tokens"):
        heads_read(model, preset(heads="chosen"))


def test_a_model_without_the_file(toy: VideoMLLM, toy_folder: Path) -> None:
    with pytest.raises(UsageError, match="zerotube heads") as caught:
        settings_for(str(toy_folder), changes={"heads": "chosen"})
    assert str(toy_folder / FILE) in caught.value.fix
    with pytest.raises(UsageError, match="zerotube heads"):
        heads_read(toy, preset(heads="chosen"))
    assert heads_read(toy, preset()) == "all"
    assert heads_read(toy, preset(heads="max-attention")) == "max-attention"


def test_an_id_is_to_be_copied_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="hf download nobody/nothing"):
        chosen_heads("nobody/nothing")


def test_pairs_are_plain_values() -> None:
    found = ChosenHeads(**(GOOD | {"chosen": ((2, 3), (0, 1))}))
    assert found.to_dict() == GOOD
