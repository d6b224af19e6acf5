"""Maps of windows, put together over time and fused with the clip's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from toy import noise_clip
from zerotube.method.config import Contrast, preset
from zerotube.method.frame_maps import fused, over_time, with_frame_maps
from zerotube.method.relevance import contrasted
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import VisualContext
from zerotube.mllm.windows import encode_part, frames_of
from zerotube.query.prompts import CAPTION_PROMPT, excluding_prompt, existence_prompt

CLIP = noise_clip()
QUESTION = existence_prompt("the red square moves left")
OBJECT = "the red square"
OTHER_PROMPT = {
    "ratio": CAPTION_PROMPT,
    "difference": CAPTION_PROMPT,
    "excluding": excluding_prompt(OBJECT),
}


def test_a_step_is_the_mean_of_the_windows_that_show_it() -> None:
    rng = np.random.default_rng(0)
    windows = [range(2), range(1, 3), range(2, 4), range(3, 4)]
    maps = [rng.random((len(window), 2, 3)) for window in windows]
    found = over_time(windows, [torch.from_numpy(one) for one in maps], (4, 2, 3)).numpy()
    for step in range(4):
        shown = [
            one[step - window.start]
            for window, one in zip(windows, maps, strict=True)
            if step in window
        ]
        np.testing.assert_allclose(found[step], np.mean(shown, axis=0), rtol=1e-12)


def test_a_finer_map_is_averaged_over_the_cells() -> None:
    fine = torch.arange(16.0).reshape(1, 4, 4)
    found = over_time([range(1)], [fine], (1, 2, 2))
    assert found.tolist() == [[[2.5, 4.5], [10.5, 12.5]]]


def test_fused_is_high_where_both_are() -> None:
    found = fused(torch.tensor([[[4.0, 9.0, 0.0]]]), torch.tensor([[[1.0, 4.0, 5.0]]]))
    assert found.tolist() == [[[2.0, 6.0, 0.0]]]


@pytest.mark.parametrize("contrast", ["ratio", "difference", "excluding", "none"])
@pytest.mark.parametrize("rule", ["windows", "frames"])
def test_every_window_is_read_against_itself(
    toy: VideoMLLM, context: VisualContext, contrast: Contrast, rule: str
) -> None:
    settings = preset(contrast=contrast, scan_window=2, scan_stride=1, frame_maps=rule)
    session = ClipSession(toy, context, settings)
    whole, token = session.read(QUESTION, None, without=OBJECT)
    found = with_frame_maps(session, CLIP, QUESTION, whole, token, OBJECT)
    windows = [range(2), range(1, 3)] if rule == "windows" else [range(k, k + 1) for k in range(3)]
    maps = []
    for window in windows:
        part = toy.prefill(encode_part(toy, context, frames_of(CLIP, context, window)))
        asked = [QUESTION, OTHER_PROMPT.get(contrast, CAPTION_PROMPT)]
        own, generic = (one.maps for one in toy.ask(part, asked, layers=session.layers))
        assert own is not None
        assert generic is not None
        maps.append(contrasted(own, generic, contrast).mean(dim=0).detach())
    expected = fused(whole, over_time(windows, maps, context.layout.grid))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    assert not torch.allclose(found, whole, rtol=1e-3)


def test_a_map_of_one_step_stays(toy: VideoMLLM) -> None:
    clip = noise_clip(1)
    session = ClipSession(toy, toy.encode(clip), preset(frame_maps="frames"))
    whole, token = session.read(QUESTION, None)
    assert with_frame_maps(session, clip, QUESTION, whole, token) is whole


def test_windows_are_read_once(
    toy: VideoMLLM, context: VisualContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ClipSession(toy, context, preset(frame_maps="frames"))
    whole, token = session.read(QUESTION, None)
    first = with_frame_maps(session, CLIP, QUESTION, whole, token)
    forward, calls = toy.model.forward, []
    monkeypatch.setattr(toy.model, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    again = session.under(replace(session.settings, contrast="difference"))
    with_frame_maps(again, CLIP, QUESTION, whole, token)
    assert torch.equal(with_frame_maps(session, CLIP, QUESTION, whole, token), first)
    assert calls == []
