"""How claims are said: the wordings of actions, places and relations, and noun phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vocabulary import GENERIC, SYNONYMS
from zerotube.synth.facts import Claim
from zerotube.synth.words import STILL


def _direction(word: str) -> tuple[str, ...]:
    side = word in ("left", "right")
    far = f"to the {word}" if side else f"{word}wards"
    return (
        f"moves {word}",
        f"moves {far}",
        f"moving {word}",
        f"moving {far}",
        f"goes {word}",
        f"goes {far}",
        f"is moving {word}",
    )


WORDINGS: dict[str, tuple[str, ...]] = {
    "moves left": _direction("left"),
    "moves right": _direction("right"),
    "moves up": _direction("up"),
    "moves down": _direction("down"),
    "grows": (
        "grows",
        "growing",
        "gets bigger",
        "getting larger",
        "becomes bigger",
        "becomes larger",
        "is growing",
    ),
    "shrinks": (
        "shrinks",
        "shrinking",
        "gets smaller",
        "getting smaller",
        "becomes smaller",
        "is shrinking",
    ),
    "spins": ("spins", "spinning", "is spinning", "rotates", "rotating", "turns", "turns around"),
    "bounces": ("bounces", "bouncing", "is bouncing", "hops", "hopping", "jumps up and down"),
    "circles": ("circles", "circling", "goes in circles", "moves in circles", "moving in circles"),
    "blinks": ("blinks", "blinking", "is blinking", "flashes", "flashing", "flickers"),
    "changes color": (
        "changes color",
        "changing color",
        "changes colour",
        "changing colour",
        "changes its color",
        "changes its colour",
    ),
    "appears": ("appears", "appearing", "shows up", "fades in", "fading in", "comes into view"),
    "disappears": (
        "disappears",
        "disappearing",
        "vanishes",
        "vanishing",
        "fades out",
        "fading out",
    ),
    STILL: ("stays still", "staying still", "stands still", "does not move", "is still"),
}
"""How each action can be said; the first wording is the usual one."""

PLACE_WORDINGS: dict[str, tuple[str, ...]] = {
    "on the left": ("on the left", "on the left side"),
    "on the right": ("on the right", "on the right side"),
    "at the top": ("at the top", "near the top"),
    "at the bottom": ("at the bottom", "near the bottom"),
}
RELATION_WORDINGS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
TEXTURE_WORDINGS: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "solid"),
    "striped": ("striped",),
    "dotted": ("dotted",),
}
SIZE_WORDINGS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "large": ("large", "big"),
}
_SYNONYM_OF = {shape: word for word, shape in SYNONYMS.items()}


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options; faster than `rng.choice`."""
    return options[int(rng.random() * len(options))]


def wording(rng: np.random.Generator, options: Sequence[str], usual: float = 0.6) -> str:
    """The first option with probability `usual`, else any."""
    return options[0] if rng.random() < usual else pick(rng, options)


def with_article(words: str, definite: bool) -> str:
    """The words with "the", or with "a" or "an"."""
    if definite:
        return f"the {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def noun(rng: np.random.Generator, shape: str | None) -> str:
    """A shape word, at times an everyday one, or a word for anything."""
    if shape is None:
        return pick(rng, GENERIC)
    if shape in _SYNONYM_OF and rng.random() < 0.2:
        return _SYNONYM_OF[shape]
    return shape


def say(claim: Claim, rng: np.random.Generator, definite: float = 0.65) -> str:
    """The phrase, for example "the striped red square moves left"."""
    parts = []
    if claim.size:
        parts.append(wording(rng, SIZE_WORDINGS[claim.size]))
    if claim.texture:
        parts.append(wording(rng, TEXTURE_WORDINGS[claim.texture]))
    if claim.colour:
        parts.append(claim.colour)
    parts.append(noun(rng, claim.shape))
    text = with_article(" ".join(parts), rng.random() < definite)
    if claim.place:
        text += f" {wording(rng, PLACE_WORDINGS[claim.place])}"
    if claim.relation:
        word, colour, shape = claim.relation
        other = with_article(f"{colour} {noun(rng, shape)}", rng.random() < 0.8)
        text += f" {wording(rng, RELATION_WORDINGS[word])} {other}"
    if claim.action:
        text += f" {wording(rng, WORDINGS[claim.action])}"
    return text
