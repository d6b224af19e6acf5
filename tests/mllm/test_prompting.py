"""Prompt tokens are derived from the template: golden prompts, candidates, answers."""

from __future__ import annotations

import pytest

from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import PromptTokens, render
from zerotube.query.prompts import CAPTION_PROMPT, existence_prompt

QUESTION = existence_prompt("the red square")


def test_golden_prompt(toy: VideoMLLM) -> None:
    assert render(toy.processor, QUESTION) == (
        "<|im_start|>user <video>\nIs there the red square in this video?<|im_end|>"
        "<|im_start|>assistant\n"
    )


def test_candidates_are_the_role_tokens_and_the_final_punctuation(toy: VideoMLLM) -> None:
    positions, texts = toy.tokens.candidates(QUESTION)
    assert texts == ("?", "<|im_end|>", "<|im_start|>", "assistant", "\n")
    assert positions[-1] == len(toy.tokens.tail(QUESTION)) - 1
    _, generic = toy.tokens.candidates(CAPTION_PROMPT)
    assert generic == (".", *texts[1:])


def test_question_without_punctuation_has_one_candidate_less(toy: VideoMLLM) -> None:
    _, texts = toy.tokens.candidates("describe the video")
    assert texts == ("<|im_end|>", "<|im_start|>", "assistant", "\n")


def test_every_spelling_of_the_answers_is_found_once(toy: VideoMLLM) -> None:
    spellings = toy.tokens.answer_ids()
    assert {item.text.strip() for item in spellings} >= {"Yes", "yes"}
    assert len({(item.yes, item.no) for item in spellings}) == len(spellings)


def test_byte_level_tokenizers_know_every_word(toy: VideoMLLM) -> None:
    assert toy.tokens.unknown_words("a zebra plays chess") == ()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("<video>{{ messages[0]['content'][1]['text'] }}", "no token after the question"),
        ("<video> what? <role>", "drops or rewrites the question"),
        ("{{ messages[0]['content'][1]['text'] }}<role>", "without '<video>'"),
        (
            "{{ messages[0]['content'][1]['text'] }} <video> end",
            "puts the question before the video",
        ),
    ],
)
def test_templates_that_would_give_wrong_numbers_are_refused(
    toy: VideoMLLM, template: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.processor, "chat_template", template)
    with pytest.raises(ModelError, match=message):
        PromptTokens(toy.processor, "<video>")


def test_the_tail_starts_after_the_end_of_the_expansion(toy: VideoMLLM) -> None:
    """The placeholder need not be a token where the processor puts something else in its place."""
    toy_tokens = toy.tokens.tail(QUESTION)
    tokenizer = toy.processor.tokenizer
    tokens = PromptTokens(toy.processor, "<video>", expansion_end=("<image>", "\n\n"))
    behind = tokenizer("\n\n\n" + QUESTION, add_special_tokens=False)["input_ids"]
    assert tokens.tail(QUESTION)[: len(behind)] == behind
    assert tokens.tail(QUESTION)[-tokens.role_count :] == toy_tokens[-tokens.role_count :]
    assert tokens.role_count == toy.tokens.role_count


def test_an_end_that_is_no_token_is_refused(toy: VideoMLLM) -> None:
    with pytest.raises(ModelError, match="does not keep '<nothing>' whole"):
        PromptTokens(toy.processor, "<video>", expansion_end=("<nothing>", ""))
