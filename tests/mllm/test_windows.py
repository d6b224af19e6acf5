"""A window of a clip answers as a clip of its own would, in every family."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import QUESTION, toys
from zerotube.bundled import bundled_path
from zerotube.errors import UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.mllm.types import VisualContext
from zerotube.mllm.windows import (
    encode_part,
    part_logits,
    picked,
    window_logits,
    windows_over,
)
from zerotube.video.types import Clip

TOYS = toys()
CUT = {
    "LlavaNextVideoForConditionalGeneration",
    "LlavaOnevisionForConditionalGeneration",
    "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VLForConditionalGeneration",
}
"""Families whose windows are cut out of the clip's encoding; the others encode them anew."""

TAKEN_OVER = {
    "InternVLForConditionalGeneration",
    "Qwen3VLForConditionalGeneration",
    "SmolVLMForConditionalGeneration",
    "VideoLlama3ForConditionalGeneration",
}
"""Of these the families whose prompts are written anew around the clip's features."""

OTHER_QUESTION = "Is there the small dog in this video?"


class Case(NamedTuple):
    name: str
    model: VideoMLLM
    clip: Clip
    context: VisualContext


@pytest.fixture(scope="module", params=sorted(TOYS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    module = TOYS[request.param]
    model = load_toy(module.write(tmp_path_factory.mktemp(request.param) / "toy"))
    height, width = getattr(module, "FRAME", (84, 112))
    count = min(8, model.family.frame_limit or 8)
    pixels = np.random.default_rng(3).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    clip = make_clip(pixels)
    return Case(request.param, model, clip, model.encode(clip))


def shown(clip: Clip, context: VisualContext, window: range) -> Clip:
    """The frames of some time steps."""
    return picked(clip, np.isin(context.layout.step_of_frame, np.array(window)))


def alone(case: Case, window: range, question: str) -> torch.Tensor:
    """What the model says of a clip of these frames and nothing else."""
    part = encode_part(case.model, case.context, shown(case.clip, case.context, window))
    logits = case.model.ask(case.model.prefill(part), [question])[0].logits
    assert logits is not None
    return logits.detach()


def test_a_window_answers_as_a_clip_of_its_own(case: Case) -> None:
    steps = case.context.layout.grid[0]
    windows = [*windows_over(steps, 2, 1), range(1), range(steps - 1, steps)]
    questions = [QUESTION, OTHER_QUESTION]
    found = window_logits(case.model, case.context, case.clip, windows, questions)
    assert found.shape[:2] == (len(windows), 2)
    for place, window in enumerate(windows):
        for number, question in enumerate(questions):
            expected = alone(case, window, question)
            torch.testing.assert_close(found[place, number], expected, atol=1e-4, rtol=1e-4)
    if steps > 1:
        assert not torch.allclose(found[0], found[1], atol=1e-6)


def test_how_a_family_shows_windows(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = case.model.encode
    monkeypatch.setattr(case.model, "encode", lambda *a: calls.append(1) or encode(*a))
    windows = windows_over(case.context.layout.grid[0], 1, 1)
    window_logits(case.model, case.context, case.clip, windows, [QUESTION])
    assert len(calls) == (0 if case.name in CUT else len(windows))


def test_the_encoder_does_not_run_again_where_it_treats_steps_apart(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    encode = case.model.family.encode
    monkeypatch.setattr(case.model.family, "encode", lambda *a: calls.append(1) or encode(*a))
    windows = windows_over(case.context.layout.grid[0], 1, 1)
    window_logits(case.model, case.context, case.clip, windows, [QUESTION])
    assert len(calls) == (0 if case.name in CUT | TAKEN_OVER else len(windows))


def test_parts_of_the_video_answer_as_clips_of_their_own(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = min(2 * case.context.layout.frames_per_step, len(case.clip))
    shape = (3 * length, *case.clip.frames.shape[1:])
    pixels = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    video = make_clip(pixels)
    parts = [
        picked(video, np.isin(np.arange(len(video)), place * length + np.arange(length)))
        for place in range(3)
    ]
    expected = []
    for part in parts:
        context = encode_part(case.model, case.context, part)
        expected.append(case.model.ask(case.model.prefill(context), [QUESTION])[0].logits)
    calls: list[int] = []
    encode = case.model.encode
    monkeypatch.setattr(case.model, "encode", lambda *a: calls.append(1) or encode(*a))
    found = part_logits(case.model, case.context, parts, QUESTION)
    torch.testing.assert_close(found, torch.stack(expected).detach(), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found[0], found[1], atol=1e-6)
    # Never more frames at once than the clip has.
    at_once = len(case.clip) // length
    assert len(calls) == (-(-3 // at_once) if case.name in CUT else 3)


def test_parts_of_different_lengths_are_refused(case: Case) -> None:
    one = picked(case.clip, np.arange(len(case.clip)) < 1)
    if len(case.clip) > 1:
        with pytest.raises(UsageError, match="one length"):
            part_logits(case.model, case.context, [one, case.clip], QUESTION)


def test_chosen_tokens_and_small_batches_change_nothing(case: Case) -> None:
    windows = windows_over(case.context.layout.grid[0], 1, 1)
    whole = window_logits(case.model, case.context, case.clip, windows, [QUESTION])
    few = window_logits(
        case.model, case.context, case.clip, windows, [QUESTION], token_ids=[5, 2], max_tokens=1
    )
    torch.testing.assert_close(few, whole[:, :, [5, 2]], atol=1e-6, rtol=1e-6)


def test_frames_are_as_large_in_a_window_as_in_the_clip(case: Case) -> None:
    """Few frames are no larger than many, but where one picture holds all of them."""
    _, height, width, _ = case.clip.frames.shape
    for factor in (1, 3):
        frames = case.clip.frames.repeat(factor, axis=1).repeat(factor, axis=2)
        info = replace(case.clip.info, width=width * factor, height=height * factor)
        clip = replace(case.clip, frames=frames, info=info)
        whole = case.model.encode(clip)
        part = picked(clip, np.isin(whole.layout.step_of_frame, [0]))
        found = encode_part(case.model, whole, part)
        same = found.layout.grid == (1, *whole.layout.grid[1:])
        assert same != case.name.startswith("ShareGPT4Video")


@pytest.mark.parametrize("window", [range(0), range(99), range(0, 4, 2)])
def test_an_impossible_window_is_refused(case: Case, window: range) -> None:
    with pytest.raises(UsageError, match="window range"):
        window_logits(case.model, case.context, case.clip, [window], [QUESTION])


def test_the_bundled_models_features_are_those_of_the_window_alone() -> None:
    model = load(str(bundled_path()), device="cpu")
    pixels = np.random.default_rng(1).integers(0, 256, (20, 128, 128, 3), dtype=np.uint8)
    clip = make_clip(pixels)
    context = model.encode(clip)
    per_step = context.layout.cells[0].size
    for window in (range(1), range(4, 6), range(8, 10)):
        part = model.encode(shown(clip, context, window))
        rows = slice(window.start * per_step, window.stop * per_step)
        assert torch.equal(part.features, context.features[rows])


def test_windows_cover_all_steps() -> None:
    assert windows_over(10, 2, 1) == [range(k, k + 2) for k in range(9)]
    assert windows_over(7, 2, 2) == [range(2), range(2, 4), range(4, 6), range(5, 7)]
    assert windows_over(3, 5, 2) == [range(3)]
    for steps in range(1, 12):
        for length in range(1, 5):
            for stride in range(1, length + 1):
                windows = windows_over(steps, length, stride)
                assert set().union(*windows) == set(range(steps))
                assert len(set(windows)) == len(windows)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (4, 0, 1), (4, 1, 0)])
def test_impossible_layouts_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        windows_over(*numbers)
