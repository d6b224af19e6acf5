"""What the toys with a CLIP tower share: its configuration and a Llama tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaTokenizer

from toys.common import QUESTION

_CORPUS = [
    f"{QUESTION} Yes No yes no USER: ASSISTANT: [INST] [/INST]",
    "Describe this video in details. how many",
] * 8


def vision_config(image_size: int, patch: int) -> CLIPVisionConfig:
    """Two layers, of which the last but one is read, as the published checkpoints do."""
    return CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        image_size=image_size,
        patch_size=patch,
    )


def answer_to_area(tower: CLIPVisionModel) -> None:
    """Make a patch's feature move by how much of the patch is covered, at any scale.

    Where a model sees a picture at two resolutions, or its features straddle a border, the one
    that changes most is then the one that is covered most, and not the one whose weights happen to
    match. Small weights keep the answer below the position embeddings, where it stays linear.
    """
    weight = tower.embeddings.patch_embedding.weight.data
    weight.copy_(0.01 * weight.mean(dim=(1, 2, 3), keepdim=True).expand_as(weight))


def llama_tokenizer(specials: Sequence[str]) -> LlamaTokenizer:
    """Pieces that begin with the space mark, bytes for the rest, as SentencePiece makes them."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    # Punctuation apart, as in the real vocabulary: "?" is a token of its own.
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Punctuation(),
        ]
    )
    bpe.train_from_iterator(
        _CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"], show_progress=False)
    )
    trained = json.loads(bpe.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [piece for piece in trained["vocab"] if piece != "<unk>"]
    return LlamaTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[tuple(pair) for pair in trained["merges"]],
        pad_token="<pad>",
        additional_special_tokens=list(specials),
    )
