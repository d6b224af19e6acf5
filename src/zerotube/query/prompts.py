"""Every prompt string of the method, in one place: the method *is* its prompts.

Source: method sections 3 and 6. The wording is frozen by golden tests, because a changed
word changes every attention map.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, Literal

from zerotube.geometry.spans import TimeNotation
from zerotube.query.types import Query

EXISTENCE_TEMPLATE: Final = "Is there {phrase} in this video?"
"""The sub-query of method section 6; ``phrase`` is an attribute, an action or a statement."""

CAPTION_PROMPT: Final = "Describe this video in details."
"""The content-free prompt whose attention divides out attention sinks (method section 3)."""


RELEASE_CAPTION_PROMPT: Final = "please describe this video"
"""The content-free prompt of the paper's released code (method section 11)."""

EXCLUDING_TEMPLATE: Final = "Describe everything in this video except {phrase}."
"""The prompt that excludes the described object, after an idea of DecAF (arXiv 2510.19592);
``phrase`` is an attribute phrase."""

Wording = Literal["paper", "release"]
"""Whose prompts: the paper's, or those of its released code."""


def caption_prompt(wording: Wording) -> str:
    """The content-free prompt in one of the wordings."""
    return CAPTION_PROMPT if wording == "paper" else RELEASE_CAPTION_PROMPT


def excluding_prompt(phrase: str) -> str:
    """The prompt that asks for everything but ``phrase``.

    >>> excluding_prompt("the man in red")
    'Describe everything in this video except the man in red.'
    """
    return EXCLUDING_TEMPLATE.replace("{phrase}", phrase)


def query_prompt(query: Query, wording: Wording) -> str:
    """The yes/no question about a whole query.

    Args:
        query: a sentence.
        wording: the paper's template takes the statement that a sentence makes or asks about; the
            released code puts the sentence itself into it, lower-cased and without full stops at
            its ends, also where it is a question.
    """
    if wording == "paper":
        return existence_prompt(query.statement)
    return existence_prompt(query.text.lower().strip(".").strip())


def existence_prompt(phrase: str) -> str:
    """The yes/no question whether ``phrase`` is in the video (method section 6).

    >>> existence_prompt("the man in red")
    'Is there the man in red in this video?'
    """
    return EXISTENCE_TEMPLATE.replace("{phrase}", phrase)


_WHEN: Final[dict[TimeNotation, tuple[str, str]]] = {
    "seconds": (
        "This video is {duration_s:.1f} seconds long.",
        'with its start and its end in seconds, in the form "from S to E seconds"',
    ),
    "clock": (
        "This video is {duration_s:.1f} seconds long.",
        'with its start and its end, in the form "from MM:SS to MM:SS"',
    ),
    "frames": (
        "This video is shown as {frames} frames, numbered 1 to {frames} in the order of time.",
        'with the numbers of its first and its last frame, in the form "frames A to B"',
    ),
}


def time_prompt(
    statement: str, notation: TimeNotation, *, frame_count: int, duration_s: float
) -> str:
    """The request to name the time at which something happens.

    Args:
        statement: what happens; it is quoted as JSON, so that what it says stays data.
        notation: how the answer is to name it.
        frame_count: frames that the model is shown.
        duration_s: length of the video in seconds.
    """
    shown, form = _WHEN[notation]
    facts = shown.format(frames=frame_count, duration_s=duration_s)
    return (
        f"{facts} When does this happen in it: {_json(statement)}? Answer {form}, and with "
        "nothing else."
    )


DECOMPOSITION_EXAMPLES: Final = (
    (
        "the waiter in a black vest pours some tea and walks away",
        "the waiter in a black vest",
        "the waiter pours some tea and walks away",
        "waiter",
    ),
    (
        "a tall girl with a ponytail is beside a grey horse in the stable",
        "a tall girl with a ponytail",
        "a girl is beside a grey horse in the stable",
        "girl",
    ),
    (
        "there is a striped umbrella above two chairs",
        "a striped umbrella",
        "an umbrella above two chairs",
        "umbrella",
    ),
    (
        "a young man on the right wearing a cap throws a frisbee to a dog",
        "a young man on the right wearing a cap",
        "a man throws a frisbee to a dog",
        "man",
    ),
    (
        "the tennis ball rolls under the car",
        "the tennis ball",
        "the tennis ball rolls under the car",
        "tennis ball",
    ),
    (
        "who feeds the brown goat near the gate?",
        "a person",
        "a person feeds the brown goat near the gate",
        "person",
    ),
    (
        "what does the girl in the raincoat carry across the street?",
        "an object",
        "the girl in the raincoat carries an object across the street",
        "object",
    ),
)
"""Sentence, attribute phrase, action phrase, noun: written for this prompt, after the conventions
of the rules."""

_DECOMPOSITION_TASK: Final = """\
Split a sentence about one object in a video into three parts:
"attribute": what the object is and how it looks - its noun with the determiner, adjectives, \
clothes and side of the picture, and nothing that it does.
"action": what the object does, or where it is relative to other things, with only the bare noun \
and its article in front. Keep the descriptions of all other objects.
"noun": the noun of the object, without determiner and adjectives.
Use only words of the sentence, spelt as there; you may inflect a verb and add a, an or the. \
A question asks for "a person" or "an object": turn it into the statement that it asks about.
Answer with one JSON object and nothing else."""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def decomposition_prompt(sentence: str) -> str:
    """The request to a language model to decompose a sentence (method section 6).

    Args:
        sentence: normalised, without line breaks; it is quoted as JSON, so that what it says
            stays data.
    """
    shown = [_DECOMPOSITION_TASK]
    for text, attribute, action, noun in DECOMPOSITION_EXAMPLES:
        parts = {"attribute": attribute, "action": action, "noun": noun}
        shown.append(f"Sentence: {_json(text)}\nAnswer: {_json(parts)}")
    return "\n\n".join([*shown, f"Sentence: {_json(sentence)}\nAnswer:"])


def repeated_prompt(sentence: str, problem: str) -> str:
    """The request once more, with what was wrong with the last answer."""
    task, _, rest = decomposition_prompt(sentence).rpartition("\n\n")
    return f"{task}\n\nAn earlier answer to the next sentence was refused: {problem}.\n\n{rest}"


DECOMPOSITION_SCHEMA: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("attribute", "action", "noun")},
    "required": ["attribute", "action", "noun"],
    "additionalProperties": False,
}
"""JSON schema of the answer, for servers with structured output."""

DECOMPOSITION_VERSION: Final = hashlib.sha256(decomposition_prompt("").encode("utf-8")).hexdigest()[
    :12
]
"""Changes with every change of the prompt, so that cached answers to an older one are not used."""
