"""Every prompt string of the method, in one place: the method *is* its prompts.

Source: method sections 3 and 6. The wording is frozen by golden tests, because a changed
word changes every attention map.
"""

from __future__ import annotations

from typing import Final

EXISTENCE_TEMPLATE: Final = "Is there {phrase} in this video?"
"""The sub-query of method section 6; ``phrase`` is an attribute, an action or a statement."""

CAPTION_PROMPT: Final = "Describe this video in details."
"""The content-free prompt whose attention divides out attention sinks (method section 3)."""


def existence_prompt(phrase: str) -> str:
    """The yes/no question whether ``phrase`` is in the video (method section 6).

    >>> existence_prompt("the man in red")
    'Is there the man in red in this video?'
    """
    return EXISTENCE_TEMPLATE.replace("{phrase}", phrase)
