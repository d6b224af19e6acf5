"""Text without a video through a loaded model, and decomposition by that model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from zerotube.errors import ModelError, UsageError
from zerotube.grounder import Grounder, model_decomposer
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import generate_text
from zerotube.query import decompose
from zerotube.query.llm import LLMSettings

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
