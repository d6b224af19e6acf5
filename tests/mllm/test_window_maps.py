"""The map of a window is that of a clip of its own, cut out or encoded anew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import QUESTION, toys
from zerotube.errors import UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import Heads
from zerotube.mllm.types import VisualContext
from zerotube.mllm.window_maps import MapsRead, window_maps
from zerotube.mllm.windows import encode_part, frames_of, windows_over
from zerotube.query.prompts import CAPTION_PROMPT
from zerotube.video.types import Clip

CUT = {
    "LlavaOnevisionForConditionalGeneration": True,
    "Qwen2_5_VLForConditionalGeneration": True,
    "InternVLForConditionalGeneration": False,
    "Qwen3VLForConditionalGeneration": False,
    "ShareGPT4VideoForConditionalGeneration": False,
}
"""Families, and whether their windows are cut out of the clip's encoding."""


class Case(NamedTuple):
    cut: bool
    model: VideoMLLM
    clip: Clip
    context: VisualContext


@pytest.fixture(scope="module", params=sorted(CUT))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    module = toys()[request.param]
    model = load_toy(module.write(tmp_path_factory.mktemp(request.param) / "toy"))
    height, width = getattr(module, "FRAME", (84, 112))
    pixels = np.random.default_rng(3).integers(0, 256, (8, height, width, 3), dtype=np.uint8)
    clip = make_clip(pixels)
    return Case(CUT[request.param], model, clip, model.encode(clip))


@pytest.mark.parametrize("heads", ["all", "max-attention", ((1, 0), (0, 1))])
def test_a_window_is_read_as_a_clip_of_its_own(case: Case, heads: Heads) -> None:
    model, clip, context = case.model, case.clip, case.context
    steps = context.layout.grid[0]
    windows = [*windows_over(steps, 2, 1), range(1), range(steps - 1, steps)]
    read = MapsRead(range(model.layer_count), heads)
    questions = [QUESTION, CAPTION_PROMPT]
    found = window_maps(model, context, clip, windows, questions, read)
    for number, question in enumerate(questions):
        for place, window in enumerate(windows):
            part = encode_part(model, context, frames_of(clip, context, window))
            prefix = model.prefill(part)
            (answer,) = model.ask(prefix, [question], layers=read.layers, heads=heads)
            assert answer.maps is not None
            assert found[number][place].shape[1] == len(window)
            torch.testing.assert_close(
                found[number][place], answer.maps.detach(), atol=1e-6, rtol=1e-4
            )
    assert not torch.allclose(found[0][0], found[0][1], atol=1e-6)


def test_how_a_family_shows_windows(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = case.model.encode
    monkeypatch.setattr(case.model, "encode", lambda *a: calls.append(1) or encode(*a))
    windows = windows_over(case.context.layout.grid[0], 1, 1)
    read = MapsRead(range(1))
    whole = window_maps(case.model, case.context, case.clip, windows, [QUESTION], read)[0]
    assert len(calls) == (0 if case.cut else len(windows))
    # One window after the other gives what all of them side by side give.
    apart = window_maps(
        case.model, case.context, case.clip, windows, [QUESTION], read, max_tokens=1
    )[0]
    for one, other in zip(whole, apart, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-6)


def test_an_impossible_window_is_refused(case: Case) -> None:
    read = MapsRead(range(1))
    with pytest.raises(UsageError, match="window range"):
        window_maps(case.model, case.context, case.clip, [range(99)], [QUESTION], read)
