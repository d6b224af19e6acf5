"""One prefix, many questions: equal to whole-sequence passes in logits, maps and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from toy import make_clip, noise_clip
from toys.llava_onevision import SIDE
from zerotube.errors import ModelError, UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import render
from zerotube.mllm.types import TokenLayout, VisualContext

QUESTIONS = ("Is there the red square in this video?", "Describe this video in details.")


def whole_pass(toy: VideoMLLM, context: VisualContext, question: str, features: torch.Tensor):
    """The model's ordinary forward over prefix and question together."""
    tail = torch.tensor([toy.tokens.tail(question)])
    output = toy.family.place(context.output, features, None)
    return toy.model(
        input_ids=torch.cat([context.head_ids, tail], dim=1), mm_encoder_outputs={"video": output}
    ).logits[0, -1]


def test_zero_prompt_gives_the_plain_models_logits(toy: VideoMLLM) -> None:
    clip = noise_clip()
    context = toy.encode(clip)
    inputs = toy.family.process(toy.processor, render(toy.processor, QUESTIONS[0]), clip)
    with torch.no_grad():
        plain = toy.model(
            input_ids=inputs["input_ids"],
            pixel_values_videos=inputs["pixel_values_videos"].double(),
        ).logits[0, -1]
        zero = torch.zeros_like(context.features)
        assert torch.equal(whole_pass(toy, context, QUESTIONS[0], context.features + zero), plain)
        answer = toy.ask(toy.prefill(context, zero), [QUESTIONS[0]])[0]
    assert answer.logits is not None
    torch.testing.assert_close(answer.logits.double(), plain, atol=1e-5, rtol=0)


def test_questions_on_one_prefix_equal_whole_passes(toy: VideoMLLM, context: VisualContext) -> None:
    torch.manual_seed(1)
    prompt = (torch.randn_like(context.features) * 0.1).requires_grad_(True)
    prefix = toy.prefill(context, prompt)
    for question, answer in zip(QUESTIONS, toy.ask(prefix, QUESTIONS), strict=True):
        assert answer.logits is not None
        whole = whole_pass(toy, context, question, context.features + prompt)
        torch.testing.assert_close(answer.logits.double(), whole, atol=1e-5, rtol=0)
        (ours,) = torch.autograd.grad(answer.logits[3], prompt, retain_graph=True)
        (theirs,) = torch.autograd.grad(whole[3], prompt)
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_short_prefill_reads_the_same_maps(toy: VideoMLLM, context: VisualContext) -> None:
    layers = range(2)
    full = toy.ask(toy.prefill(context), QUESTIONS, layers=layers)
    short = toy.ask(toy.prefill(context, layers=2), QUESTIONS, layers=layers, logits=False)
    for one, other in zip(full, short, strict=True):
        assert other.logits is None
        assert torch.equal(one.maps, other.maps)


def test_reversal_feeds_the_frames_backwards(toy: VideoMLLM) -> None:
    clip = noise_clip(4)
    backwards = make_clip(clip.frames[::-1].copy())
    ours = toy.ask(
        toy.prefill(toy.encode(clip), reverse=True), QUESTIONS, layers=range(toy.layer_count)
    )
    theirs = toy.ask(toy.prefill(toy.encode(backwards)), QUESTIONS, layers=range(toy.layer_count))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.maps, other.maps, atol=1e-12, rtol=0)
        torch.testing.assert_close(one.logits, other.logits, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("step", "row", "column"), [(0, 0, 0), (1, 3, 1), (2, 1, 3), (2, 3, 3)])
def test_planted_object_lands_on_its_cell(toy: VideoMLLM, step: int, row: int, column: int) -> None:
    """Pixels of one cell change; the features that change most are the layout's for that cell."""
    grey = np.full((3, 56, 56, 3), 128, dtype=np.uint8)
    planted = grey.copy()
    cell = 56 / SIDE
    top, left = round(row * cell), round(column * cell)
    planted[step, top : top + 14, left : left + 14] = (255, 0, 0)
    before, after = toy.encode(make_clip(grey)), toy.encode(make_clip(planted))
    moved = (after.features - before.features).norm(dim=-1)
    assert int(moved.argmax()) == int(before.layout.cells[step, row, column])


def test_one_frame_video(toy: VideoMLLM) -> None:
    context = toy.encode(noise_clip(1))
    assert context.layout.grid == (1, SIDE, SIDE)
    assert context.features.shape[0] == SIDE * SIDE + 1


def test_reversed_order_is_an_involution_and_spares_the_newline() -> None:
    layout = TokenLayout(np.arange(12).reshape(3, 2, 2), 13, np.arange(3))
    order = layout.reversed_order()
    assert order.tolist() == [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12]
    assert order[order].tolist() == list(range(13))


def test_rows_beside_the_grid_go_with_their_frame() -> None:
    """Three frames of a class token and two cells each, and a newline that is nobody's."""
    rows = np.arange(9).reshape(3, 3)
    layout = TokenLayout(
        rows[:, 1:].reshape(3, 1, 2), 10, np.arange(3), beside=np.ascontiguousarray(rows[:, :1])
    )
    order = layout.reversed_order()
    assert order.tolist() == [6, 7, 8, 3, 4, 5, 0, 1, 2, 9]
    assert order[order].tolist() == list(range(10))


@pytest.mark.parametrize("beside", [[[0], [4]], [[8], [9]], [[8]]], ids=["cell", "out", "steps"])
def test_wrong_rows_beside_the_grid_are_refused(beside: list[list[int]]) -> None:
    with pytest.raises(ModelError, match="rows beside"):
        TokenLayout(np.arange(8).reshape(2, 2, 2), 9, np.arange(2), beside=np.array(beside))


def test_more_frames_than_the_family_takes_are_refused(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(toy.family), "frame_limit", 2)
    assert toy.encode(noise_clip(2)).layout.grid[0] == 2
    with pytest.raises(UsageError, match=r"got 3 frames .* at most 2, .*--frames 2"):
        toy.encode(noise_clip(3))


@pytest.mark.parametrize(
    ("cells", "count", "frames"),
    [
        (np.zeros((2, 2, 2), dtype=np.int64), 8, np.arange(2)),
        (np.arange(8).reshape(2, 2, 2), 7, np.arange(2)),
        (np.arange(8).reshape(2, 2, 2), 8, np.arange(3)),
        (np.arange(8), 8, np.arange(2)),
    ],
    ids=["repeated", "outside", "too many steps", "flat"],
)
def test_a_wrong_layout_is_refused(cells: np.ndarray, count: int, frames: np.ndarray) -> None:
    with pytest.raises(ModelError, match="token layout"):
        TokenLayout(cells, count, frames)


def test_preferred_answer_is_the_likelier_spelling(toy: VideoMLLM, context: VisualContext) -> None:
    prefix = toy.prefill(context)
    chosen = toy.preferred_answer(prefix, QUESTIONS[0])
    weight = toy.ask(prefix, [QUESTIONS[0]])[0].logits.softmax(dim=-1)
    spellings = toy.tokens.answer_ids()
    assert len(spellings) > 1
    best = max(float(weight[item.yes] + weight[item.no]) for item in spellings)
    assert float(weight[chosen.yes] + weight[chosen.no]) == best
