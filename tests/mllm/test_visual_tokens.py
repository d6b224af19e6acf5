"""How many visual tokens a clip gets: the makers' limits, and a limit of one's own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLVideoProcessor,
    VideoLlama3VideoProcessor,
)

from planting import check_planted_cells
from toy import load_toy, make_clip
from toys import (
    internvl,
    llava,
    llava_next_video,
    llava_onevision,
    qwen2_5_vl,
    qwen2_vl,
    qwen3_vl,
    smolvlm,
    video_llama_3,
    video_llava,
)
from zerotube.bundled import bundled_path
from zerotube.errors import ModelError, UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.families.base import Family
from zerotube.mllm.families.qwen2_5_vl import Qwen25VL
from zerotube.mllm.families.qwen2_vl import Qwen2VL
from zerotube.mllm.families.qwen3_vl import Qwen3VL
from zerotube.mllm.families.resolution import edges
from zerotube.mllm.families.video_llama_3 import VideoLlama3
from zerotube.mllm.types import EncodeOptions
from zerotube.video.types import Clip

# Settings as published: preprocessor_config.json of Qwen2-VL and Qwen2.5-VL (the only one there
# is), video_preprocessor_config.json of Qwen3-VL and of VideoLLaMA3.
PUBLISHED: dict[type[Family], Any] = {
    Qwen2VL: Qwen2VLVideoProcessor(
        min_pixels=3136, max_pixels=12845056, patch_size=14, temporal_patch_size=2, merge_size=2
    ),
    Qwen3VL: Qwen3VLVideoProcessor(
        size={"shortest_edge": 4096, "longest_edge": 25165824},
        patch_size=16,
        temporal_patch_size=2,
        merge_size=2,
    ),
    VideoLlama3: VideoLlama3VideoProcessor(
        size={"shortest_edge": 12544, "longest_edge": 12845056},
        patch_size=14,
        temporal_patch_size=1,
        merge_size=2,
    ),
}
PUBLISHED[Qwen25VL] = PUBLISHED[Qwen2VL]


def blank(count: int, height: int, width: int) -> Any:
    """As much of a clip as sizes depend on; 4K frames would take half a gigabyte."""
    clip = SimpleNamespace(info=SimpleNamespace(height=height, width=width))
    return type("Blank", (), {"__len__": lambda self: count, "info": clip.info})()


def sized(family: type[Family], count: int, height: int, width: int, budget: int = 0):
    """Visual tokens under the published settings, and the setting that led to them."""
    video = PUBLISHED[family]
    processor = SimpleNamespace(video_processor=video)
    options = EncodeOptions(max_visual_tokens=budget)
    found = family().clip_size(processor, blank(count, height, width), options)
    assert found is not None
    patches = video.get_num_of_video_patches(count, height, width, {"size": found.size})
    return patches // video.merge_size**2, found


# 20 frames: tokens by the processor alone, and by qwen-vl-utils 0.0.14 before it.
GOLDEN = {
    (360, 640): (2990, 2990),
    (720, 1280): (11960, 7200),
    (1080, 1920): (26910, 7200),
    (2160, 3840): (105490, 7200),
}


@pytest.mark.parametrize("family", [Qwen2VL, Qwen25VL])
@pytest.mark.parametrize("size", GOLDEN, ids=lambda size: f"{size[1]}x{size[0]}")
@pytest.mark.parametrize("turned", [False, True], ids=["wide", "tall"])
def test_qwen_clips_are_as_large_as_their_makers_make_them(
    family: type[Family], size: tuple[int, int], turned: bool
) -> None:
    tokens, found = sized(family, 20, *(size[::-1] if turned else size))
    assert (found.before, tokens) == GOLDEN[size]
    assert tokens <= found.limit == 7680


@pytest.mark.parametrize(
    ("count", "size", "tokens"),
    [
        # What qwen-vl-utils 0.0.14 makes of them.
        (20, (240, 320), 10 * 10 * 14),  # scaled up to at least 128 cells
        (1, (720, 1280), 20 * 36),
        (5, (480, 640), 3 * 17 * 23),
        (400, (720, 1280), 200 * 18 * 32),  # 115,200 tokens for a whole video
        (3000, (720, 1280), 1500 * 8 * 15),  # of which a pair keeps 5% more than 128
    ],
)
def test_small_and_long_clips(count: int, size: tuple[int, int], tokens: int) -> None:
    assert sized(Qwen2VL, count, *size)[0] == tokens


@pytest.mark.parametrize(
    ("family", "count", "grid"),
    [(Qwen3VL, 20, (10, 22, 40)), (VideoLlama3, 20, (20, 21, 38))],
)
def test_settings_published_for_videos_stand(
    family: type[Family], count: int, grid: tuple[int, int, int]
) -> None:
    """The grids of a clip at 1280 x 720 by the published processors."""
    tokens, found = sized(family, count, 720, 1280)
    assert tokens == found.before == np.prod(grid)
    assert found.size == edges(PUBLISHED[family])


def test_the_bundled_model_keeps_its_size() -> None:
    processor = AutoProcessor.from_pretrained(bundled_path(), local_files_only=True)
    for count in (1, 8, 20, 2000):
        found = Qwen2VL().clip_size(processor, blank(max(count, 2), 90, 160), EncodeOptions())
        assert found.size == {"shortest_edge": 16384, "longest_edge": 16384}


def test_a_processor_without_limits_is_refused() -> None:
    with pytest.raises(ModelError, match=r"video_preprocessor_config\.json"):
        edges(SimpleNamespace(size={"height": 4, "width": 4}))


SHAPES = [(360, 640), (720, 1280), (1280, 720), (2160, 3840), (300, 300), (64, 48), (90, 1000)]


@pytest.mark.parametrize("family", PUBLISHED, ids=lambda family: family.__name__)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 20, 21])
def test_no_clip_exceeds_a_chosen_limit(family: type[Family], count: int) -> None:
    if family is not VideoLlama3 and count == 1:
        count = 2  # as the family fills it up
    steps = count if family is VideoLlama3 else -(-count // 2)
    for height, width in SHAPES:
        for budget in (steps * 40, steps * 41 + 1, 3000, 12_000):
            if budget // steps < 40:
                continue
            tokens, found = sized(family, count, height, width, budget)
            assert tokens <= budget == found.limit
            own = found.before
            if own > budget and min(height, width) >= 300:
                # The limit is used: a row and a column less than it at most, and what the odd
                # count of Qwen3-VL costs.
                side = (budget / steps) ** 0.5
                assert tokens > 0.7 * (budget - 2.9 * side * steps)


def test_the_frame_that_qwen3_does_not_count() -> None:
    """Five frames count as four: 10 x 12 cells would pass, at 120 where a step may have 100."""
    tokens, _ = sized(Qwen3VL, 5, 320, 384, 300)
    assert 200 < tokens <= 300


def test_a_chosen_limit_may_lie_above_the_makers() -> None:
    assert sized(Qwen2VL, 20, 1080, 1920, 20_000)[0] == pytest.approx(20_000, rel=0.05)
    assert sized(Qwen3VL, 20, 2160, 3840, 30_000)[0] == pytest.approx(30_000, rel=0.05)
    assert sized(VideoLlama3, 20, 2160, 3840, 30_000)[0] == pytest.approx(30_000, rel=0.05)
    # Nothing is scaled up to it.
    assert sized(Qwen2VL, 20, 360, 640, 20_000)[0] == GOLDEN[360, 640][0]


@pytest.mark.parametrize("family", PUBLISHED, ids=lambda family: family.__name__)
def test_less_than_a_token_per_step_is_refused(family: type[Family]) -> None:
    steps = 20 if family is VideoLlama3 else 10
    with pytest.raises(UsageError, match=rf"{steps} time steps; wanted at least {steps}.*--frames"):
        sized(family, 20, 720, 1280, steps - 1)
    assert sized(family, 20, 720, 1280, steps)[0] == steps


# On toys, through the processors and the models.

DYNAMIC: dict[str, tuple[ModuleType, type[Family]]] = {
    "qwen2": (qwen2_vl, Qwen2VL),
    "qwen2.5": (qwen2_5_vl, Qwen25VL),
    "qwen3": (qwen3_vl, Qwen3VL),
    "video_llama_3": (video_llama_3, VideoLlama3),
}
FIXED = {
    "internvl": internvl,
    "llava": llava,
    "llava_next_video": llava_next_video,
    "llava_onevision": llava_onevision,
    "smolvlm": smolvlm,
    "video_llava": video_llava,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoMLLM]:
    folder: Path = tmp_path_factory.mktemp("tokens")
    modules = {name: module for name, (module, _) in DYNAMIC.items()} | FIXED
    loaded = {
        name: load_toy(module.write(folder / name), "float32") for name, module in modules.items()
    }
    for name, (_, family) in DYNAMIC.items():
        if family is not VideoLlama3:  # whose toy has other patches
            loaded[name].processor.video_processor.size = PUBLISHED[family].size
    return loaded


def noise(count: int, height: int, width: int) -> Clip:
    rng = np.random.default_rng(0)
    return make_clip(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["qwen2", "qwen2.5"])
@pytest.mark.parametrize("size", [(720, 1280), (1280, 720)], ids=["wide", "tall"])
def test_cells_lie_where_their_pixels_are_below_the_makers_limit(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int]
) -> None:
    layout = check_planted_cells(models[name], size, EncodeOptions(), frames=2)
    assert layout.grid == ((1, 20, 36) if size[1] > size[0] else (1, 36, 20))
    assert layout.view_xyxy == (0, 0, 1, 1)


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("size", [(360, 640), (640, 360)], ids=["wide", "tall"])
def test_cells_lie_where_their_pixels_are_below_a_chosen_limit(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int]
) -> None:
    options = EncodeOptions(max_visual_tokens=100)
    layout = check_planted_cells(models[name], size, options, frames=2)
    steps, rows, columns = layout.grid
    assert 60 <= steps * rows * columns == layout.feature_count <= 100
    # As near to 16:9 as whole cells allow.
    assert columns / rows == pytest.approx(size[1] / size[0], rel=0.3)


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_model_gets_what_was_worked_out(
    models: dict[str, VideoMLLM], name: str, count: int
) -> None:
    model = models[name]
    for budget in (0, 120):
        options = EncodeOptions(max_visual_tokens=budget)
        context = model.encode(noise(count, 180, 320), options)
        shown = context.shown
        assert shown.visual_tokens == context.features.shape[0] == np.prod(shown.grid)
        assert shown.token_limit is not None
        assert shown.visual_tokens <= shown.token_limit
        assert shown.token_limit == (budget or shown.token_limit)
        cell = {"qwen3": 32, "video_llama_3": video_llama_3.CELL}.get(name, 28)
        _, rows, columns = shown.grid
        assert shown.shown_size == (columns * cell, rows * cell)


def test_what_the_makers_limit_costs_is_said_once(models: dict[str, VideoMLLM]) -> None:
    shown = models["qwen2"].encode(noise(2, 720, 1280)).shown
    assert (shown.frame_size, shown.shown_size) == ((1280, 720), (1008, 560))
    assert (shown.visual_tokens, shown.tokens_before, shown.token_limit) == (720, 1196, 768)
    (note,) = shown.notes
    assert "1280x720 pixels" in note
    assert "1008x560: 720 visual tokens" in note
    assert "in place of 1196 (--max-visual-tokens)" in note
    chosen = EncodeOptions(max_visual_tokens=1196)
    assert models["qwen2"].encode(noise(2, 720, 1280), chosen).shown.notes == ()
    assert models["qwen2"].encode(noise(2, 360, 640)).shown.notes == ()


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_grid_takes_no_lower_limit(models: dict[str, VideoMLLM], name: str) -> None:
    model, clip = models[name], noise(1, 84, 112)
    plain = model.encode(clip)
    count = plain.features.shape[0]
    with pytest.raises(UsageError, match=rf"makes {count} of 1 frames: its grid is fixed") as error:
        model.encode(clip, EncodeOptions(max_visual_tokens=count - 1))
    assert f"--max-visual-tokens {count}" in str(error.value)
    same = model.encode(clip, EncodeOptions(max_visual_tokens=count))
    assert torch.equal(same.features, plain.features)


def test_frames_too_narrow_for_a_limit_are_refused(models: dict[str, VideoMLLM]) -> None:
    """One cell high and a hundred wide: nothing is left to take away."""
    with pytest.raises(UsageError, match="too long and narrow"):
        models["qwen2"].encode(noise(2, 28, 2800), EncodeOptions(max_visual_tokens=9))
