"""Captured rows are the rows of eager attention, and the model is left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from toy import noise_clip
from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import IMPLEMENTATION, Heads, Recorder, layer_range, recording
from zerotube.mllm.prompting import render
from zerotube.mllm.types import VisualContext

# The models run in float64, but eager attention takes its softmax in float32 whatever the dtype:
# half a unit in the last place of a weight near 1 is 3e-8.
ATOL = 5e-8
QUESTION = "Is there the red square in this video?"


def eager_forward(folder: Path, toy: VideoMLLM, question: str = QUESTION):
    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    inputs = toy.family.process(toy.processor, render(toy.processor, question), noise_clip())
    with torch.no_grad():
        return model(
            input_ids=inputs["input_ids"],
            pixel_values_videos=inputs["pixel_values_videos"].double(),
            output_attentions=True,
        )


def test_rows_equal_eager_attention_in_every_layer(
    toy_folder: Path, toy: VideoMLLM, context: VisualContext
) -> None:
    reference = eager_forward(toy_folder, toy)
    prefix = toy.prefill(context)
    positions, texts = toy.tokens.candidates(QUESTION)
    rows = [prefix.length + position for position in positions]
    cells = context.visual_positions[torch.from_numpy(context.layout.cells.reshape(-1))]
    for layer in range(toy.layer_count):
        answer = toy.ask(prefix, [QUESTION], layers=range(layer, layer + 1))[0]
        expected = reference.attentions[layer][0].mean(dim=0)[rows][:, cells]
        assert answer.maps is not None
        assert answer.maps.shape == (len(texts), *context.layout.grid)
        torch.testing.assert_close(answer.maps.flatten(1), expected, atol=ATOL, rtol=0)
    averaged = toy.ask(prefix, [QUESTION], layers=range(toy.layer_count), logits=False)[0].maps
    expected = torch.stack([item[0].mean(dim=0)[rows][:, cells] for item in reference.attentions])
    assert averaged is not None
    torch.testing.assert_close(averaged.flatten(1), expected.mean(dim=0), atol=ATOL, rtol=0)


def test_rows_of_a_whole_sequence_equal_eager(toy_folder: Path, toy: VideoMLLM) -> None:
    """The causal path without a cache (no mask is passed) gives the same rows too."""
    reference = eager_forward(toy_folder, toy)
    inputs = toy.family.process(toy.processor, render(toy.processor, QUESTION), noise_clip())
    rows = torch.tensor([5, 20, inputs["input_ids"].shape[1] - 1])
    for layer in range(toy.layer_count):
        recorder = Recorder(rows=rows, layers=[layer])
        with torch.no_grad(), recording(toy.model.config.get_text_config(), recorder):
            toy.model(
                input_ids=inputs["input_ids"],
                pixel_values_videos=inputs["pixel_values_videos"].double(),
            )
        expected = reference.attentions[layer][0].mean(dim=0)[rows]
        torch.testing.assert_close(recorder.mean()[0], expected, atol=ATOL, rtol=0)


def eager_cells(folder: Path, toy: VideoMLLM, context: VisualContext) -> torch.Tensor:
    """Eager attention of the role tokens to the cells, ``(L, H, R, C)``."""
    positions, _ = toy.tokens.candidates(QUESTION)
    rows = torch.tensor(positions) + context.head_ids.shape[1]
    cells = context.visual_positions[torch.from_numpy(context.layout.cells.reshape(-1))]
    attentions = eager_forward(folder, toy).attentions
    return torch.stack([item[0][:, rows][:, :, cells] for item in attentions])


def test_heads_weighted_by_their_maximum_equal_eager(
    toy_folder: Path, toy: VideoMLLM, context: VisualContext
) -> None:
    every = eager_cells(toy_folder, toy, context)[1:]
    weights = every.amax(dim=(2, 3), keepdim=True)
    expected = (weights / weights.sum() * every).sum(dim=(0, 1))
    (answer,) = toy.ask(
        toy.prefill(context),
        [QUESTION],
        layers=range(1, toy.layer_count),
        heads="max-attention",
        logits=False,
    )
    assert answer.maps is not None
    torch.testing.assert_close(answer.maps.flatten(1), expected, atol=2 * ATOL, rtol=0)
    assert (expected - every.mean(dim=(0, 1))).abs().max() > 100 * ATOL


def test_chosen_heads_equal_eager(toy_folder: Path, toy: VideoMLLM, context: VisualContext) -> None:
    """Also where a layer between two of them has none."""
    every = eager_cells(toy_folder, toy, context)
    heads = ((2, 3), (0, 1), (0, 2))
    expected = torch.stack([every[pair] for pair in heads]).mean(dim=0)
    whole = range(toy.layer_count)
    answer, same = (
        toy.ask(toy.prefill(context), [QUESTION], layers=whole, heads=heads, logits=logits)[0]
        for logits in (False, True)
    )
    assert answer.maps is not None
    assert same.maps is not None
    torch.testing.assert_close(answer.maps.flatten(1), expected, atol=ATOL, rtol=0)
    torch.testing.assert_close(same.maps, answer.maps)


def test_heads_apart_equal_eager(toy_folder: Path, toy: VideoMLLM, context: VisualContext) -> None:
    expected = eager_cells(toy_folder, toy, context).mean(dim=2)
    found = toy.head_maps(toy.prefill(context), QUESTION)
    assert found.shape == (toy.layer_count, toy.head_count, *context.layout.grid)
    torch.testing.assert_close(found.flatten(2), expected, atol=ATOL, rtol=0)


@pytest.mark.parametrize("heads", ["all", "max-attention", ((0, 1), (1, 0), (1, 3))])
def test_what_is_kept_is_rows_by_tokens(toy: VideoMLLM, heads: Heads) -> None:
    """Of two sequences at once, each as if it were alone."""
    ids = torch.randint(5, 100, (2, 12), generator=torch.Generator().manual_seed(0))
    rows, columns = torch.tensor([9, 11]), torch.tensor([1, 4, 7])
    alone = []
    for batch in (ids, ids[:1], ids[1:]):
        recorder = Recorder(rows, columns, layers=(0, 1), stop_layer=1, heads=heads)
        with torch.no_grad(), recording(toy.text_config, recorder):
            toy.model(input_ids=batch)
        assert recorder.total is not None
        assert recorder.total.shape == (len(batch), 2, 3)
        alone.append(recorder.mean())
    torch.testing.assert_close(alone[0], torch.cat(alone[1:]))


def test_rows_carry_gradients(toy: VideoMLLM, context: VisualContext) -> None:
    prompt = torch.zeros_like(context.features, requires_grad=True)
    prefix = toy.prefill(context, prompt)
    maps = toy.ask(prefix, [QUESTION], layers=range(toy.layer_count))[0].maps
    assert maps is not None
    (gradient,) = torch.autograd.grad(maps.amax(), prompt)
    assert gradient.abs().max() > 0


def test_setting_is_restored_also_after_an_error(toy: VideoMLLM) -> None:
    config = toy.model.config.get_text_config()
    before = config._attn_implementation

    def fail_inside() -> None:
        with recording(config, Recorder()):
            assert config._attn_implementation == IMPLEMENTATION
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert config._attn_implementation == before


def test_missing_layers_are_refused() -> None:
    with pytest.raises(ModelError, match=r"layers \[0, 1\]"):
        Recorder(rows=torch.tensor([0]), layers=range(2)).mean()


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(32, range(6, 26)), (28, range(5, 23)), (4, range(1, 3)), (1, range(1))],
)
def test_layer_range_is_the_references(layers: int, expected: range) -> None:
    assert layer_range(layers, 6 / 32, 26 / 32) == expected


def test_all_layers_and_a_thin_range() -> None:
    assert layer_range(24, 0.0, 1.0) == range(24)
    assert len(layer_range(24, 0.5, 0.501)) == 1
