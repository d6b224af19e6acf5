"""Text in, text out: the language model of a loaded MLLM without any video."""

from __future__ import annotations

from typing import Any

import torch

from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM


@torch.no_grad()
def generate_text(
    mllm: VideoMLLM, prompt: str, *, max_new_tokens: int = 256, max_time_s: float | None = None
) -> str:
    """What the model answers to a text, greedily.

    Args:
        mllm: a loaded model.
        prompt: user text; it is put into the model's own chat template.
        max_new_tokens: longest answer.
        max_time_s: stop after the token during which this many seconds have passed; None never.

    Raises:
        ModelError: the text holds the placeholder of a video, or is longer than the model reads.
    """
    text = _rendered(mllm.processor, prompt)
    inputs = mllm.processor.tokenizer(text, add_special_tokens=False, return_tensors="pt")
    ids = inputs["input_ids"].to(mllm.device)
    if bool((ids == mllm.family.visual_token_id(mllm.model.config)).any()):
        raise ModelError(
            "a text that holds the model's placeholder for a video",
            wanted="plain text",
            fix="leave the placeholder out of the sentence",
        )
    config = mllm.family.text_config(mllm.model)
    room = getattr(config, "max_position_embeddings", None)
    if room is not None and ids.shape[1] + max_new_tokens > room:
        raise ModelError(
            f"a text of {ids.shape[1]} tokens and an answer of up to {max_new_tokens}",
            wanted=f"at most {room} together",
            fix="use a model with a longer context",
        )
    tokenizer = mllm.processor.tokenizer
    end = mllm.model.generation_config.eos_token_id
    end = tokenizer.eos_token_id if end is None else end
    pad = tokenizer.pad_token_id
    # Sampling settings of the checkpoint are unset: with greedy decoding they only draw warnings.
    output = mllm.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        max_new_tokens=max_new_tokens,
        max_time=max_time_s,
        eos_token_id=end,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
    )
    answer: str = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return answer


def _rendered(processor: Any, prompt: str) -> str:
    """The model's own chat prompt with a text and no video."""
    conversation = [{"role": "user", "content": [{"type": "text", "text": prompt}]}]
    text: str = processor.apply_chat_template(
        conversation, add_generation_prompt=True, tokenize=False
    )
    if prompt not in text:
        raise ModelError(
            "a chat template that drops or rewrites a text without a video",
            wanted="a template that places the user's text unchanged",
            fix="decompose by the rules or by a server instead",
        )
    return text
