"""Models that are read wrongly fail the line that is about it, and no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zerotube.check.eager import check_attention
from zerotube.check.planted import check_cells, check_pointing
from zerotube.check.prompt import check_prompt
from zerotube.check.run import CheckOptions, _guarded
from zerotube.check.types import CheckLine, Subject
from zerotube.grounder import Grounder
from zerotube.mllm import capture
from zerotube.mllm.base import VideoMLLM

CHECKS = {
    "prompt": check_prompt,
    "captured attention": check_attention,
    "planted cell": check_cells,
    "planted object": check_pointing,
}
PASSING = {"prompt", "captured attention", "planted cell, wide", "planted cell, tall"}


def lines_of(model: VideoMLLM) -> dict[str, CheckLine]:
    subject = Subject(Grounder(model), 1, lambda stage, done, total: None)
    options = CheckOptions("toy")
    found = [
        line for name, check in CHECKS.items() for line in _guarded(name, check, subject, options)
    ]
    return {line.name: line for line in found}


def failed(lines: dict[str, CheckLine]) -> set[str]:
    return {name for name, line in lines.items() if line.status == "fail"}


def test_a_model_that_is_read_as_it_should_be(toy: VideoMLLM) -> None:
    lines_of(toy)  # transformers puts hooks of its own at the first forward

    def hooks() -> int:
        return sum(len(module._forward_hooks) for module in toy.model.modules())

    before = toy.model.config.get_text_config()._attn_implementation, hooks()
    lines = lines_of(toy)
    assert {name for name, line in lines.items() if line.status == "pass"} == PASSING
    assert not failed(lines)
    assert lines["role tokens"].values["texts"][:2] == ["?", "<|im_end|>"]
    assert lines["captured attention"].values["difference"] < 1e-6
    # What was switched for the comparison is switched back.
    assert (toy.model.config.get_text_config()._attn_implementation, hooks()) == before


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda cells: np.roll(cells, 1, axis=2), id="one column off"),
        pytest.param(lambda cells: np.swapaxes(cells, 1, 2).copy(), id="rows and columns swapped"),
        pytest.param(lambda cells: cells[::-1].copy(), id="frames in reverse"),
        pytest.param(lambda cells: cells + 1, id="a newline in front"),
    ],
)
def test_a_wrong_layout(wrong, toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(toy.family).layout

    def layout(*args):
        found = right(*args)
        return replace(found, cells=wrong(found.cells))

    monkeypatch.setattr(type(toy.family), "layout", layout)
    lines = lines_of(toy)
    assert failed(lines) == {"planted cell, wide", "planted cell, tall"}
    assert "planted at" in lines["planted cell, wide"].detail


def test_a_picture_that_is_turned(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that mirrors the frames: the tokens are right and in other places."""
    right = type(toy.family).process

    def process(family, processor, text, clip, *options):
        mirrored = replace(clip, frames=clip.frames[:, :, ::-1].copy())
        return right(family, processor, text, mirrored, *options)

    monkeypatch.setattr(type(toy.family), "process", process)
    assert failed(lines_of(toy)) == {"planted cell, wide", "planted cell, tall"}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda rows: rows.roll(1, dims=2), id="another token's row"),
        pytest.param(lambda rows: rows[:, :1].expand_as(rows), id="one head alone"),
        pytest.param(lambda rows: rows.roll(1, dims=-1), id="a key off"),
        pytest.param(lambda rows: rows * float("nan"), id="not a number"),
    ],
)
def test_wrong_rows(wrong, toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    right = capture._rows
    monkeypatch.setattr(capture, "_rows", lambda *args: wrong(right(*args)))
    assert "captured attention" in failed(lines_of(toy))
    assert not failed(lines_of(toy)) & {"prompt", "planted cell, wide"}


def test_a_prompt_of_other_tokens(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    right = toy.tokens.tail
    # The probe of `encode` is as it should be, a real question loses its first token.
    monkeypatch.setattr(
        toy.tokens, "tail", lambda question: right(question)[1 if question != "?" else 0 :]
    )
    assert "prompt" in failed(lines_of(toy))


def test_an_error_is_a_line(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(toy.family).features
    monkeypatch.setattr(type(toy.family), "features", lambda *args: right(*args)[:-1])
    lines = lines_of(toy)
    assert failed(lines) == {"prompt", "captured attention", "planted cell", "planted object"}
    assert "64 visual features for 65 placeholders" in lines["prompt"].figure


def test_too_little_memory_is_a_line(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(toy.family), "encode", encode)
    assert lines_of(toy)["prompt"].figure == "not enough memory"
