"""Asking the loaded model itself for the time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import llava_onevision
from zerotube.errors import UsageError
from zerotube.method.ask import ask_times, check_can_answer
from zerotube.method.config import preset
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.query.prompts import time_prompt
from zerotube.video.types import Clip

STATEMENT = "the man sits down"
FRAMES = 8


@pytest.fixture(scope="module")
def clip() -> Clip:
    shape = (FRAMES, 56, 56, 3)
    return make_clip(np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8))


def taught(folder: Path, clip: Clip, answer: str) -> VideoMLLM:
    """A toy that was taught one answer to the question, by gradient descent on its weights."""
    model = load_toy(llava_onevision.write(folder / "toy", layers=3), dtype="float32")
    context = model.encode(clip)
    question = time_prompt(
        STATEMENT, "frames", frame_count=len(clip), duration_s=clip.info.duration_s
    )
    tokenizer = model.processor.tokenizer
    wanted = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    # The head alone: what the layers make of the prompt stays, and so does the prefix.
    head = model.model.get_output_embeddings().weight.requires_grad_(True)
    optimizer = torch.optim.Adam([head], lr=0.05)
    tail = model.tokens.tail(question)
    with torch.no_grad():
        prefix = model.prefill(context)
    loss = torch.tensor(9.0)
    while float(loss) > 0.05:
        result = model.model(
            input_ids=torch.tensor([[*tail, *wanted]]),
            position_ids=context.positions_after(prefix.length, len(tail) + len(wanted)),
            past_key_values=prefix.cache(),
            logits_to_keep=len(wanted) + 1,
        )
        loss = torch.nn.functional.cross_entropy(result.logits[0, :-1], torch.tensor(wanted))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss = loss.detach()
    head.requires_grad_(False)
    return model


def session_of(model: VideoMLLM, clip: Clip, **changes: object) -> ClipSession:
    settings = preset("asked", frames=FRAMES, **changes)
    return ClipSession(model, model.encode(clip, encode_options(model, settings)), settings)


def test_a_model_that_names_frames_is_understood(tmp_path: Path, clip: Clip) -> None:
    model = taught(tmp_path, clip, "frames 2 to 5")
    session = session_of(model, clip)
    named = ask_times(session, clip, STATEMENT)
    assert named.source == f"model:{model.name}"
    assert named.refused == ()
    # Every third frame of the video was shown: frames 2 to 5 are 3 to 12, and half a step around.
    assert named.answers == (((1.5, 13.5),),)
    assert ask_times(session, clip, STATEMENT) is named
    several = ask_times(session_of(model, clip, ask_samples=3), clip, STATEMENT)
    assert len(several.answers) + len(several.refused) == 3


def test_a_model_that_talks_of_something_else_is_refused(tmp_path: Path, clip: Clip) -> None:
    model = load_toy(llava_onevision.write(tmp_path / "toy", layers=3))
    named = ask_times(session_of(model, clip), clip, STATEMENT)
    assert named.answers == ()
    assert named.refused == ("an answer that names no time",)
    assert named.share_at(np.arange(5)).tolist() == [0.0] * 5


def test_a_model_without_the_words_is_refused() -> None:
    model = load("bundled", device="cpu")
    with pytest.raises(
        UsageError, match="--time ask with the model 'bundled', which does not know"
    ):
        check_can_answer(model)
