"""Tokenizers with the published special tokens at their published ids, and few other tokens.

The vocabularies are sparse: a piece has the id that the published one gives it where that is
known, and any free id below the special tokens otherwise. Words that the prompts need whole are
built up from the left by merges of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

Merges = list[tuple[str, str]]

# Ids of Qwen2's words: transformers' integration test of VideoLLaMA3 (`expected_input_ids_image`
# of golden.json), and the yes and no that the reference of the paper reads.
QWEN_WORDS = {"user": 872, "assistant": 77091, "Describe": 74785, " the": 279, " image": 2168,
              "yes": 9693, "no": 2152, "Yes": None, "No": None}  # fmt: skip
SMOL_WORDS = dict.fromkeys(["Assistant", "User", "Yes", "No", "yes", "no"])
# What SentencePiece makes of " ASSISTANT:" with LLaMA's vocabulary, by golden.json.
LLAMA_PIECES = ("▁A", "SS", "IST", "ANT", "▁Yes", "▁No", "▁yes", "▁no")


def write_byte_level(
    folder: Path, words: Mapping[str, int | None], *, first: int = 0, free: int = 300
) -> None:
    """Write ``tokenizer.json`` of a byte-level BPE beside a ``tokenizer_config.json``.

    Args:
        folder: holds the published ``tokenizer_config.json``, which names the special tokens.
        words: word -> its id, or None for any.
        first: id of the first of the 256 byte pieces, in GPT-2's order.
        free: where ids for pieces begin whose published id is not known.
    """
    spelled = {_spelled(word): number for word, number in words.items()}
    vocabulary = {piece: first + number for number, piece in enumerate(_alphabet().values())}
    merges = _grow(vocabulary, spelled, free)
    tokenizer = Tokenizer(models.BPE(vocabulary | _specials(folder), merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    _save(tokenizer, folder)


def write_llama(folder: Path) -> None:
    """Write ``tokenizer.json`` of a SentencePiece BPE with byte fallback, as LLaMA's."""
    vocabulary = {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    characters = ["▁", *map(chr, range(33, 127))]
    vocabulary |= {piece: 29000 + number for number, piece in enumerate(characters)}
    merges = _grow(vocabulary, dict.fromkeys(LLAMA_PIECES), 300)
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary | _specials(folder),
            merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(content=" ", left=1)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    _save(tokenizer, folder)


def _grow(vocabulary: dict[str, int], words: Mapping[str, int | None], free: int) -> Merges:
    """Add words and the pieces that lead to them, and return their merges."""
    merges: Merges = []
    taken = {*vocabulary.values(), *(number for number in words.values() if number is not None)}
    unused = (number for number in count(free) if number not in taken)
    for word, number in words.items():
        for end in range(2, len(word) + 1):
            piece = word[:end]
            if piece not in vocabulary:
                known = words.get(piece)
                vocabulary[piece] = next(unused) if known is None else known
                merges.append((word[: end - 1], word[end - 1]))
        if number is not None:
            assert vocabulary[word] == number
    return merges


def _specials(folder: Path) -> dict[str, int]:
    """Every special token of the published ``tokenizer_config.json`` and its id."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    decoder = config["added_tokens_decoder"]
    return {entry["content"]: int(number) for number, entry in decoder.items()}


def _save(tokenizer: Tokenizer, folder: Path) -> None:
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in _specials(folder)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def _alphabet() -> dict[int, str]:
    """The characters that stand for the 256 bytes, printable ones first (GPT-2)."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    own += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(256) if byte not in own]
    named = {byte: chr(256 + number) for number, byte in enumerate(others)}
    return {byte: chr(byte) for byte in own} | named


def _spelled(word: str) -> str:
    alphabet = _alphabet()
    return "".join(alphabet[byte] for byte in word.encode("utf-8"))
