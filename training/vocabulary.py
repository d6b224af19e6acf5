"""The words of the bundled model and its tokenizer: one token per word or mark."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from zerotube.synth.world import COLOURS, SHAPES

SPECIAL = ("<pad>", "<unk>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
MARKS = ("\n", ".", ",", "?", "!", ";", ":", "'", '"', "-")
ROLES = ("system", "user", "assistant")
ANSWERS = ("yes", "no")
GENERIC = ("object", "thing", "shape")
SYNONYMS = {"ball": "circle", "box": "square"}
"""Everyday nouns for shapes."""
ABSENT = ("person", "man", "woman", "dog", "car", "horse")
"""Nouns the model knows only as things that are never there."""
FUNCTION_WORDS = tuple(
    """
    a an the there is are in on at of to and or that which who what where when does do did
    it its this these video clip details describe color colour same with by towards toward
    while then moves move moving moved goes go going gets get getting becomes become
    becoming stays stay staying stayed stands stand standing still rests resting grows grow
    growing grew shrinks shrink shrinking shrank bigger smaller larger left right up down
    upwards downwards upward downward direction action happens not any some one two three
    four objects shapes size small large
    """.split()  # noqa: SIM905
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def words() -> list[str]:
    """Every token, in order of id; the order is frozen because the weights depend on it."""
    ordered = [
        *SPECIAL,
        *MARKS,
        *ROLES,
        *ANSWERS,
        *COLOURS,
        *SHAPES,
        *GENERIC,
        *SYNONYMS,
        *ABSENT,
        *FUNCTION_WORDS,
    ]
    return list(dict.fromkeys(ordered))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A lower-casing word-level tokenizer; unknown words become `<unk>`."""
    vocabulary = {word: number for number, word in enumerate(words())}
    core = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"\n|\w+|[^\w\s]"), behavior="removed", invert=True
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token=None,
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>", "<image>", "<video>"],
        padding_side="left",
        model_max_length=4096,
    )
