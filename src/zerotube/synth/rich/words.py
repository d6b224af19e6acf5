"""The words of the rich world."""

from __future__ import annotations

from zerotube.synth import stage, world

COLOURS: dict[str, tuple[int, int, int]] = {
    **world.COLOURS,
    "pink": (246, 136, 190),
    "cyan": (52, 206, 216),
}
"""Colour word -> RGB, 0..255; the first six are those of `zerotube.synth.world`."""

SHAPES: tuple[str, ...] = (*world.SHAPES, "diamond", "cross", "heart")
"""Shape words; the first five are those of `zerotube.synth.world`."""

TEXTURES: tuple[str, ...] = ("plain", "striped", "dotted")
"""What covers an object; "plain" is never said."""

ACTIONS: tuple[str, ...] = (
    *world.ACTIONS,
    "spins",
    "bounces",
    "circles",
    "blinks",
    "changes color",
    "appears",
    "disappears",
)
"""What an object can do; the first six are those of `zerotube.synth.world`."""

STILL = world.STILL
"""The phrase for an object without an action."""

PLACES: tuple[str, ...] = ("on the left", "on the right", "at the top", "at the bottom")
"""Where an object can be in the frame."""

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")
"""Where an object can be from another one."""

HELD_OUT_COMBINATIONS: tuple[tuple[str, str], ...] = (
    *stage.HELD_OUT_COMBINATIONS,
    ("pink", "heart"),
    ("cyan", "cross"),
)
"""Colour and shape that training never shows together; six are those of the set "unseen"."""
