"""Another number of cells per frame: pooled as the reference does, found where the layout says."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from planting import check_planted_cells
from toy import load_toy, make_clip
from toys import QUESTION, llava_next_video, llava_onevision, qwen2_vl, video_llava
from zerotube.errors import UsageError
from zerotube.method.config import preset
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import EncodeOptions, VisualContext
from zerotube.video.types import Clip

MODULES = {
    "llava_next_video": llava_next_video,
    "llava_onevision": llava_onevision,
    "qwen2_vl": qwen2_vl,
    "video_llava": video_llava,
}
PATCHES = {"llava_next_video": 12, "llava_onevision": 7}
OWN = {"llava_next_video": 6, "llava_onevision": 4}
POOLED = sorted(PATCHES)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoMLLM]:
    folder: Path = tmp_path_factory.mktemp("grid")

    def loaded(name: str, module: ModuleType) -> VideoMLLM:
        return load_toy(module.write(folder / name))

    return {name: loaded(name, module) for name, module in MODULES.items()}


def noise(count: int = 3, height: int = 84, width: int = 112) -> Clip:
    rng = np.random.default_rng(0)
    return make_clip(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def sided(side: int) -> EncodeOptions:
    return EncodeOptions(grid_side=side)


def projected(model: VideoMLLM, clip: Clip) -> torch.Tensor:
    """Every patch through the projector: ``(T, d, side, side)``, by the model's own modules."""
    from zerotube.mllm.prompting import render

    inner = model.model.model
    made = model.family.process(model.processor, render(model.processor, QUESTION), clip)
    pixels = made["pixel_values_videos"][0].double()
    layer = model.model.config.vision_feature_layer
    with torch.no_grad():
        hidden = inner.vision_tower(pixels, output_hidden_states=True).hidden_states[layer]
        if model.model.config.vision_feature_select_strategy == "default":
            hidden = hidden[:, 1:]
        features = inner.multi_modal_projector(hidden)
    side = round(features.shape[1] ** 0.5)
    return features.reshape(len(clip), side, side, -1).permute(0, 3, 1, 2)


def cells_of(context: VisualContext) -> torch.Tensor:
    """Features on the grid: ``(T, d, h, w)``."""
    return context.features[torch.from_numpy(context.layout.cells)].permute(0, 3, 1, 2)


@pytest.mark.parametrize("stride", [3, 4])
def test_llava_next_video_averages_projected_patches(
    models: dict[str, VideoMLLM], stride: int
) -> None:
    """The reference's average pooling with a stride, after its projector."""
    model, clip = models["llava_next_video"], noise()
    context = model.encode(clip, sided(12 // stride))
    expected = nn.functional.avg_pool2d(projected(model, clip), stride)
    assert context.layout.grid == (3, 12 // stride, 12 // stride)
    torch.testing.assert_close(cells_of(context), expected, atol=1e-12, rtol=0)


def test_onevision_pools_bilinearly_as_the_reference(models: dict[str, VideoMLLM]) -> None:
    """A stride of 5: ceil(7 / 5) = 2 cells a side here, ceil(27 / 5) = 6 in the published model."""
    model, clip = models["llava_onevision"], noise()
    context = model.encode(clip, sided(2))
    expected = nn.functional.interpolate(projected(model, clip), size=[2, 2], mode="bilinear")
    torch.testing.assert_close(cells_of(context), expected, atol=1e-12, rtol=0)
    assert torch.equal(context.features[-1], model.model.model.image_newline)
    assert context.layout.feature_count == 13


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("size", [(90, 160), (160, 90)], ids=["wide", "tall"])
@pytest.mark.parametrize("side", [2, 3, 5])
def test_planted_cells(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int], side: int
) -> None:
    layout = check_planted_cells(models[name], size, sided(side), frames=2)
    assert layout.grid == (2, side, side)
    assert layout.view_xyxy == (0, 0, 1, 1)


@pytest.mark.parametrize("name", POOLED)
def test_the_prompt_has_a_placeholder_per_feature(models: dict[str, VideoMLLM], name: str) -> None:
    """Prefix and question equal one pass over a prompt with so many placeholders."""
    model = models[name]
    plain, context = (model.encode(noise(), sided(side)) for side in (0, 3))
    token = model.family.visual_token_id(model.model.config)

    def text(one: VisualContext) -> list[int]:
        return [int(item) for item in one.head_ids[0] if item != token]

    assert text(plain) == text(context)
    assert int((context.head_ids == token).sum()) == len(context.features)
    assert len(context.features) == 27 + (name == "llava_onevision")
    tail = torch.tensor([model.tokens.tail(QUESTION)])
    with torch.no_grad():
        whole = model.model(
            input_ids=torch.cat([context.head_ids, tail], dim=1),
            mm_encoder_outputs={"video": context.output},
        ).logits[0, -1]
        answer = model.ask(model.prefill(context), [QUESTION])[0]
    assert answer.logits is not None
    torch.testing.assert_close(answer.logits.double(), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", POOLED)
def test_the_model_stays_as_it_was(models: dict[str, VideoMLLM], name: str) -> None:
    model = models[name]
    before = model.encode(noise()).features
    hooks = [len(module._forward_hooks) for module in model.model.modules()]
    model.encode(noise(), sided(3))
    assert torch.equal(model.encode(noise()).features, before)
    # Some are of transformers, which leaves its own in place.
    assert [len(module._forward_hooks) for module in model.model.modules()] == hooks
    own = model.encode(noise(), sided(OWN[name]))
    assert torch.equal(own.features, before)
    assert own.shown.notes == ()


@pytest.mark.parametrize("name", POOLED)
def test_more_cells_than_patches_are_refused(models: dict[str, VideoMLLM], name: str) -> None:
    most = PATCHES[name]
    assert models[name].encode(noise(), sided(most)).layout.grid == (3, most, most)
    with pytest.raises(UsageError, match=rf"at most {most} x {most}"):
        models[name].encode(noise(), sided(most + 1))


@pytest.mark.parametrize("name", ["qwen2_vl", "video_llava"])
def test_other_families_keep_their_grid_and_say_so(models: dict[str, VideoMLLM], name: str) -> None:
    model = models[name]
    plain, asked = model.encode(noise()), model.encode(noise(), sided(6))
    assert torch.equal(plain.features, asked.features)
    (note,) = asked.shown.notes
    rows, columns = plain.layout.grid[1:]
    assert f"keeps its own {rows} x {columns} (--grid-side)" in note


@pytest.mark.parametrize("name", POOLED)
def test_the_whole_method_runs_on_fewer_cells(models: dict[str, VideoMLLM], name: str) -> None:
    settings = preset("paper", lr=0.01, grid_side=3, frame_fit="pad")
    context = models[name].encode(noise(), encode_options(models[name], settings))
    found, _ = ClipSession(models[name], context, settings).read(QUESTION, "a", reverse=True)
    assert found.shape == (3, 3, 3)
    assert (context.shown.visual_tokens, context.shown.tokens_before) == (
        (28, 49) if name == "llava_onevision" else (27, 108)
    )
