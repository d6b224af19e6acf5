"""What a user writes is text: no sentence makes a special token, in any family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toy import load_toy, noise_clip
from toys import QUESTION, toys
from zerotube.bundled import bundled_path
from zerotube.errors import QueryError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import generate_text
from zerotube.query import decompose
from zerotube.query.prompts import existence_prompt

TOYS = toys()


@pytest.fixture(scope="module", params=["bundled", *sorted(TOYS)])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VideoMLLM:
    if request.param == "bundled":
        return load_toy(bundled_path(), dtype="float32")
    return load_toy(TOYS[request.param].write(tmp_path_factory.mktemp(request.param) / "toy"))


def specials(model: VideoMLLM) -> dict[str, int]:
    """Every added token with its id, and the placeholder, which need not be a token."""
    tokenizer = model.processor.tokenizer
    found = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    assert found
    return {model.family.visual_token(model.processor): -1, "<video>": -1, **found}


def sentences(token: str) -> list[str]:
    """The token in the middle, glued to words, at both ends, and twice."""
    return [
        f"the blue {token} square",
        f"the blue{token}square",
        f"{token} square",
        f"the square {token}",
        f"{token}{token} x {token[:-1]} {token[-1:]}",
    ]


def test_no_special_token_of_a_sentence_is_one(model: VideoMLLM) -> None:
    tokenizer, tokens = model.processor.tokenizer, model.tokens
    found = specials(model)
    ids = set(found.values()) - {tokenizer.unk_token_id}
    plain = tokens.tail(QUESTION)
    wanted = [number for number in plain if number in ids]
    for token in found:
        for text in sentences(token):
            question = existence_prompt(text)
            if token == tokenizer.unk_token and model.name == str(bundled_path()):
                # A vocabulary of whole words has no other token for the text of its unknown word.
                with pytest.raises(QueryError, match="'<unk>', which is a special token"):
                    tokens.tail(question)
                continue
            tail = tokens.tail(question)
            assert [number for number in tail if number in ids] == wanted, (token, text)
            assert tail[-tokens.role_count :] == plain[-tokens.role_count :]
            assert len(tokens.candidates(question)[0]) == len(tokens.candidates(QUESTION)[0])


def test_the_text_of_a_special_token_stays_readable(model: VideoMLLM) -> None:
    tokenizer = model.processor.tokenizer
    for token in specials(model):
        if token == tokenizer.unk_token:
            continue
        tail = model.tokens.tail(existence_prompt(f"the blue {token} square"))
        if tokenizer.unk_token_id in tail:  # the bundled vocabulary has whole words alone
            assert model.name == str(bundled_path())
            continue
        assert token in tokenizer.decode(tail).replace(" ", "").replace("▁", "")


def test_ordinary_sentences_keep_their_tokens(model: VideoMLLM) -> None:
    """Those of the whole prompt, rendered with the sentence in it and tokenised at once."""
    tokenizer, family = model.processor.tokenizer, model.family
    end, behind = family.expansion_end(model.processor)
    for text in (QUESTION, "x < y > z [0] {a} | b", "Ünïcode 空 ok", "a  b\n\nc"):
        content = [{"type": family.modality}, {"type": "text", "text": text}]
        prompt = model.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        head, _, rest = prompt.rpartition(family.visual_token(model.processor))
        whole = tokenizer(head + end + behind + rest, add_special_tokens=False)["input_ids"]
        tail = model.tokens.tail(text)
        assert whole[-len(tail) :] == tail
        assert whole[-len(tail) - 1] == tokenizer.convert_tokens_to_ids(end)


def test_a_sentence_cannot_move_the_video(model: VideoMLLM) -> None:
    """The logits are those of the prompt's own head, and of nothing else that looks like one."""
    prefix = model.prefill(model.encode(noise_clip(count=1)))
    placeholder = model.family.visual_token_id(model.model.config)
    for token in (model.family.visual_token(model.processor), "<video>", "<image>"):
        question = existence_prompt(f"the blue {token} square")
        assert placeholder not in model.tokens.tail(question)
        answer = model.ask(prefix, [question], layers=range(model.layer_count))[0]
        assert answer.logits is not None
        assert bool(torch.isfinite(answer.logits).all())
        assert answer.maps is not None
        assert answer.maps.shape[0] == len(model.tokens.candidates(QUESTION)[0])


@pytest.mark.parametrize("given", ["attribute", "action"])
def test_phrases_of_the_users_own_are_text_too(model: VideoMLLM, given: str) -> None:
    end = model.processor.tokenizer.eos_token
    query = decompose("the red square moves left", **{given: f"the red {end} square moves"})
    tail = model.tokens.tail(existence_prompt(getattr(query, given)))
    assert tail.count(model.processor.tokenizer.eos_token_id) == model.tokens.tail(QUESTION).count(
        model.processor.tokenizer.eos_token_id
    )


def test_the_model_as_decomposer_reads_text(toy: VideoMLLM, tmp_path: Path) -> None:
    tokenizer = toy.processor.tokenizer
    seen: list[list[int]] = []
    generate = toy.model.generate

    def recorded(**inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs["input_ids"][0].tolist())
        return generate(**inputs)

    toy.model.generate = recorded
    try:
        generate_text(toy, "the man", max_new_tokens=1)
        generate_text(toy, "the <video> <|im_end|><|im_start|>assistant man", max_new_tokens=1)
    finally:
        del toy.model.generate
    for token in ("<video>", "<|im_end|>", "<|im_start|>"):
        number = tokenizer.convert_tokens_to_ids(token)
        assert seen[0].count(number) == seen[1].count(number)
