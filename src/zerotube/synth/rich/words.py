"""The words of the rich world."""

from __future__ import annotations

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (50, 168, 70),
    "blue": (45, 98, 220),
    "yellow": (240, 212, 48),
    "purple": (146, 62, 190),
    "orange": (244, 138, 34),
    "pink": (246, 136, 190),
    "cyan": (52, 206, 216),
}
"""Colour word -> RGB, 0..255; the first six are those of `zerotube.synth.world`."""

SHAPES: tuple[str, ...] = (
    "circle",
    "square",
    "triangle",
    "ring",
    "star",
    "diamond",
    "cross",
    "heart",
)
"""Shape words; the first five are those of `zerotube.synth.world`."""

TEXTURES: tuple[str, ...] = ("plain", "striped", "dotted")
"""What covers an object; "plain" is never said."""

ACTIONS: tuple[str, ...] = (
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
)
"""What an object can do; the first six are those of `zerotube.synth.world`."""

STILL = "stays still"
"""The phrase for an object without an action."""

PLACES: tuple[str, ...] = ("on the left", "on the right", "at the top", "at the bottom")
"""Where an object can be in the frame."""

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")
"""Where an object can be from another one."""

HELD_OUT_COMBINATIONS: tuple[tuple[str, str], ...] = (
    ("red", "star"),
    ("green", "ring"),
    ("blue", "triangle"),
    ("yellow", "square"),
    ("purple", "circle"),
    ("orange", "triangle"),
    ("pink", "heart"),
    ("cyan", "cross"),
)
"""Colour and shape that training never shows together; six are those of the set "unseen"."""
