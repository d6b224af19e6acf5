"""Text without a video through a loaded model, and decomposition by that model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from toy import load_toy, make_clip
from toys import QUESTION, toys
from zerotube.errors import ModelError, UsageError
from zerotube.grounder import Grounder, model_decomposer
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import generate_text, say
from zerotube.query import decompose
from zerotube.query.llm import LLMSettings

TOYS = toys()
TEXT = "The tall man in red sits down."
QUICK = LLMSettings(attempts=2, cache=False)


def test_it_is_greedy_decoding_of_the_chat_prompt(toy: VideoMLLM) -> None:
    prompt = f"<|im_start|>user \n{TEXT}<|im_end|><|im_start|>assistant\n"
    tokenizer = toy.processor.tokenizer
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    start = ids.shape[1]
    with torch.no_grad():
        for _ in range(8):
            logits = toy.model(input_ids=ids).logits[0, -1]
            ids = torch.cat([ids, logits.argmax()[None, None]], dim=1)
            if ids[0, -1] == tokenizer.eos_token_id:
                break
    expected = tokenizer.decode(ids[0, start:], skip_special_tokens=True)
    assert generate_text(toy, TEXT, max_new_tokens=8) == expected


def test_limits(toy: VideoMLLM) -> None:
    one = generate_text(toy, TEXT, max_new_tokens=64, max_time_s=1e-6)
    assert len(one) < len(generate_text(toy, TEXT, max_new_tokens=64))
    with pytest.raises(ModelError, match="at most"):
        generate_text(toy, "man " * 20, max_new_tokens=10**6)


def test_the_placeholder_of_a_video_is_text_like_any_other(toy: VideoMLLM) -> None:
    """It must be neither a picture that is not there nor a reason to refuse."""
    assert generate_text(toy, "the <video> man", max_new_tokens=4)


def test_nonsense_is_refused_and_the_rules_step_in(toy: VideoMLLM) -> None:
    rules = decompose(TEXT)
    query = model_decomposer(toy, QUICK)(TEXT)
    assert (query.attribute, query.action, query.noun) == (
        rules.attribute,
        rules.action,
        rules.noun,
    )
    assert query.source == "rules"
    (warning,) = query.warnings
    assert f"because model:{toy.name} did not: got an answer" in warning


def test_a_sentence_that_the_model_cannot_take(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.family.text_config(toy.model), "max_position_embeddings", 300)
    query = model_decomposer(toy, QUICK)("the man holds a ball")
    assert query.source == "rules"
    assert "at most 300 together" in query.warnings[0]


def test_a_model_that_answers(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The weights of a toy cannot write JSON: its answer is put in its place here."""
    answers = ['{"attribute": "the tall man in red", "action": "the man sat", "noun": "man"}']
    monkeypatch.setattr(
        "zerotube.grounder.decomposers.generate_text", lambda *_, **__: answers.pop()
    )
    settings = LLMSettings(attempts=1)
    query = model_decomposer(toy, settings, cache_folder=tmp_path)(TEXT)
    assert (query.action, query.source) == ("the man sat", f"model:{toy.name}")
    assert model_decomposer(toy, settings, cache_folder=tmp_path)(TEXT) == query
    assert len(list(tmp_path.iterdir())) == 1


def test_a_grounder_takes_a_decomposer(toy: VideoMLLM) -> None:
    asked: list[str] = []

    def own(text: str, /):
        asked.append(text)
        return decompose("the blue ring grows")

    assert Grounder(toy, decomposer=own).decomposer is own
    assert Grounder(toy).decomposer is decompose
    assert "LLMDecomposer" in repr(Grounder(toy, decomposer="model").decomposer)
    with pytest.raises(UsageError, match="'rules', 'model'"):
        Grounder(toy, decomposer="gpt")


@pytest.mark.parametrize("architecture", sorted(TOYS))
def test_what_is_said_about_a_clip_is_what_the_model_says_without_a_cache(
    architecture: str, tmp_path: Path
) -> None:
    """Token for token, greedily, from the processor's own inputs of the whole prompt."""
    module = TOYS[architecture]
    model = load_toy(module.write(tmp_path / "toy"))
    height, width = getattr(module, "FRAME", (84, 112))
    shape = (min(4, model.family.frame_limit or 4), height, width, 3)
    clip = make_clip(np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8))
    context = model.encode(clip)
    ends = model.model.generation_config.eos_token_id
    said = say(model, model.prefill(context), QUESTION, max_new_tokens=8)

    tail = torch.tensor([model.tokens.tail(QUESTION)])
    ids = torch.cat([context.head_ids, tail], dim=1)
    inputs = dict(context.forward_inputs)
    with torch.no_grad():
        for _ in range(8):
            if context.positions is not None:
                inputs["position_ids"] = torch.cat(
                    [
                        context.positions[..., :-1],
                        context.positions_after(
                            context.head_ids.shape[1], ids.shape[1] - context.head_ids.shape[1]
                        ),
                    ],
                    dim=-1,
                )
            whole = model.model(
                input_ids=ids,
                mm_encoder_outputs={model.family.encoder_key: context.output},
                use_cache=False,
                **inputs,
            )
            token = whole.logits[0, -1].argmax()
            if int(token) in (ends if isinstance(ends, list) else [ends]):
                break
            ids = torch.cat([ids, token[None, None]], dim=1)
    found = ids[0, context.head_ids.shape[1] + tail.shape[1] :]
    assert said == model.processor.tokenizer.decode(found, skip_special_tokens=True)
    again = [
        say(model, model.prefill(context), QUESTION, max_new_tokens=8, temperature=5.0, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert again[0] == again[1] != again[2]
    with pytest.raises(UsageError, match="temperature=-1"):
        say(model, model.prefill(context), QUESTION, temperature=-1.0)
