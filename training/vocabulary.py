"""The words of the bundled model and its tokenizer: one token per word or mark."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from zerotube.synth.words import COLOURS, SHAPES, TEXTURES

SPECIAL = (
    "<pad>",
    "<unk>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
MARKS = ("\n", ".", ",", "?", "!", ";", ":", "'", '"', "-")
ROLES = ("system", "user", "assistant")
ANSWERS = ("yes", "no")
GENERIC = ("object", "thing", "shape")
SYNONYMS = {"ball": "circle", "box": "square"}
"""Everyday nouns for shapes."""
ABSENT = ("person", "man", "woman", "dog", "car", "horse", "cat", "bird", "tree", "house")
"""Nouns the model knows only as things that are never there."""
FUNCTION_WORDS = tuple(
    """
    a an the there is are in on at of to and or that which who what where when does do did
    it its this these video clip image details describe color colour same with by towards toward
    while then first last before after moves move moving moved goes go going gets get getting
    becomes become becoming stays stay staying stayed stands stand standing still rests resting
    grows grow growing grew shrinks shrink shrinking shrank bigger smaller larger
    spins spin spinning spun turns turn turning rotates rotate rotating rotated around
    bounces bounce bouncing bounced hops hop hopping jumps jump jumping
    circles circling circled round loop loops
    blinks blink blinking blinked flashes flash flashing flickers flickering
    changes change changing changed another
    appears appear appearing appeared shows show showing up into out from view fades fade fading
    comes come disappears disappear disappearing disappeared vanishes vanish vanishing vanished
    left right top bottom side above below under over near center middle
    down upwards downwards upward downward direction action happens pattern position
    not any some one two three four objects shapes size small large big little tiny
    stripes striped dots dotted solid
    """.split()  # noqa: SIM905
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<|vision_start|><|video_pad|><|vision_end|>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Qwen2-VL's turn and vision marks, with the visual part first and no system turn."""


def words() -> list[str]:
    """Every token, in order of id; the order is frozen because the weights depend on it."""
    ordered = [
        *SPECIAL,
        *MARKS,
        *ROLES,
        *ANSWERS,
        *COLOURS,
        *SHAPES,
        *TEXTURES,
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
        # Named tokens become attributes (image_token, image_token_id), which the processor reads.
        extra_special_tokens={
            "turn_token": "<|im_start|>",
            "vision_start_token": "<|vision_start|>",
            "vision_end_token": "<|vision_end|>",
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
        },
        padding_side="left",
        model_max_length=4096,
    )
