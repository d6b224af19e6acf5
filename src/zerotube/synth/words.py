"""The words of the generated world."""

from __future__ import annotations

BASIC_COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (50, 168, 70),
    "blue": (45, 98, 220),
    "yellow": (240, 212, 48),
    "purple": (146, 62, 190),
    "orange": (244, 138, 34),
}
"""The colours of the basic sets, as in `COLOURS`."""

COLOURS: dict[str, tuple[int, int, int]] = {
    **BASIC_COLOURS,
    "pink": (246, 136, 190),
    "cyan": (52, 206, 216),
}
"""Colour word -> RGB, 0..255."""

BASIC_SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "ring", "star")
"""The shapes of the basic sets."""

SHAPES: tuple[str, ...] = (*BASIC_SHAPES, "diamond", "cross", "heart")
"""Shape words."""

TEXTURES: tuple[str, ...] = ("plain", "striped", "dotted")
"""What covers an object; "plain" is never said, and the only one of the basic sets."""

DIRECTIONS = {
    "moves left": (-1.0, 0.0),
    "moves right": (1.0, 0.0),
    "moves up": (0.0, -1.0),
    "moves down": (0.0, 1.0),
}
"""Unit step of each movement: x to the right, y down."""

BASIC_ACTIONS: tuple[str, ...] = (*DIRECTIONS, "grows", "shrinks")
"""The actions of the basic sets."""

OTHER_ACTIONS: tuple[str, ...] = (
    "spins",
    "bounces",
    "circles",
    "blinks",
    "changes color",
    "appears",
    "disappears",
)
"""The actions that only the set "rich" has."""

ACTIONS: tuple[str, ...] = (*BASIC_ACTIONS, *OTHER_ACTIONS)
"""What an object can do."""

STILL = "stays still"
"""The phrase for an object without an action."""

PLACES: tuple[str, ...] = ("on the left", "on the right", "at the top", "at the bottom")
"""Where an object can be in the frame."""

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")
"""Where an object can be from another one."""

UNSEEN_COMBINATIONS: tuple[tuple[str, str], ...] = (
    ("red", "star"),
    ("green", "ring"),
    ("blue", "triangle"),
    ("yellow", "square"),
    ("purple", "circle"),
    ("orange", "triangle"),
)
"""Colour and shape of the targets of the set "unseen", and of no other set. Every colour keeps four
of its five basic shapes, every shape at least four of its six basic colours."""

HELD_OUT_COMBINATIONS: tuple[tuple[str, str], ...] = (
    *UNSEEN_COMBINATIONS,
    ("pink", "heart"),
    ("cyan", "cross"),
)
"""Colour and shape that training never shows together."""
