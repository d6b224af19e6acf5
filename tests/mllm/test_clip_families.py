"""What the CLIP-based families lose, keep and order, beyond the tests that every family passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    LlavaImageProcessor,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextVideoVideoProcessor,
)

from toy import load_toy, make_clip
from toys import QUESTION, llava, llava_next, llava_next_video, video_llava
from zerotube.errors import ModelError, UsageError
from zerotube.grounder import Grounder
from zerotube.method.config import preset
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.families.llava_next import tile_rows
from zerotube.mllm.families.patches import frame_rows, kept_view
from zerotube.mllm.types import EncodeOptions
from zerotube.proposals.types import Track, TrackSet


def noise(count: int, height: int, width: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return make_clip(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("clip-families")
    return {
        module.__name__.rpartition(".")[2]: module.write(base / module.__name__)
        for module in (llava, llava_next, llava_next_video, video_llava)
    }


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, VideoMLLM]:
    return {name: load_toy(folder) for name, folder in folders.items()}


# The part of a frame that a processor keeps, measured: a picture whose red is x and green is y.

CROP = {"size": {"shortest_edge": 48}, "crop_size": {"height": 48, "width": 48}}
PROCESSORS: dict[str, Any] = {
    "video": lambda: LlavaNextVideoVideoProcessor(**CROP),
    "image": lambda: CLIPImageProcessor(**CROP),
    "padded": lambda: LlavaImageProcessor(do_pad=True, **CROP),
    "squeezed": lambda: CLIPImageProcessor(
        size={"height": 48, "width": 40}, crop_size={"height": 48, "width": 40}
    ),
    "smaller": lambda: CLIPImageProcessor(
        size={"shortest_edge": 40}, crop_size={"height": 48, "width": 48}
    ),
}


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("size", [(90, 160), (200, 90), (96, 96)], ids=["wide", "tall", "square"])
def test_the_view_is_what_the_processor_keeps(name: str, size: tuple[int, int]) -> None:
    processor = PROCESSORS[name]()
    height, width = size
    picture = torch.zeros(3, height, width, dtype=torch.uint8)
    picture[0], picture[1] = torch.arange(width), torch.arange(height)[:, None]
    if name == "video":
        made = processor(videos=[picture[None]], return_tensors="pt", do_sample_frames=False)
        pixels = made["pixel_values_videos"][0, 0]
    else:
        pixels = processor(images=[picture], return_tensors="pt")["pixel_values"][0]
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (processor.image_mean, processor.image_std)
    )
    shown = ((pixels * std + mean) * 255).numpy()
    rows, columns = shown.shape[1] // 8, shown.shape[2] // 8
    view = kept_view(processor, size, shown.shape[1:], (rows, columns), 8)
    middle = (shown.shape[1] // 2, shown.shape[2] // 2)
    for low, high, line, length, cells in (
        (view[0], view[2], shown[0, middle[0]], width, columns),
        (view[1], view[3], shown[1, :, middle[1]], height, rows),
    ):
        # The longest run in which red or green grows evenly: no padding, no edge.
        growth = np.gradient(line)
        even = np.abs(growth / np.median(growth[growth > 0.1]) - 1) < 0.3
        run = max(np.split(np.arange(len(line)), np.flatnonzero(~even)), key=len)[1:]
        slope, start = np.polyfit(run + 0.5, line[run] + 0.5, 1)
        assert low == pytest.approx(start / length, abs=0.01)
        assert high == pytest.approx((start + slope * 8 * cells) / length, abs=0.01)


def test_settings_that_do_not_give_the_pictures_are_refused() -> None:
    with pytest.raises(ModelError, match=r"got pictures of 40x40 .* wanted 48x48"):
        kept_view(PROCESSORS["image"](), (90, 160), (40, 40), (5, 5), 8)
    odd = CLIPImageProcessor(size={"shortest_edge": 40, "longest_edge": 60}, do_center_crop=False)
    with pytest.raises(ModelError, match="longest_edge"):
        kept_view(odd, (90, 160), (40, 60), (5, 5), 8)


def test_rows_of_frames() -> None:
    cells, beside = frame_rows(12, 3, (2, 2))
    assert cells.tolist() == np.arange(12).reshape(3, 2, 2).tolist()
    assert beside is None
    cells, beside = frame_rows(10, 2, (2, 2))
    assert cells.tolist() == [[[1, 2], [3, 4]], [[6, 7], [8, 9]]]
    assert beside is not None
    assert beside.tolist() == [[0], [5]]
    for wrong in (11, 14, 18):
        with pytest.raises(ModelError, match="at most one class token"):
            frame_rows(wrong, 2, (2, 2))


# LLaVA-NeXT-Video


@pytest.mark.parametrize("mode", ["average", "max"])
def test_a_cell_is_the_pool_of_its_patches(mode: str, tmp_path: Path) -> None:
    model = load_toy(llava_next_video.write(tmp_path, mode=mode))
    clip = noise(3, 70, 90)
    context = model.encode(clip)
    inner = model.model.model
    text = "USER: <video>\nx ASSISTANT:"
    pixels = model.family.process(model.processor, text, clip)["pixel_values_videos"][0].double()
    with torch.no_grad():
        hidden = inner.vision_tower(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        blocks = hidden.reshape(3, 6, 2, 6, 2, -1)
        pooled = blocks.mean(dim=(2, 4)) if mode == "average" else blocks.amax(dim=(2, 4))
        expected = inner.multi_modal_projector(pooled)
    assert context.layout.grid == (3, 6, 6)
    got = context.features[torch.from_numpy(context.layout.cells)]
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["llava", "llava_next_video", "video_llava"])
@pytest.mark.parametrize("size", [(40, 90), (90, 40)], ids=["wide", "tall"])
def test_pixels_outside_a_cropped_view_are_not_seen(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int]
) -> None:
    model = models[name]
    clip = noise(1, *size)
    crop = EncodeOptions(frame_fit="crop")
    before = model.encode(clip, crop)
    left, top, right, bottom = before.layout.view_xyxy
    lost = max(left, top)
    assert lost > 0.2
    assert min(left, top) == 0.0
    assert max(right, bottom) == 1.0
    # Two pixels short of the border: the resize filter reaches over it.
    margin = int(lost * 90) - 4
    frames = clip.frames.copy()
    band = frames[:, :, :margin] if size[1] == 90 else frames[:, :margin]
    band[:] = 0
    assert torch.equal(model.encode(replace(clip, frames=frames), crop).features, before.features)
    band = frames[:, :, : margin + 12] if size[1] == 90 else frames[:, : margin + 12]
    band[:] = 0
    after = model.encode(replace(clip, frames=frames), crop).features
    assert not torch.equal(after, before.features)


# Video-LLaVA and the Llama tokenizer


def test_the_class_token_goes_with_its_frame(models: dict[str, VideoMLLM]) -> None:
    model = models["video_llava"]
    clip = noise(3, 50, 60)
    context = model.encode(clip)
    assert context.layout.grid == (3, 5, 5)
    assert context.layout.beside is not None
    backwards = model.encode(replace(clip, frames=np.ascontiguousarray(clip.frames[::-1])))
    order = torch.from_numpy(context.layout.reversed_order())
    torch.testing.assert_close(context.features[order], backwards.features, atol=1e-12, rtol=0)
    # A class token sees the whole frame: it moves wherever the frame changes.
    frames = clip.frames.copy()
    frames[1, :5, :5] = 0
    moved = (model.encode(replace(clip, frames=frames)).features - context.features).norm(dim=-1)
    assert np.flatnonzero(moved[torch.from_numpy(context.layout.beside[:, 0])] > 1e-9).size <= 1


def test_video_llava_takes_eight_frames(models: dict[str, VideoMLLM]) -> None:
    assert models["video_llava"].encode(noise(8, 40, 40)).layout.grid[0] == 8
    with pytest.raises(UsageError, match="9 frames"):
        models["video_llava"].encode(noise(9, 40, 40))


def test_role_tokens_and_answers_of_a_llama_tokenizer(models: dict[str, VideoMLLM]) -> None:
    """Pieces with the space mark: `Yes` is one token of its own, ` Yes` with a space is not."""
    for name, role in (
        ("video_llava", "ASSISTANT:"),
        ("llava", "ASSISTANT:"),
        ("llava_next", "[/INST]"),
    ):
        tokens = models[name].tokens
        positions, texts = tokens.candidates(QUESTION)
        assert texts[0] == "?"
        assert "".join(texts[1:]) == role
        assert positions[-1] == len(tokens.tail(QUESTION)) - 1
        pieces = models[name].processor.tokenizer.convert_ids_to_tokens
        first = tokens.answer_ids()[0]
        assert pieces([first.yes, first.no]) == ["▁Yes", "▁No"]
        assert "no" in [pieces(item.no).strip("▁") for item in tokens.answer_ids()]
        assert tokens.unknown_words("zebra") == ()  # bytes stand in for any word


# LLaVA-1.5 and LLaVA-NeXT


def test_a_llava_that_keeps_its_class_token(tmp_path: Path) -> None:
    model = load_toy(llava.write(tmp_path, strategy="full"))
    context = model.encode(noise(1, 56, 56))
    assert context.features.shape[0] == llava.SIDE**2 + 1
    assert context.layout.cells.min() == 1
    assert context.layout.beside is not None


@pytest.mark.parametrize("name", ["llava", "llava_next"])
def test_an_image_family_refuses_two_frames(models: dict[str, VideoMLLM], name: str) -> None:
    with pytest.raises(UsageError, match=r"got 2 frames .* at most 1, .*--frames 1"):
        models[name].encode(noise(2, 40, 40))


SIZES = [(84, 112), (112, 84), (50, 150), (150, 50), (64, 64), (37, 101), (101, 75)]


@pytest.mark.parametrize("size", SIZES, ids=[f"{w}x{h}" for h, w in SIZES])
def test_the_fine_grid_of_any_picture(models: dict[str, VideoMLLM], size: tuple[int, int]) -> None:
    """Every row ends in a newline, and an object is found at its own cell."""
    model = models["llava_next"]
    height, width = size
    grey = make_clip(np.full((1, height, width, 3), 127, dtype=np.uint8))
    context = model.encode(grey)
    layout = context.layout
    _, rows, columns = layout.grid
    assert rows / columns == pytest.approx(height / width, rel=0.25)
    assert layout.feature_count == llava_next.SIDE**2 + rows * (columns + 1)
    newline = model.model.model.image_newline
    assert torch.equal(context.features[layout.cells[0, :, -1] + 1], newline.expand(rows, -1))
    left, top, right, bottom = layout.view_xyxy
    for y, x in ((0, 0), (rows - 1, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)):
        frames = grey.frames.copy()
        x1, x2 = ((left + (right - left) * (x + part) / columns) * width for part in (0.15, 0.85))
        y1, y2 = ((top + (bottom - top) * (y + part) / rows) * height for part in (0.15, 0.85))
        frames[0, max(round(y1), 0) : round(y2), max(round(x1), 0) : round(x2)] = (255, 0, 40)
        after = model.encode(replace(grey, frames=frames)).features
        assert int((after - context.features).norm(dim=-1).argmax()) == layout.cells[0, y, x]


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((720, 1280), (27, 48)),
        ((480, 640), (36, 48)),
        ((1080, 608), (48, 27)),
        ((300, 900), (24, 72)),
    ],
)
def test_grids_at_the_published_size(size: tuple[int, int], grid: tuple[int, int]) -> None:
    """336-pixel tiles of 24 x 24 and the published pinpoints; all but the sizes is microscopic."""
    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    config = LlavaNextConfig(
        vision_config={"model_type": "clip_vision_model", "num_attention_heads": 1, **small,
                       "image_size": 336, "patch_size": 14},
        text_config={"model_type": "llama", "num_attention_heads": 1, "vocab_size": 8, **small},
    )  # fmt: skip
    with torch.device("meta"):
        model = LlavaNextForConditionalGeneration(config)
    rows = tile_rows(model, *size)
    assert rows.coarse.tolist() == np.arange(576).reshape(24, 24).tolist()
    assert all(abs(a - b) <= 1 for a, b in zip(rows.fine.shape, grid, strict=True))
    assert rows.count == 576 + rows.fine.shape[0] * (rows.fine.shape[1] + 1)
    # Within one cell of the whole picture.
    assert np.abs(np.subtract(rows.view_xyxy, (0, 0, 1, 1))).max() < 1 / min(rows.fine.shape)


# The facade


def two_tracks(frame_count: int, height: int, width: int) -> TrackSet:
    frames = np.arange(frame_count, dtype=np.int64)
    boxes = ((10, 10, 40, 40), (50, 30, 80, 60))
    tracks = tuple(
        Track(
            track_id=number,
            frame_indices=frames,
            boxes_xyxy=np.tile(np.float32(box), (frame_count, 1)),
            observed=np.ones(frame_count, dtype=bool),
            scores=np.ones(frame_count, dtype=np.float32),
            masks_rle=None,
        )
        for number, box in enumerate(boxes)
    )
    return TrackSet(tracks, frame_count, width, height, "by hand")


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number, frame in enumerate(noise(count, 72, 96).frames):
        Image.fromarray(frame).save(folder / f"{number:03d}.png")
    return folder


@pytest.mark.parametrize("name", ["llava", "llava_next"])
def test_a_picture_is_grounded(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    """One frame: nothing to reverse, nothing to choose in time."""
    path = pictures(tmp_path / "one", 1) / "000.png"
    grounder = Grounder.from_pretrained(str(folders[name]), device="cpu")
    result = grounder.ground(
        path, "the red square", tracks=two_tracks(1, 72, 96), settings=preset("paper", lr=0.01)
    )
    evidence = result.evidence
    assert evidence.spatial_map.shape[0] == 1
    assert evidence.consistency == pytest.approx(1.0)
    assert evidence.view_xyxy == grounder.model.encode(result.clip).layout.view_xyxy
    assert (result.tube.span.start_frame, result.tube.span.end_frame) == (0, 0)
    assert len(result.tube.boxes_xyxy) == 1
    assert not any("frames asked for" in warning for warning in result.warnings)


def test_a_video_is_sampled_within_the_limit(folders: dict[str, Path], tmp_path: Path) -> None:
    video = pictures(tmp_path / "many", 21)
    for name, frames, top_k in (("llava", 1, 1), ("video_llava", 8, 3)):
        grounder = Grounder.from_pretrained(str(folders[name]), device="cpu")
        result = grounder.ground(
            video, "the red square", tracks=two_tracks(21, 72, 96), settings=preset("gti")
        )
        assert len(result.clip) == frames
        assert result.settings["method"]["frames"] == frames
        assert result.settings["method"]["top_k"] == top_k
        (warning,) = (text for text in result.warnings if "frames asked for" in text)
        assert f"at most {frames} of the 20" in warning
