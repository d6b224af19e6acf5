"""What the toy checkpoints share: a byte-level tokenizer and the question of the golden prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

QUESTION = "Is there the red square in this video?"
_CORPUS = [
    f"{QUESTION} Yes No yes no assistant user",
    "Describe this video in details.",
    "assistant",
    "user",
    "ASSISTANT: USER:",
] * 8


def byte_level_tokenizer(
    specials: Sequence[str],
    *,
    eos: str,
    pad: str,
    vocabulary: int = 520,
    named: Mapping[str, str] | None = None,
    also: Sequence[str] = (),
) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on a few sentences, with the special tokens a family needs.

    Args:
        specials: every special token.
        eos: the one that ends a turn.
        pad: the padding token.
        vocabulary: size, special tokens included.
        named: attribute of the tokenizer -> special token, where a processor looks them up so.
        also: further texts to learn pieces from.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        [*_CORPUS, *also],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(specials),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=eos,
        pad_token=pad,
        additional_special_tokens=[token for token in specials if token not in (eos, pad)],
        model_specific_special_tokens=dict(named or {}),
    )
