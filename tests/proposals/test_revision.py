"""A proposer with models says which weights it rests on, so that the store can tell them apart."""

from __future__ import annotations

import shutil
from pathlib import Path

from zerotube.checkpoints import revision_of
from zerotube.proposals.registry import proposer


def test_revision_of_a_folder_follows_its_weights(toy_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(toy_folder, copy)
    first = revision_of(str(copy))
    assert first == revision_of(str(toy_folder))
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert revision_of(str(copy)) != first


def test_revision_that_cannot_be_told(tmp_path: Path) -> None:
    assert revision_of(str(tmp_path)) is None
    assert revision_of("nobody/nothing") is None


def test_both_models_of_a_proposer_count(toy_folder: Path, tmp_path: Path) -> None:
    folder = str(toy_folder)
    whole = proposer("gdino+sam2", detector=folder, tracker=folder)
    assert whole.revision is not None
    assert str(whole.revision).count(str(revision_of(folder))) == 2
    assert proposer("gdino+sam2", detector=folder, tracker=str(tmp_path)).revision is None
    assert proposer("gdino+bytetrack", detector=folder).revision is not None
    assert proposer("sam3", model=folder).revision is not None
