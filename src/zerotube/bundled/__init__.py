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
        textures: what may cover a shape.
        nouns: further nouns it understands: everyday names of shapes and words for any of them.
        actions: what objects do, in the usual wording.
        places: where in the frame, and where from another object.
    """

    statement: str
    colours: tuple[str, ...]
    shapes: tuple[str, ...]
    textures: tuple[str, ...]
    nouns: tuple[str, ...]
    actions: tuple[str, ...]
    places: tuple[str, ...]


DOMAIN = Domain(
    statement=(
        "generated clips of 1-6 coloured, striped or dotted shapes that move, turn, grow, blink "
        "or change colour"
    ),
    colours=("red", "green", "blue", "yellow", "purple", "orange", "pink", "cyan"),
    shapes=("circle", "square", "triangle", "ring", "star", "diamond", "cross", "heart"),
    textures=("striped", "dotted"),
    nouns=("ball", "box", "object", "thing", "shape"),
    actions=(
        "moves left",
        "moves right",
        "moves up",
        "moves down",
        "grows",
        "shrinks",
        "spins",
        "bounces",
        "circles",
        "blinks",
        "changes color",
        "appears",
        "disappears",
        "stays still",
    ),
    places=(
        "on the left",
        "on the right",
        "at the top",
        "at the bottom",
        "left of",
        "right of",
        "above",
        "below",
    ),
)
"""The bundled model's domain; everything else is unknown to it."""


def bundled_path() -> Path:
    """The folder with the bundled model's weights, tokenizer and configuration."""
    return Path(__file__).parent
