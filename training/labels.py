"""What a moment (two neighbouring frames) of a take shows, for warming up the tower.

Image-level only: which colours, shapes, textures and changes, and which of them together, are
somewhere in it. Never where.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.scene import Actor, Take
from zerotube.synth.words import COLOURS, SHAPES, TEXTURES

CHANGES = (
    "left",
    "right",
    "up",
    "down",
    "bigger",
    "smaller",
    "turning",
    "dimmer",
    "brighter",
    "recoloured",
)
NO, YES, UNSURE = 0, 1, 2
_C, _S, _T, _M = len(COLOURS), len(SHAPES), len(TEXTURES), len(CHANGES)
GROUPS: dict[str, slice] = {}
_start = 0
for _name, _size in (
    ("colour", _C),
    ("shape", _S),
    ("texture", _T),
    ("change", _M),
    ("colour+shape", _C * _S),
    ("colour+change", _C * _M),
    ("shape+change", _S * _M),
):
    GROUPS[_name] = slice(_start, _start + _size)
    _start += _size
LABELS = _start
_SURE = np.array([0.015, 0.015, 0.015, 0.015, 0.03, 0.03, 0.2, 0.3, 0.3, 0.1])
_NONE = np.array([0.005, 0.005, 0.005, 0.005, 0.01, 0.01, 0.05, 0.08, 0.08, 0.02])
_MIRROR = {"left": "right", "right": "left"}
_REVERSE = {
    "left": "right",
    "right": "left",
    "up": "down",
    "down": "up",
    "bigger": "smaller",
    "smaller": "bigger",
    "dimmer": "brighter",
    "brighter": "dimmer",
}


def of_moments(take: Take) -> NDArray[np.uint8]:
    """Labels of every pair of neighbouring frames, uint8 (T / 2, LABELS): NO, YES or UNSURE."""
    count = len(take.times) // 2
    yes = np.zeros((count, LABELS), bool)
    maybe = np.zeros((count, LABELS), bool)
    for actor in take.actors:
        colour, change, seen, hinted = _of_actor(actor, take.times)
        shape, texture = SHAPES.index(actor.shape), TEXTURES.index(actor.texture)
        for out, visible, level in ((yes, seen, YES), (maybe, hinted, NO)):
            # "maybe" holds everything that is not surely absent.
            colours = (colour == YES) if level == YES else (colour != NO)
            changes = (change == YES) if level == YES else (change != NO)
            colours, changes = colours & visible[:, None], changes & visible[:, None]
            out[:, GROUPS["colour"]] |= colours
            out[:, GROUPS["change"]] |= changes
            out[visible, GROUPS["shape"].start + shape] = True
            out[visible, GROUPS["texture"].start + texture] = True
            out[:, GROUPS["colour+shape"]].reshape(count, _C, _S)[:, :, shape] |= colours
            pairs = colours[:, :, None] & changes[:, None, :]
            out[:, GROUPS["colour+change"]] |= pairs.reshape(count, -1)
            out[:, GROUPS["shape+change"]].reshape(count, _S, _M)[:, shape] |= changes
    return np.where(yes, YES, np.where(maybe, UNSURE, NO)).astype(np.uint8)


def _of_actor(
    actor: Actor, times: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Colours (n, 8) and changes (n, 10) of one object, and whether it is seen, or hinted at."""
    states = actor.states(times)
    count = len(times) // 2
    pairs = states[: 2 * count].reshape(count, 2, 6)
    first, second = pairs[:, 0], pairs[:, 1]
    opacity = pairs[:, :, 4].max(axis=1)
    mix = pairs[:, :, 5].mean(axis=1)
    colour = np.zeros((count, _C), np.uint8)
    names = list(COLOURS)
    old = names.index(actor.colour)
    colour[:, old] = np.where(mix < 0.25, YES, np.where(mix > 0.75, NO, UNSURE))
    if actor.new_colour is not None:
        new = names.index(actor.new_colour)
        colour[:, new] = np.where(mix < 0.25, NO, np.where(mix > 0.75, YES, UNSURE))
    amounts = changes_of(first, second)
    change = np.where(amounts > _SURE, YES, np.where(amounts < _NONE, NO, UNSURE))
    if actor.shape in ("circle", "ring") and actor.texture == "plain":
        change[:, CHANGES.index("turning")] = NO
    return colour, change.astype(np.uint8), opacity > 0.6, opacity > 0.15


def changes_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of every change lies between two states of objects, (n, 6) each -> (n, 10)."""
    dx, dy = second[:, 0] - first[:, 0], second[:, 1] - first[:, 1]
    grown = np.log(np.maximum(second[:, 2], 1e-6) / np.maximum(first[:, 2], 1e-6))
    turned = np.abs(second[:, 3] - first[:, 3])
    lit = second[:, 4] - first[:, 4]
    mixed = np.abs(second[:, 5] - first[:, 5])
    columns = [-dx, dx, -dy, dy, grown, -grown, turned, -lit, lit, mixed]
    return np.stack(columns, axis=1)


def _swapped(table: dict[str, str]) -> NDArray[np.int64]:
    """Where each label comes from when changes are renamed."""
    change = np.array([CHANGES.index(table.get(name, name)) for name in CHANGES])
    order = np.arange(LABELS)
    order[GROUPS["change"]] = GROUPS["change"].start + change
    for name, outer in (("colour+change", _C), ("shape+change", _S)):
        block = np.arange(outer)[:, None] * _M + change[None]
        order[GROUPS[name]] = GROUPS[name].start + block.reshape(-1)
    return order


MIRRORED = _swapped(_MIRROR)
"""Labels of the mirrored picture: `labels[..., MIRRORED]`."""
REVERSED = _swapped(_REVERSE)
"""Labels of the two frames in reverse: `labels[..., REVERSED]`."""


def report(logits: NDArray[np.float32], labels: NDArray[np.uint8]) -> str:
    """Recall and precision of every group of labels."""
    parts: Sequence[str] = [
        f"{name} r{_share(logits, labels, where, True):.2f}"
        f" p{_share(logits, labels, where, False):.2f}"
        for name, where in GROUPS.items()
    ]
    return " ".join(parts)


def _share(
    logits: NDArray[np.float32], labels: NDArray[np.uint8], where: slice, recall: bool
) -> float:
    guess, truth = logits[:, where] > 0, labels[:, where]
    hits = (guess & (truth == YES)).sum()
    total = (truth == YES).sum() if recall else (guess & (truth != UNSURE)).sum()
    return float(hits) / max(float(total), 1.0)
