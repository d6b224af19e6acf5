"""A system prompt before the video: where it stands, and what it leaves as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toy import load_toy, noise_clip
from toys import QUESTION, toys
from zerotube.errors import UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import EncodeOptions

SAID = "You are a helpful assistant that looks closely."
TOYS = toys()

# The head up to the placeholder, as the published templates put it.
GOLDEN = {
    "Qwen2VLForConditionalGeneration": (
        f"<|im_start|>system\n{SAID}<|im_end|>\n<|im_start|>user\n<|vision_start|>"
    ),
    "Qwen3VLForConditionalGeneration": (
        f"<|im_start|>system\n{SAID}<|im_end|>\n<|im_start|>user\n<0.1 seconds><|vision_start|>"
    ),
    "LlavaOnevisionForConditionalGeneration": (
        f"<|im_start|>system \n{SAID}<|im_end|><|im_start|>user "
    ),
    "InternVLForConditionalGeneration": (
        f"<|im_start|>system\n{SAID}<|im_end|>\n<|im_start|>user\nFrame1: <img>"
    ),
    "SmolVLMForConditionalGeneration": f"<|im_start|>System: {SAID}<end_of_utterance>\nUser: ",
}
CASES = (*GOLDEN, "LlavaNextVideoForConditionalGeneration")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoMLLM]:
    folder: Path = tmp_path_factory.mktemp("system")
    return {name: load_toy(TOYS[name].write(folder / name)) for name in CASES}


def decoded(model: VideoMLLM, ids: torch.Tensor) -> str:
    return model.processor.tokenizer.decode(ids)


@pytest.mark.parametrize("name", GOLDEN)
def test_it_stands_before_the_video(models: dict[str, VideoMLLM], name: str) -> None:
    model = models[name]
    context = model.encode(noise_clip(2), EncodeOptions(system_prompt=SAID))
    head = decoded(model, context.head_ids[0, : context.visual_positions[0]])
    assert head.startswith(GOLDEN[name])
    assert head.count(SAID) == 1
    assert context.shown.system_prompt == SAID
    assert context.shown.notes == ()


def test_before_a_vicuna_prompt(models: dict[str, VideoMLLM]) -> None:
    model = models["LlavaNextVideoForConditionalGeneration"]
    plain = model.encode(noise_clip(2))
    context = model.encode(noise_clip(2), EncodeOptions(system_prompt=SAID))
    rendered = model.processor.tokenizer(f"{SAID} USER: ", add_special_tokens=False)["input_ids"]
    first = int(context.visual_positions[0])
    before = context.head_ids[0, : len(rendered)].tolist()
    assert before[:-1] == rendered[:-1]
    assert first > int(plain.visual_positions[0]) + 10


@pytest.mark.parametrize("name", CASES)
def test_only_the_head_changes(models: dict[str, VideoMLLM], name: str) -> None:
    """Same features, same question tokens; other logits, equal to those of a whole pass."""
    model = models[name]
    plain = model.encode(noise_clip(2))
    context = model.encode(noise_clip(2), EncodeOptions(system_prompt=SAID))
    assert torch.equal(context.features, plain.features)
    count = len(plain.head_ids[0]) - int(plain.visual_positions[0])
    assert torch.equal(context.head_ids[0, -count:], plain.head_ids[0, -count:])
    tail = torch.tensor([model.tokens.tail(QUESTION)])
    with torch.no_grad():
        answer = model.ask(model.prefill(context), [QUESTION])[0]
        other = model.ask(model.prefill(plain), [QUESTION])[0]
        whole = model.model(
            input_ids=torch.cat([context.head_ids, tail], dim=1),
            mm_encoder_outputs={model.family.encoder_key: context.output},
            position_ids=None
            if context.positions is None
            else torch.cat(
                [
                    context.positions[..., :-1],
                    context.positions_after(context.head_ids.shape[1], tail.shape[1]),
                ],
                dim=-1,
            ),
        ).logits[0, -1]
    assert answer.logits is not None
    torch.testing.assert_close(answer.logits.double(), whole, atol=1e-5, rtol=0)
    assert not torch.allclose(answer.logits, other.logits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages if m['role'] == 'user' %}USER: <video>\n{{ m['content'][1]['text'] }}"
        "{% endfor %} ASSISTANT:",
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "USER: <video>\n{{ messages[0]['content'][1]['text'] }} ASSISTANT:",
    ],
    ids=["dropped", "refused"],
)
def test_a_template_without_a_place_for_it_says_so(
    models: dict[str, VideoMLLM], template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["LlavaNextVideoForConditionalGeneration"]
    monkeypatch.setattr(model.processor, "chat_template", template)
    plain = model.encode(noise_clip(2))
    context = model.encode(noise_clip(2), EncodeOptions(system_prompt=SAID))
    assert torch.equal(context.head_ids, plain.head_ids)
    assert context.shown.system_prompt == ""
    (note,) = context.shown.notes
    assert "no place for a system prompt" in note


@pytest.mark.parametrize("name", CASES)
def test_special_tokens_in_it_are_refused(models: dict[str, VideoMLLM], name: str) -> None:
    model = models[name]
    # SmolVLM's <video> is not a token, but its processor looks for the text.
    placeholder = model.family.visual_token(model.processor)
    for token in {placeholder, *model.processor.tokenizer.get_added_vocab()}:
        with pytest.raises(UsageError, match="special token"):
            model.encode(noise_clip(2), EncodeOptions(system_prompt=f"Look {token} here."))
