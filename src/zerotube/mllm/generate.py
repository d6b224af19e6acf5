"""Text in, text out: the language model of a loaded MLLM without any video."""

from __future__ import annotations

import torch

from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.plain_text import PlainText
from zerotube.mllm.prompting import surroundings


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
        ModelError: the text is longer than the model reads.
        QueryError: see `zerotube.mllm.plain_text.PlainText.between`.
    """
    before, after = surroundings(mllm.processor, None)
    tokenizer = mllm.processor.tokenizer
    ids = torch.tensor([PlainText(tokenizer).between(before, prompt, after)], device=mllm.device)
    config = mllm.family.text_config(mllm.model)
    room = getattr(config, "max_position_embeddings", None)
    if room is not None and ids.shape[1] + max_new_tokens > room:
        raise ModelError(
            f"a text of {ids.shape[1]} tokens and an answer of up to {max_new_tokens}",
            wanted=f"at most {room} together",
            fix="use a model with a longer context",
        )
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
