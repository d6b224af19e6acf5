"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: time steps, positions, timestamps, deep stack, windows."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import QUESTION, qwen2_5_vl, qwen2_vl, qwen3_vl
from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.families.base import Encoded
from zerotube.mllm.prompting import render
from zerotube.mllm.types import PLAIN, VisualContext
from zerotube.video.types import Clip

MODULES = {"qwen2": qwen2_vl, "qwen2.5": qwen2_5_vl, "qwen3": qwen3_vl}
CELL = {"qwen2": 28, "qwen2.5": 28, "qwen3": 32}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoMLLM]:
    """One toy of each family."""

    def loaded(name: str, module: ModuleType) -> VideoMLLM:
        return load_toy(module.write(tmp_path_factory.mktemp("qwen") / name))

    return {name: loaded(name, module) for name, module in MODULES.items()}


@pytest.fixture(params=list(MODULES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def noise(name: str, count: int, rows: int, columns: int, seed: int = 0, stride: int = 3) -> Clip:
    """Frames of noise, ``rows`` x ``columns`` cells large, 0.3 s apart unless told otherwise."""
    shape = (count, rows * CELL[name], columns * CELL[name], 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return make_clip(pixels, stride=stride)


def whole(model: VideoMLLM, context: VisualContext, positions: torch.Tensor) -> torch.Tensor:
    """Logits of one forward over prefix and question at given positions."""
    tail = torch.tensor([model.tokens.tail(QUESTION)])
    ids = torch.cat([context.head_ids, tail], dim=1)
    with torch.no_grad():
        return model.model(
            input_ids=ids,
            position_ids=positions,
            mm_encoder_outputs={"video": context.output},
        ).logits[0, -1]


def split_positions(model: VideoMLLM, context: VisualContext) -> torch.Tensor:
    """Positions that prefix and question are fed with, put together again."""
    assert context.positions is not None
    count = len(model.tokens.tail(QUESTION))
    suffix = context.positions_after(context.head_ids.shape[1], count)
    return torch.cat([context.positions[..., :-1], suffix], dim=-1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_step_covers_two_frames_and_the_last_may_cover_one(
    models: dict[str, VideoMLLM], name: str, count: int
) -> None:
    model, clip = models[name], noise(name, count, 2, 3)
    before = model.encode(clip)
    steps = -(-count // 2)
    assert before.layout.grid == (steps, 2, 3)
    assert before.layout.step_of_frame.tolist() == [frame // 2 for frame in range(count)]
    frames = clip.frames.copy()
    frames[-1] = 255 - frames[-1]
    after = model.encode(replace(clip, frames=frames))
    changed = (after.features - before.features).abs().amax(dim=-1) > 0
    expected = torch.zeros(steps, 6, dtype=torch.bool)
    expected[-1] = True
    assert torch.equal(changed, expected.flatten())


def test_cells_are_in_reading_order_across_windows(models: dict[str, VideoMLLM]) -> None:
    """5 x 7 cells leave ragged windows of 2 x 2; every cell is where its pixels are."""
    model = models["qwen2.5"]
    grey = np.full((2, 5 * 28, 7 * 28, 3), 127, dtype=np.uint8)
    before = model.encode(make_clip(grey))
    assert before.layout.grid == (1, 5, 7)
    for cell in range(35):
        y, x = divmod(cell, 7)
        frames = grey.copy()
        frames[:, y * 28 : (y + 1) * 28, x * 28 : (x + 1) * 28] = (255, 0, 40)
        after = model.encode(make_clip(frames))
        assert int((after.features - before.features).norm(dim=-1).argmax()) == cell


def test_grid_follows_the_processors_own_limits(models: dict[str, VideoMLLM], name: str) -> None:
    """A wide frame keeps its shape; one above the limit is shrunk and the layout follows."""
    small = models[name].encode(noise(name, 2, 2, 7))
    assert small.layout.grid == (1, 2, 7)
    large = models[name].encode(noise(name, 2, 12, 24))
    _, height, width = large.layout.grid
    # Qwen2-VL limits the pixels of a frame, Qwen3-VL those of the whole video; here both bind.
    limit = 128 if name == "qwen3" else 64
    assert 0.75 * limit < height * width <= limit
    assert width / height == pytest.approx(2, abs=0.35)
    assert large.features.shape[0] == height * width


def test_frames_that_the_processor_chose_itself_are_refused(
    models: dict[str, VideoMLLM], name: str
) -> None:
    model, clip = models[name], noise(name, 4, 2, 3)
    inputs = {"video_grid_thw": torch.tensor([[3, 4, 6]])}
    with pytest.raises(ModelError, match="4 frames"):
        model.family.layout(model.model, Encoded(model.processor, inputs, clip, PLAIN, 18))


def test_a_prompt_beyond_the_context_is_refused(
    models: dict[str, VideoMLLM], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models[name]
    monkeypatch.setattr(model.model.config.get_text_config(), "max_position_embeddings", 30)
    with pytest.raises(ModelError, match="wanted at most 30"):
        model.encode(noise(name, 2, 4, 5))


def test_positions_are_those_of_a_whole_forward(models: dict[str, VideoMLLM], name: str) -> None:
    model, clip = models[name], noise(name, 4, 3, 4)
    context = model.encode(clip)
    inputs = model.family.process(model.processor, render(model.processor, QUESTION), clip)
    seen: list[torch.Tensor] = []
    hook = model.model.model.language_model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["position_ids"]), with_kwargs=True
    )
    inputs["pixel_values_videos"] = inputs["pixel_values_videos"].double()
    with torch.no_grad():
        model.model(**inputs)
    hook.remove()
    assert torch.equal(split_positions(model, context), seen[0])
    assert seen[0].shape[0] == 3
    assert not torch.equal(seen[0][0], seen[0][1])


@pytest.mark.parametrize("name", ["qwen2", "qwen2.5"])
def test_text_starts_after_the_last_step_of_a_long_video(
    models: dict[str, VideoMLLM], name: str
) -> None:
    """Six steps of one row of two cells: longer than wide, where transformers counts too little."""
    model = models[name]
    context = model.encode(noise(name, 12, 1, 2, stride=10))
    positions = split_positions(model, context)
    head = context.head_ids.shape[1]
    assert positions[0, 0, head] == positions[..., :head].max() + 1
    assert torch.equal(positions[0, 0, head:], positions[1, 0, head:])
    assert (positions[..., head:].diff() == 1).all()
    with torch.no_grad():
        answer = model.ask(model.prefill(context), [QUESTION])[0]
    assert answer.logits is not None
    expected = whole(model, context, positions)
    torch.testing.assert_close(answer.logits.double(), expected, atol=1e-5, rtol=0)


def test_qwen25_places_steps_by_their_mean_distance_in_seconds(
    models: dict[str, VideoMLLM],
) -> None:
    model = models["qwen2.5"]

    def steps(clip: Clip) -> list[int]:
        context = model.encode(clip)
        assert context.positions is not None
        times = context.positions[0, 0, context.visual_positions].reshape(-1, 2)[:, 0]
        return (times - times[0]).tolist()

    even = noise("qwen2.5", 8, 1, 2)
    assert steps(even) == [0, 1, 2, 3]  # floor of 2 positions/s x 0.6 s x step
    assert steps(noise("qwen2.5", 8, 1, 2, stride=10)) == [0, 4, 8, 12]
    times = np.array([0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.55])
    assert steps(replace(even, timestamps_s=times)) == [0, 2, 5, 7]  # 0.65 s from frame to frame


def test_asking_does_not_depend_on_the_clip_the_model_saw_last(
    models: dict[str, VideoMLLM], name: str
) -> None:
    model = models[name]
    first = model.encode(noise(name, 4, 3, 4))
    with torch.no_grad():
        prefix = model.prefill(first)
        expected = model.ask(prefix, [QUESTION], layers=range(model.layer_count))[0]
        other = noise(name, 6, 2, 7, seed=1)
        model.ask(model.prefill(model.encode(other)), [QUESTION])
        inputs = model.family.process(model.processor, render(model.processor, QUESTION), other)
        inputs["pixel_values_videos"] = inputs["pixel_values_videos"].double()
        model.model(**inputs)
        assert model.model.model.rope_deltas is not None
        again = model.ask(prefix, [QUESTION], layers=range(model.layer_count))[0]
        anew = model.ask(model.prefill(first), [QUESTION], layers=range(model.layer_count))[0]
    for answer in (again, anew):
        assert torch.equal(answer.logits, expected.logits)
        assert torch.equal(answer.maps, expected.maps)


def test_reversal_equals_a_clip_whose_steps_run_backwards(
    models: dict[str, VideoMLLM], name: str
) -> None:
    """Also of the deep levels: a cell keeps its picture in every layer."""
    model, clip = models[name], noise(name, 6, 2, 3)
    pairs = clip.frames.reshape(3, 2, *clip.frames.shape[1:])
    backwards = replace(clip, frames=pairs[::-1].reshape(clip.frames.shape).copy())
    layers = range(model.layer_count)
    with torch.no_grad():
        ours = model.prefill(model.encode(clip), reverse=True)
        theirs = model.prefill(model.encode(backwards))
        forwards = model.prefill(model.encode(clip))
        one, other, plain = (
            model.ask(prefix, [QUESTION], layers=layers)[0] for prefix in (ours, theirs, forwards)
        )
    torch.testing.assert_close(one.maps, other.maps, atol=1e-7, rtol=0)
    torch.testing.assert_close(one.logits, other.logits, atol=1e-5, rtol=0)
    assert (one.logits - plain.logits).abs().max() > 1e-3


def test_qwen3_writes_the_real_times_between_the_frames(models: dict[str, VideoMLLM]) -> None:
    model = models["qwen3"]
    times = np.array([0.0, 0.5, 1.5, 4.0, 9.9])
    clip = replace(noise("qwen3", 5, 1, 2), timestamps_s=times)
    context = model.encode(clip)
    frame = "<|vision_start|><|video_pad|><|video_pad|><|vision_end|>"
    expected = f"<|im_start|>user\n<0.2 seconds>{frame}<2.8 seconds>{frame}<9.9 seconds>{frame}"
    head = model.processor.tokenizer.decode(context.head_ids[0])
    assert head + "<|vision_end|>" == expected
    assert context.head_ids[0, context.visual_positions].unique().numel() == 1
    assert model.processor.tokenizer.decode(model.tokens.tail("?")[:2]) == "<|vision_end|>?"


def test_qwen3_adds_the_prompt_to_the_input_level_alone(models: dict[str, VideoMLLM]) -> None:
    model = models["qwen3"]
    context = model.encode(noise("qwen3", 4, 2, 3))
    levels = context.output.deepstack_features
    assert len(levels) == 2
    placed = model.family.place(context.output, context.features + 1, None)
    for one, other in zip(placed.deepstack_features, levels, strict=True):
        assert torch.equal(torch.cat(one), torch.cat(other))
    order = torch.from_numpy(context.layout.reversed_order())
    turned = model.family.place(context.output, context.features[order], order)
    for one, other in zip(turned.deepstack_features, levels, strict=True):
        assert torch.equal(torch.cat(one), torch.cat(other)[order])
    # The levels do reach the answer: without them it is another one.
    bare = model.family.place(context.output, context.features, None)
    bare.deepstack_features = [(torch.zeros_like(torch.cat(level)),) for level in levels]
    with torch.no_grad():
        full = model.ask(model.prefill(context), [QUESTION])[0].logits
        less = model.ask(model.prefill(replace(context, output=bare)), [QUESTION])[0].logits
    assert (full - less).abs().max() > 1e-4


def test_only_layers_with_full_attention_are_averaged(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("qwen") / "sliding"
    model = load_toy(
        qwen2_vl.write(
            folder, layers=3, use_sliding_window=True, sliding_window=12, max_window_layers=1
        )
    )
    text = model.model.config.get_text_config()
    assert text.layer_types == ["full_attention", "sliding_attention", "sliding_attention"]
    assert model.family.full_attention_layers(text) == (0,)
    context = model.encode(noise("qwen2", 4, 3, 4))
    with torch.no_grad():
        prefix = model.prefill(context)
        every, first = (
            model.ask(prefix, [QUESTION], layers=range(stop))[0].maps for stop in (3, 1)
        )
        assert torch.equal(every, first)
        with pytest.raises(ModelError, match=r"layers 1\.\.2.*full attention: \[0\]"):
            model.ask(prefix, [QUESTION], layers=range(1, 3))
        answer = model.ask(prefix, [QUESTION])[0]
    assert answer.logits is not None
    expected = whole(model, context, split_positions(model, context))
    torch.testing.assert_close(answer.logits.double(), expected, atol=1e-5, rtol=0)
