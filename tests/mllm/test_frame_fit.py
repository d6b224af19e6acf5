"""Frames squeezed, cropped or padded: what the model gets, and where its cells lie on the frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from planting import check_planted_cells
from toy import load_toy, make_clip
from toys import QUESTION, llava, llava_next_video, llava_onevision, qwen2_vl, video_llava
from zerotube.errors import UsageError
from zerotube.method.scoring import box_weights, frame_scores, mask_weights
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import render
from zerotube.mllm.showing import fitted, within
from zerotube.mllm.types import EncodeOptions
from zerotube.proposals.types import Track, TrackSet
from zerotube.video.types import Clip

MODULES = {
    "llava": llava,
    "llava_next_video": llava_next_video,
    "video_llava": video_llava,
    "llava_onevision": llava_onevision,
    "qwen2_vl": qwen2_vl,
}
CROPPING = ("llava", "llava_next_video", "video_llava")
WIDE, TALL = (90, 160), (160, 90)
SIDE = 16 / 9
VIEWS = {
    (WIDE, "squeeze"): (0, 0, 1, 1),
    (TALL, "squeeze"): (0, 0, 1, 1),
    (WIDE, "crop"): (0.5 - 0.5 / SIDE, 0, 0.5 + 0.5 / SIDE, 1),
    (TALL, "crop"): (0, 0.5 - 0.5 / SIDE, 1, 0.5 + 0.5 / SIDE),
    (WIDE, "pad"): (0, 0.5 - 0.5 * SIDE, 1, 0.5 + 0.5 * SIDE),
    (TALL, "pad"): (0.5 - 0.5 * SIDE, 0, 0.5 + 0.5 * SIDE, 1),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoMLLM]:
    folder = tmp_path_factory.mktemp("fit")

    def loaded(name: str, module: ModuleType) -> VideoMLLM:
        return load_toy(module.write(folder / name))

    return {name: loaded(name, module) for name, module in MODULES.items()}


def noise(size: tuple[int, int], count: int = 1) -> Clip:
    rng = np.random.default_rng(0)
    return make_clip(rng.integers(0, 256, (count, *size, 3), dtype=np.uint8))


def pixels_of(model: VideoMLLM, clip: Clip, options: EncodeOptions) -> torch.Tensor:
    """What the processor hands to the model of the first frame: ``(3, S, S)``."""
    text = render(model.processor, QUESTION, model.family.modality)
    inputs = model.family.process(model.processor, text, clip, options)
    made = inputs.get("pixel_values_videos", inputs.get("pixel_values"))
    return made.reshape(-1, *made.shape[-3:])[0]


def as_shown(model: VideoMLLM, picture: torch.Tensor) -> torch.Tensor:
    """A uint8 picture of the model's size as its processor would hand it on."""
    processor = model.family.frame_processor(model.processor)
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (processor.image_mean, processor.image_std)
    )
    return (picture / 255 - mean) / std


@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
@pytest.mark.parametrize("size", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize("name", MODULES)
def test_planted_cells(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int], fit: Any
) -> None:
    layout = check_planted_cells(models[name], size, EncodeOptions(frame_fit=fit))
    assert layout.view_xyxy == pytest.approx(VIEWS[size, fit], abs=0.02)


@pytest.mark.parametrize("name", CROPPING)
def test_squeezed_frames_are_whole_and_resized_once(
    models: dict[str, VideoMLLM], name: str
) -> None:
    """The reference's way: both sides to the model's size, nothing cut off."""
    model, clip = models[name], noise(WIDE)
    got = pixels_of(model, clip, EncodeOptions())
    picture = torch.from_numpy(clip.frames[0]).permute(2, 0, 1)
    square = resize(
        picture, list(got.shape[1:]), interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    torch.testing.assert_close(got, as_shown(model, square), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", CROPPING)
def test_crop_is_the_published_processors_own_way(models: dict[str, VideoMLLM], name: str) -> None:
    model, clip = models[name], noise(WIDE, count=1)
    got = pixels_of(model, clip, EncodeOptions(frame_fit="crop"))
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)
    if name == "llava":
        made = model.processor.image_processor([frames[0]], return_tensors="pt")["pixel_values"]
    else:
        own = model.processor.video_processor
        made = own([frames], return_tensors="pt", do_sample_frames=False)["pixel_values_videos"][0]
    assert torch.equal(got, made[0])
    assert not torch.equal(got, pixels_of(model, clip, EncodeOptions()))


@pytest.mark.parametrize("name", CROPPING)
def test_padding_has_the_mean_colour(models: dict[str, VideoMLLM], name: str) -> None:
    """What is padded is 0 to the model, as far as a colour of whole numbers can be."""
    model = models[name]
    options = EncodeOptions(frame_fit="pad")
    shown, part = fitted(noise(WIDE), "pad", model.family.frame_processor(model.processor))
    assert shown.frames.shape[1:3] == (160, 160)
    got = pixels_of(model, shown, options)
    edge = round(-part[1] / (part[3] - part[1]) * got.shape[1]) - 3
    assert got[:, :edge].abs().max() < 0.5 / 255 / 0.26
    assert got[:, -edge:].abs().max() < 0.5 / 255 / 0.26
    assert got[:, edge + 6].abs().max() > 0.1


def test_the_original_frames_stay_untouched() -> None:
    clip = noise(WIDE)
    before = clip.frames.copy()
    processor = type("P", (), {"image_mean": (0.5, 0.5, 0.5)})
    for fit in ("pad", "crop"):
        shown, _ = fitted(clip, fit, processor)  # type: ignore[arg-type]
        shown.frames[:] = 0
    assert np.array_equal(clip.frames, before)


@pytest.mark.parametrize("size", [(90, 161), (161, 90), (7, 7)], ids=["odd", "odd tall", "square"])
def test_odd_sizes_keep_every_pixel_in_its_place(size: tuple[int, int]) -> None:
    clip = noise(size)
    processor = type("P", (), {"image_mean": (0.5, 0.4, 0.3)})
    height, width = size
    for fit in ("pad", "crop"):
        shown, (left, top, right, bottom) = fitted(clip, fit, processor)  # type: ignore[arg-type]
        side = shown.info.width
        assert shown.frames.shape == (1, side, side, 3)
        x, y = Fraction(round(left * width)), Fraction(round(top * height))
        assert (round(right * width) - x, round(bottom * height) - y) == (side, side)
        for row, column in ((0, 0), (height // 2, width // 2), (height - 1, width - 1)):
            if 0 <= row - y < side and 0 <= column - x < side:
                there = shown.frames[0, int(row - y), int(column - x)]
                assert np.array_equal(there, clip.frames[0, row, column])


def test_views_compose() -> None:
    assert within((0, 0, 1, 1), (0.1, 0, 0.9, 1)) == pytest.approx((0.1, 0, 0.9, 1))
    assert within((0, -0.5, 1, 1.5), (0, 0, 0.5, 0.75)) == pytest.approx((0, -0.5, 0.5, 1.0))


def at_the_edge(size: tuple[int, int]) -> TrackSet:
    """A thing on the outermost tenth of the long side, at both ends."""
    height, width = size
    long = max(size)
    if width > height:
        boxes = [(0, 30, long * 0.1, 60), (long * 0.9, 30, width, 60)]
    else:
        boxes = [(30, 0, 60, long * 0.1), (30, long * 0.9, 60, height)]
    tracks = tuple(
        Track(
            track_id=number,
            frame_indices=np.arange(1),
            boxes_xyxy=np.float32([box]),
            observed=np.ones(1, dtype=bool),
            scores=np.ones(1, dtype=np.float32),
            masks_rle=None,
        )
        for number, box in enumerate(boxes)
    )
    return TrackSet(tracks, 1, width, height, "by hand")


@pytest.mark.parametrize("size", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize("name", CROPPING)
def test_a_track_at_the_edge_counts_unless_it_is_cut_off(
    models: dict[str, VideoMLLM], name: str, size: tuple[int, int]
) -> None:
    for fit, counts in (("squeeze", True), ("pad", True), ("crop", False)):
        layout = models[name].encode(noise(size), EncodeOptions(frame_fit=fit)).layout  # type: ignore[arg-type]
        even = np.ones(layout.grid, dtype=np.float32)
        scores = frame_scores(even, at_the_edge(size), np.arange(1), layout, "box")
        assert (scores > 0).all() == counts
        assert (scores > 0).any() == counts


def test_attention_to_padding_counts_for_nobody() -> None:
    """Also not for a box or a mask that reaches the edge next to the padding."""
    view = (0.0, -0.5, 1.0, 1.5)
    weights = box_weights(np.float32([[0, 0, 100, 50]]), (50, 100), (8, 4), view)[0]
    masked = mask_weights(np.ones((50, 100), dtype=bool), (8, 4), view)
    expected = np.zeros((8, 4))
    expected[2:6] = 1
    assert np.array_equal(weights, expected)
    assert np.array_equal(masked, expected)


def test_a_processor_that_pads_squeezes_when_asked_to() -> None:
    from transformers import LlavaImageProcessor

    from zerotube.mllm.families.patches import squeezing

    crop = {"height": 48, "width": 48}
    processor = LlavaImageProcessor(do_pad=True, size={"shortest_edge": 48}, crop_size=crop)
    picture = torch.from_numpy(noise(WIDE).frames[0]).permute(2, 0, 1)
    got = processor([picture], return_tensors="pt", **squeezing(processor))["pixel_values"][0]
    plain = LlavaImageProcessor(do_pad=False, do_center_crop=False, size=crop)
    assert torch.equal(got, plain([picture], return_tensors="pt")["pixel_values"][0])


def test_what_was_done_is_recorded(models: dict[str, VideoMLLM]) -> None:
    clip = noise(WIDE, count=3)
    shown = models["llava_next_video"].encode(clip, EncodeOptions(frame_fit="pad")).shown
    assert shown.fit == "pad"
    assert shown.frame_size == (160, 90)
    assert shown.shown_size == (llava_next_video.IMAGE_SIZE,) * 2
    assert shown.grid == (3, 6, 6)
    assert shown.visual_tokens == shown.tokens_before == 108
    assert shown.token_limit is None
    assert shown.view_xyxy == pytest.approx(VIEWS[WIDE, "pad"])
    assert shown.notes == ()


@pytest.mark.parametrize(
    "wrong", [{"frame_fit": "stretch"}, {"max_visual_tokens": -1}, {"grid_side": -6}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        EncodeOptions(**wrong)


def test_a_fit_changes_what_is_seen(models: dict[str, VideoMLLM], tmp_path: Path) -> None:
    """Black sides: gone when cropped, seen when squeezed."""
    model, clip = models["llava_next_video"], noise(WIDE)
    dark = clip.frames.copy()
    dark[:, :, :20] = 0
    for fit, same in (("crop", True), ("squeeze", False), ("pad", False)):
        options = EncodeOptions(frame_fit=fit)  # type: ignore[arg-type]
        one, other = (model.encode(replace(clip, frames=f), options) for f in (clip.frames, dark))
        assert torch.equal(one.features, other.features) == same
