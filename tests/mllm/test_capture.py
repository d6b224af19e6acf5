"""Captured rows are the rows of eager attention, and the model is left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from toy import noise_clip
from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import IMPLEMENTATION, Recorder, layer_range, recording
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
        torch.testing.assert_close(recorder.mean(), expected, atol=ATOL, rtol=0)


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
