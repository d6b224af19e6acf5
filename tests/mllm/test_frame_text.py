"""Families that encode frames on their own and write text between them: InternVL3, SmolVLM2,
VideoLLaMA3. What the shared conformance tests do not ask."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import QUESTION, internvl, smolvlm, video_llama_3
from zerotube.errors import MissingExtraError, ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.families.base import Encoded
from zerotube.mllm.loading import load
from zerotube.mllm.prompting import render
from zerotube.mllm.types import PLAIN
from zerotube.video.types import Clip

TIMES_S = np.array([0.0, 1.25, 3.0, 64.5])
"""Uneven, as in videos of variable rate, and with a minute to carry."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frame-text")


def _load(module: ModuleType, folder: Path) -> VideoMLLM:
    return load_toy(module.write(folder / module.ARCHITECTURE))


@pytest.fixture(scope="module")
def internvl_toy(folder: Path) -> VideoMLLM:
    return _load(internvl, folder)


@pytest.fixture(scope="module")
def smolvlm_toy(folder: Path) -> VideoMLLM:
    return _load(smolvlm, folder)


@pytest.fixture(scope="module")
def video_llama_toy(folder: Path) -> VideoMLLM:
    return _load(video_llama_3, folder)


@pytest.fixture(params=["internvl_toy", "smolvlm_toy", "video_llama_toy"])
def toy(request: pytest.FixtureRequest) -> VideoMLLM:
    model: VideoMLLM = request.getfixturevalue(request.param)
    return model


def clip_of(frames: np.ndarray) -> Clip:
    """A clip of given pictures, shown at ``TIMES_S``."""
    clip = make_clip(frames)
    info = replace(clip.info, duration_s=65.0, variable_frame_rate=True)
    return replace(clip, info=info, timestamps_s=TIMES_S[: len(clip)])


def noise(height: int = 84, width: int = 112, count: int = 4) -> Clip:
    rng = np.random.default_rng(0)
    return clip_of(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def prompt_text(model: VideoMLLM, clip: Clip) -> str:
    """The whole expanded prompt, every run of placeholders shortened to ``*``."""
    context = model.encode(clip)
    ids = context.head_ids[0].tolist()
    visual = set(context.visual_positions.tolist())
    kept = [
        token for place, token in enumerate(ids) if place not in visual or place - 1 not in visual
    ]
    star = model.processor.tokenizer("*", add_special_tokens=False)["input_ids"]
    own = model.family.visual_token_id(model.model.config)
    kept = [star[0] if token == own else token for token in kept]
    return model.processor.tokenizer.decode(kept + model.tokens.tail(QUESTION))


def test_golden_expansion_of_internvl(internvl_toy: VideoMLLM) -> None:
    assert prompt_text(internvl_toy, noise()) == (
        "<|im_start|>user\nFrame1: <img>*</img>\nFrame2: <img>*</img>\nFrame3: <img>*</img>\n"
        f"Frame4: <img>*</img>\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_golden_expansion_of_smolvlm(smolvlm_toy: VideoMLLM) -> None:
    """With the clip's own times, not index / fps."""
    fake = "<fake_token_around_image>"
    assert prompt_text(smolvlm_toy, noise()) == (
        "<|im_start|>User: You are provided the following series of four frames from a 0:01:05 "
        f"[H:MM:SS] video.\n\nFrame from 00:00:{fake}<global-img>*{fake}"
        f"\nFrame from 00:01:{fake}<global-img>*{fake}"
        f"\nFrame from 00:03:{fake}<global-img>*{fake}"
        f"\nFrame from 01:04:{fake}<global-img>*{fake}"
        f"\n\n{QUESTION}<end_of_utterance>\nAssistant:"
    )


def test_golden_expansion_of_video_llama_3(video_llama_toy: VideoMLLM) -> None:
    assert prompt_text(video_llama_toy, noise()) == (
        "<|im_start|>user\nTime 0.0s:*,Time 1.2s:*,Time 3.0s:*,Time 64.5s:*\n"
        f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("question", ["?", QUESTION, "\n\nman", " a", "Time 1.2s:", "Frame1: x."])
def test_head_and_tail_are_the_processors_own_tokens(toy: VideoMLLM, question: str) -> None:
    clip = noise(count=2)
    inputs = toy.family.process(toy.processor, render(toy.processor, question), clip)
    tail = torch.tensor([toy.tokens.tail(question)])
    whole = torch.cat([toy.encode(clip).head_ids, tail], dim=1)
    assert torch.equal(whole, inputs["input_ids"])


def test_reversal_feeds_other_frames_to_the_same_text(toy: VideoMLLM) -> None:
    """Frame numbers and times keep counting up; only the pictures change places."""
    clip = noise()
    backwards = clip_of(clip.frames[::-1].copy())
    layers = range(toy.layer_count)
    (ours,) = toy.ask(toy.prefill(toy.encode(clip), reverse=True), [QUESTION], layers=layers)
    (theirs,) = toy.ask(toy.prefill(toy.encode(backwards)), [QUESTION], layers=layers)
    assert ours.maps is not None
    torch.testing.assert_close(ours.maps, theirs.maps, atol=1e-6, rtol=0)
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=0)


def test_every_sampled_frame_is_fed(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the checkpoint's processor is set to sample by itself."""
    monkeypatch.setattr(toy.processor.video_processor, "do_sample_frames", True)
    monkeypatch.setattr(toy.processor.video_processor, "num_frames", 2)
    layout = toy.encode(noise()).layout
    assert layout.grid[0] == 4
    assert layout.step_of_frame.tolist() == [0, 1, 2, 3]


def test_one_frame(toy: VideoMLLM) -> None:
    layout = toy.encode(noise(count=1)).layout
    assert layout.grid[0] == 1
    assert layout.feature_count == layout.cells.size


def test_a_dropped_frame_is_refused(toy: VideoMLLM) -> None:
    clip = noise()
    context = toy.encode(clip)
    inputs = toy.family.process(toy.processor, render(toy.processor, "?"), noise(count=3))
    with pytest.raises(ModelError, match="3 frames from the processor for 4 sampled ones"):
        toy.family.layout(
            toy.model,
            Encoded(toy.processor, inputs, clip, PLAIN, context.layout.feature_count),
        )


def test_smolvlm_does_not_see_the_last_pixels(smolvlm_toy: VideoMLLM) -> None:
    """76 pixels hold 9 patches of 8: the grid covers 72/76 of the frame."""
    layout = smolvlm_toy.encode(noise()).layout
    assert layout.grid == (4, smolvlm.SIDE, smolvlm.SIDE)
    assert layout.view_xyxy == (0.0, 0.0, 72 / 76, 72 / 76)


@pytest.mark.parametrize("name", ["internvl_toy", "smolvlm_toy"])
def test_the_view_is_what_the_encoder_reads(name: str, request: pytest.FixtureRequest) -> None:
    """Pixels inside the view move some feature, pixels outside of it none at all."""
    model: VideoMLLM = request.getfixturevalue(name)
    clip = noise(count=1)
    inputs = model.family.process(model.processor, render(model.processor, "?"), clip)
    pixels = inputs["pixel_values"].double().requires_grad_(True)
    features = model.family.features(
        model.family.encode(model.model, {**inputs, "pixel_values": pixels})
    )
    (gradient,) = torch.autograd.grad(features.square().sum(), pixels)
    height, width = pixels.shape[-2:]
    read = (gradient.reshape(-1, height, width) != 0).any(dim=0)
    left, top, right, bottom = model.encode(clip).layout.view_xyxy
    view = torch.zeros_like(read)
    view[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ] = True
    assert torch.equal(read, view)


@pytest.mark.parametrize(
    ("height", "width", "count", "grid"),
    [
        (84, 112, 4, (4, 3, 4)),
        (112, 84, 4, (4, 4, 3)),
        (48, 160, 4, (4, 2, 7)),
        (84, 112, 2, (2, 4, 6)),
    ],
)
def test_video_llama_3_follows_aspect_and_length(
    video_llama_toy: VideoMLLM, height: int, width: int, count: int, grid: tuple[int, int, int]
) -> None:
    assert video_llama_toy.encode(noise(height, width, count)).layout.grid == grid


def test_video_llama_3_keeps_what_stands_still(video_llama_toy: VideoMLLM) -> None:
    """Its processor would drop the tokens of frames that repeat; a resting object needs them."""
    still = clip_of(np.repeat(noise(count=1).frames, 4, axis=0))
    context = video_llama_toy.encode(still)
    assert context.layout.grid == (4, 3, 4)
    assert context.layout.feature_count == 48
    text = render(video_llama_toy.processor, "?")
    frames = torch.from_numpy(still.frames).permute(0, 3, 1, 2)
    own = video_llama_toy.processor(text=[text], videos=[frames], return_tensors="pt")
    assert int(own["video_compression_mask"].sum()) < 48


def test_internvl_refuses_a_grid_that_is_not_square(internvl_toy: VideoMLLM) -> None:
    inputs = {"pixel_values": torch.zeros(4, 3, 48, 64)}
    with pytest.raises(ModelError, match="wanted a square"):
        internvl_toy.family.layout(
            internvl_toy.model, Encoded(internvl_toy.processor, inputs, noise(), PLAIN, 48)
        )


def test_smolvlm_without_num2words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = smolvlm.write(folder / "no-num2words")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "zerotube.mllm.loading.find_spec",
        lambda name: None if name == "num2words" else real(name),
    )
    with pytest.raises(MissingExtraError, match=r"zerotube\[smolvlm\]"):
        load(str(path), device="cpu")
