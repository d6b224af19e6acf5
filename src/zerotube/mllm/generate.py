"""What a loaded MLLM says in words: about a text alone, or about an encoded clip."""

from __future__ import annotations

import torch

from zerotube.errors import ModelError, UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.plain_text import PlainText
from zerotube.mllm.prompting import surroundings
from zerotube.mllm.types import Prefix


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
    end = _end_ids(mllm)
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
        eos_token_id=end or None,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
    )
    answer: str = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return answer


@torch.no_grad()
def say(
    mllm: VideoMLLM,
    prefix: Prefix,
    question: str,
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
) -> str:
    """What the model answers to a question about an encoded clip.

    Args:
        mllm: the model.
        prefix: what its ``prefill`` returned.
        question: user text.
        max_new_tokens: longest answer; a longer one is cut off.
        temperature: 0 takes the likeliest token each time; above 0 tokens are drawn.
        seed: what is drawn follows from it.

    Returns:
        The answer without special tokens.

    Raises:
        UsageError: the temperature is negative.
    """
    if temperature < 0.0:
        raise UsageError(f"temperature={temperature}", wanted="0 or more", fix="raise it")
    tokenizer, ends = mllm.processor.tokenizer, _end_ids(mllm)
    drawing = torch.Generator().manual_seed(seed)
    cache, length = prefix.cache(), prefix.length
    fed, said = mllm.tokens.tail(question), list[int]()
    while len(said) < max_new_tokens:
        result = mllm.model(
            input_ids=torch.tensor([fed], device=mllm.device),
            position_ids=prefix.context.positions_after(length, len(fed)),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = result.logits[0, -1].double().cpu()
        token = int(logits.argmax())
        if temperature > 0.0:
            shares = (logits / temperature).softmax(dim=-1)
            token = int(torch.multinomial(shares, 1, generator=drawing))
        if token in ends:
            break
        said.append(token)
        length += len(fed)
        fed = [token]
    text: str = tokenizer.decode(said, skip_special_tokens=True)
    return text


def _end_ids(mllm: VideoMLLM) -> list[int]:
    """Tokens that end an answer."""
    end = mllm.model.generation_config.eos_token_id
    end = mllm.processor.tokenizer.eos_token_id if end is None else end
    return list(end) if isinstance(end, (list, tuple)) else [] if end is None else [int(end)]
