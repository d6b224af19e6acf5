"""The real shapes of the GPU benchmark have the parameters that their names promise."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from toy import make_clip
from toys import toys
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.registry import FAMILIES, family_for

# Billions of parameters of the published checkpoint that a shape stands for.
PROMISED = {
    "InternVLForConditionalGeneration": 7.9,
    "LlavaForConditionalGeneration": 7.1,
    "LlavaNextForConditionalGeneration": 7.6,
    "LlavaNextVideoForConditionalGeneration": 7.1,
    "LlavaOnevisionForConditionalGeneration": 8.0,
    "Qwen2VLForConditionalGeneration": 8.3,
    "Qwen2_5_VLForConditionalGeneration": 8.3,
    "Qwen3VLForConditionalGeneration": 4.4,
    "ShareGPT4VideoForConditionalGeneration": 8.4,
    "SmolVLMForConditionalGeneration": 2.2,
    "VideoLlama3ForConditionalGeneration": 8.0,
    "VideoLlavaForConditionalGeneration": 7.4,
}


# Rows and columns of cells of a 1280 x 720 frame at the published picture and patch sizes.
GRIDS = {
    "LlavaForConditionalGeneration": (24, 24),
    "LlavaNextForConditionalGeneration": (28, 48),
}
"""Of the families whose published files are at hand, tests/published knows more."""
GEOMETRY = {"image_size", "patch_size", "image_grid_pinpoints", "image_seq_length"}


@pytest.fixture(scope="module")
def shapes(repository: Path) -> Iterator[object]:
    folder = repository / "benchmarks"
    if not folder.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("shapes")
    sys.path.remove(str(folder))


def test_every_family_has_a_shape(shapes) -> None:
    assert {*shapes.SHAPES, *shapes.PUBLISHED} == set(FAMILIES) == set(PROMISED)
    assert not set(shapes.SHAPES) & set(shapes.PUBLISHED)
    assert set(shapes.PAPER) <= set(FAMILIES)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_shape_has_the_parameters_it_promises(shapes, name: str, tmp_path: Path) -> None:
    folder = shapes.checkpoint(name, tmp_path / "files", real=True)
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):  # shapes alone: no memory, no numbers
        model = AutoModelForImageTextToText.from_config(config)
    billions = sum(weight.numel() for weight in model.parameters()) / 1e9
    assert billions == pytest.approx(PROMISED[name], rel=0.07)
    assert any(item.billions == PROMISED[name] for item in FAMILIES[name].checkpoints)


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_grid_at_the_published_geometry(shapes, name: str, tmp_path: Path) -> None:
    """Toy widths, real picture and patch sizes: the tokens per frame are the published models'."""
    folder = toys()[name].write(tmp_path / "toy")
    real = shapes.SHAPES[name]
    vision = real["config"]["vision_config"]
    config = {key: value for key, value in real["config"].items() if key in GEOMETRY}
    config["vision_config"] = {key: vision[key] for key in GEOMETRY & set(vision)}
    shapes.resized(folder, {"config": config, "processor": real["processor"]})
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="sdpa")
    family = family_for(name)
    adapted = VideoMLLM(model, family.load_processor(str(folder), config), family, name=name)
    count = 1 if family.modality == "image" else 2
    rng = np.random.default_rng(0)
    clip = make_clip(rng.integers(0, 256, (count, 720, 1280, 3), dtype=np.uint8))
    layout = adapted.encode(clip).layout
    assert layout.grid == (count, *GRIDS[name])
