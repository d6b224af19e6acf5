"""The small model that ships with the package, and what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Domain:
    """What the bundled model was trained on.

    Attributes:
        statement: one line for people.
        colours: colour words.
        shapes: shape words.
        nouns: further nouns it understands: everyday names of shapes and words for any of them.
        actions: what objects do, in the usual wording.
    """

    statement: str
    colours: tuple[str, ...]
    shapes: tuple[str, ...]
    nouns: tuple[str, ...]
    actions: tuple[str, ...]


DOMAIN = Domain(
    statement=(
        "generated clips of 1-4 coloured shapes on a plain background that rest, move, "
        "grow or shrink"
    ),
    colours=("red", "green", "blue", "yellow", "purple", "orange"),
    shapes=("circle", "square", "triangle", "ring", "star"),
    nouns=("ball", "box", "object", "thing", "shape"),
    actions=(
        "moves left",
        "moves right",
        "moves up",
        "moves down",
        "grows",
        "shrinks",
        "stays still",
    ),
)
"""The bundled model's domain; everything else is unknown to it."""


def bundled_path() -> Path:
    """The folder with the bundled model's weights, tokenizer and configuration."""
    return Path(__file__).parent
