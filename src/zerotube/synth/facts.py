"""What can be said about a take, or a window of its frames, and whether it is true.

Truth has three values: a statement is surely true, surely false, or doubtful, and doubtful ones
are never asked. Every object has two sets of words: those that surely hold for it and those that
may hold. A claim is a set of words too, so that its truth is a matter of subsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.scene import Act, Actor, Take
from zerotube.synth.words import ACTIONS, COLOURS, PLACES, RELATIONS, STILL

Array = NDArray[np.float64]
Relation = tuple[str, str, str]
Word = str | Relation

SIZES = ("small", "large")
SMALL, LARGE = 0.19, 0.26
"""Diameters in sides: small up to the one, large from the other."""
HERE = "here"
"""The word that holds for every object which is surely seen; every claim contains it."""

_DONE_SHARE, _FILL_SHARE, _TOUCHED = 0.6, 0.5, 0.05
_LOOKS_LIKE = {
    "bounces": ("moves up", "moves down"),
    "circles": ("moves left", "moves right", "moves up", "moves down"),
    "blinks": ("appears", "disappears"),
}
"""Actions that may be seen in another one."""
_IN_PLACE = frozenset(("blinks", "changes color", "appears", "disappears", "spins"))
"""Actions of which one may say that the object stays still."""


@dataclass(frozen=True)
class ObjectFacts:
    """What is known about one object in the window.

    Attributes:
        sure: words that surely hold; empty if it is doubtful whether the object is seen.
        possible: words that may hold; empty if the object is surely not seen.
        colour: its colour, if there is only one in the window, else None.
        first_colour: the colour by which one may call it, or None.
        shape: its shape.
        texture: its texture.
        size: "small" or "large", if that is sure.
        done: what it surely does, in order of time.
        doubtful: whether it does something of which too little is seen.
        still: whether it surely stays still.
        places: where it surely is in all frames.
        relations: where it surely is from other objects: word, colour and shape of the other.
    """

    sure: frozenset[Word]
    possible: frozenset[Word]
    colour: str | None
    first_colour: str | None
    shape: str
    texture: str
    size: str | None
    done: tuple[str, ...]
    doubtful: bool
    still: bool
    places: tuple[str, ...]
    relations: tuple[Relation, ...]

    @property
    def seen(self) -> bool:
        """Whether the object is surely seen."""
        return bool(self.sure)

    @property
    def actions(self) -> tuple[str, ...]:
        """All that can surely be said of what it does."""
        return (STILL,) if self.still else self.done


@dataclass(frozen=True)
class Facts:
    """What is known about a window.

    Attributes:
        objects: one entry per object of the take.
        moving: whether the window has several frames, so that actions can be seen.
    """

    objects: tuple[ObjectFacts, ...]
    moving: bool


@dataclass(frozen=True)
class Claim:
    """What a statement says of an object; None means "any".

    Attributes:
        size: one of `SIZES`.
        texture: one of `TEXTURES`.
        colour: key of `COLOURS`.
        shape: one of `SHAPES`.
        action: one of `ACTIONS`, or `STILL`.
        place: one of `PLACES`.
        relation: one of `RELATIONS`, colour and shape of the other object.
    """

    size: str | None = None
    texture: str | None = None
    colour: str | None = None
    shape: str | None = None
    action: str | None = None
    place: str | None = None
    relation: Relation | None = None

    @property
    def words(self) -> frozenset[Word]:
        """Everything that has to hold for one object."""
        parts = (
            HERE,
            self.size,
            self.texture,
            self.colour,
            self.shape,
            self.action,
            self.place,
            self.relation,
        )
        return frozenset([part for part in parts if part is not None])

    def fits(self, facts: Facts, k: int) -> bool | None:
        """Whether object `k` satisfies all parts; None if that is doubtful."""
        item, words = facts.objects[k], self.words
        if words <= item.sure:
            return True
        return None if words <= item.possible else False

    def truth(self, facts: Facts) -> bool | None:
        """True if some object surely fits, False if every one surely does not, else None."""
        words, doubt = self.words, False
        for item in facts.objects:
            if words <= item.sure:
                return True
            doubt = doubt or words <= item.possible
        return None if doubt else False


@dataclass(frozen=True, eq=False)
class _Window:
    """A take's frames in the window: times (T,), states (T, 6) and where objects are seen (T,)."""

    take: Take
    times: Array
    states: tuple[Array, ...]
    seen: tuple[NDArray[np.bool_], ...]


def facts_of(take: Take, first: int, last: int) -> Facts:
    """What can be said about some frames of a take.

    Args:
        take: what is shown.
        first, last: the window's first and last frame; the window is all that is seen.

    Returns:
        The facts. With a single frame all actions are doubtful.
    """
    window = _window(take, first, last)
    count = len(take.actors)
    colours = [_colours(take.actors[k], window.states[k][:, 5]) for k in range(count)]
    names = [
        (colours[k][0], colours[k][1], colours[k][2], take.actors[k].shape) for k in range(count)
    ]
    objects = tuple(_object_facts(window, k, names) for k in range(count))
    return Facts(objects, moving=len(window.times) > 1)


def _window(take: Take, first: int, last: int) -> _Window:
    times = take.times[first : last + 1]
    shifts = take.shifts[first : last + 1]
    states, seen = [], []
    for actor in take.actors:
        state = actor.states(times)
        state[:, :2] += shifts
        x, y = state[:, 0], state[:, 1]
        inside = (x > 0) & (x < take.width) & (y > 0) & (y < take.height)
        if take.occluder is not None:
            away = np.abs(take.occluder.centres[first : last + 1] - state[:, :2])
            near = np.array((take.occluder.width, take.occluder.height)) / 2
            inside &= ~(away < near).all(axis=1)
        states.append(state)
        seen.append(inside)
    return _Window(take, times, tuple(states), tuple(seen))


_Names = tuple[str | None, str | None, frozenset[str], str]


def _object_facts(window: _Window, k: int, names: list[_Names]) -> ObjectFacts:
    actor, state = window.take.actors[k], window.states[k]
    inside = window.seen[k]
    shown = inside & (state[:, 4] > 0.5)
    count = int(shown.sum())
    # An object behind the occluder's middle or at the edge may still be noticed: only opacity
    # makes it surely absent.
    absent = float(state[:, 4].max()) <= 0.2
    present = count >= min(2, len(state))
    colour, first_colour, colour_words, shape = names[k]
    sure: set[Word] = {HERE, shape, actor.texture}
    possible: set[Word] = {HERE, shape, actor.texture, *colour_words}
    if first_colour is not None:
        sure.add(first_colour)
    done, doubtful, still = _actions(window, k, sure, possible)
    size = _size(state[shown, 2], sure, possible)
    places = _places(window.take, state[shown], sure, possible)
    relations = _relations(window, k, names, sure, possible)
    return ObjectFacts(
        sure=frozenset(sure) if present else frozenset(),
        possible=frozenset() if absent else frozenset(possible),
        colour=colour,
        first_colour=first_colour,
        shape=shape,
        texture=actor.texture,
        size=size,
        done=done,
        doubtful=doubtful,
        still=still,
        places=places,
        relations=relations,
    )


@lru_cache(maxsize=64)
def _between(first: str, second: str) -> frozenset[str]:
    """Colour words that fit while one colour fades into another, both ends included."""
    ends = np.array([COLOURS[first], COLOURS[second]], dtype=float)
    table = np.array(list(COLOURS.values()), dtype=float)
    found = {first, second}
    for share in (0.3, 0.5, 0.7):
        mixed = (1.0 - share) * ends[0] + share * ends[1]
        found.add(list(COLOURS)[int(((table - mixed) ** 2).sum(axis=1).argmin())])
    return frozenset(found)


def _colours(actor: Actor, shares: Array) -> tuple[str | None, str | None, frozenset[str]]:
    """The only colour, the colour it may be called by, and all that it may be called."""
    new = actor.new_colour
    if new is None or float(shares.max()) < 0.1:
        return actor.colour, actor.colour, frozenset((actor.colour,))
    if float(shares.min()) > 0.95:
        return new, new, frozenset((new,))
    leading = len(shares) if (shares < 0.25).all() else int((shares >= 0.25).argmax())
    named = actor.colour if leading >= 0.25 * len(shares) else None
    return None, named, _between(actor.colour, new)


def _actions(
    window: _Window, k: int, sure: set[Word], possible: set[Word]
) -> tuple[tuple[str, ...], bool, bool]:
    """What the object does, whether some of that is doubtful, and whether it stays still."""
    begin, end = float(window.times[0]), float(window.times[-1])
    if len(window.times) < 2:
        possible.update(ACTIONS, (STILL,))
        return (), True, False
    done: list[str] = []
    doubtful = touched = False
    for act in window.take.actors[k].acts:
        overlap = min(end, act.end) - max(begin, act.start)
        if overlap <= 0.0:
            continue
        touched = True
        share = overlap / max(act.end - act.start, 1e-9)
        if share <= _TOUCHED:
            possible.add(STILL)
            continue
        possible.add(act.action)
        possible.update(_LOOKS_LIKE.get(act.action, ()))
        if _is_done(act, share, overlap / (end - begin), window, k):
            if act.action in _IN_PLACE:
                possible.add(STILL)
            done.append(act.action)
            sure.add(act.action)
        else:
            doubtful = True
            possible.add(STILL)
    if not touched:
        sure.add(STILL)
        possible.add(STILL)
    return tuple(done), doubtful, not touched


def _is_done(act: Act, share: float, fill: float, window: _Window, k: int) -> bool:
    """Whether enough of an act lies in the window and can be seen in its frames."""
    state = window.states[k]
    during = (window.times >= act.start - 1e-9) & (window.times <= act.end + 1e-9)
    # The frames next to the act show where it began and what came of it.
    around = during.copy()
    around[1:] |= during[:-1]
    around[:-1] |= during[1:]
    if not around.any():  # the act lies between two frames
        around[:] = True
    part = state[around]
    if act.action in ("appears", "disappears"):
        fade = part[:, 4]
        return share >= _DONE_SHARE and bool(fade.min() < 0.4 and fade.max() > 0.6)
    if share < _DONE_SHARE and fill < _FILL_SHARE:
        return False
    if not window.seen[k][around].mean() >= _DONE_SHARE:
        return False
    if act.action == "blinks":
        flips = int((np.diff((part[:, 4] > 0.5).astype(int)) != 0).sum())
        return act.amount * share >= 1.5 and flips >= 2
    if part[:, 4].mean() < 0.5:
        return False
    if act.action.startswith("moves"):
        return bool(np.ptp(part[:, :2], axis=0).max() > 0.06)
    if act.action in ("grows", "shrinks"):
        return bool(part[:, 2].max() > 1.15 * part[:, 2].min())
    if act.action == "changes color":
        return bool(part[:, 5].min() < 0.35 and part[:, 5].max() > 0.65)
    if act.action == "spins":
        actor = window.take.actors[k]
        if actor.texture == "plain" and actor.shape in ("circle", "ring"):
            return False  # it looks the same at every angle
        return int(during.sum()) >= 3 and abs(act.amount) * share > 0.5
    if act.action == "bounces":
        reach = float(np.ptp(part[:, 1]))
        return act.amount * share >= 1.0 and int(during.sum()) >= 3 and reach > 0.4 * act.reach
    return abs(act.amount) * share >= 0.5 and int(during.sum()) >= 4  # circles


def _size(sizes: Array, sure: set[Word], possible: set[Word]) -> str | None:
    if len(sizes) == 0 or sizes.max() > 1.05 * sizes.min():
        possible.update(SIZES)
        return None
    if sizes.max() > SMALL and sizes.min() < LARGE:
        possible.update(SIZES)
        return None
    word = SIZES[bool(sizes.min() >= LARGE)]
    sure.add(word)
    possible.add(word)
    return word


def _places(take: Take, state: Array, sure: set[Word], possible: set[Word]) -> tuple[str, ...]:
    if len(state) == 0:
        possible.update(PLACES)
        return ()
    x, y = state[:, 0] / take.width, state[:, 1] / take.height
    found = []
    for place, low, high in (
        (PLACES[0], x.min(), x.max()),
        (PLACES[1], 1.0 - x.max(), 1.0 - x.min()),
        (PLACES[2], y.min(), y.max()),
        (PLACES[3], 1.0 - y.max(), 1.0 - y.min()),
    ):
        if high < 0.42:
            found.append(place)
            sure.add(place)
            possible.add(place)
        elif low <= 0.5:
            possible.add(place)
    return tuple(found)


def _relations(
    window: _Window, k: int, names: list[_Names], sure: set[Word], possible: set[Word]
) -> tuple[Relation, ...]:
    found = []
    for j, (_, called, colours, shape) in enumerate(names):
        if j == k:
            continue
        mine, other = window.states[k], window.states[j]
        both = window.seen[k] & window.seen[j] & (mine[:, 4] > 0.5) & (other[:, 4] > 0.5)
        steady = int(both.sum()) >= min(2, len(both))
        gap = other[both, :2] - mine[both, :2]
        reach = 0.5 * (mine[both, 2] + other[both, 2])
        hidden = float(other[:, 4].max()) <= 0.2
        for word, along, across in zip(
            RELATIONS,
            (gap[:, 0], -gap[:, 0], gap[:, 1], -gap[:, 1]),
            (gap[:, 1], gap[:, 1], gap[:, 0], gap[:, 0]),
            strict=True,
        ):
            if hidden or (steady and (along < -0.5 * reach).all()):
                continue
            possible.update((word, colour, shape) for colour in colours)
            if steady and called and ((along > reach) & (along > np.abs(across))).all():
                sure.add((word, called, shape))
                found.append((word, called, shape))
    return tuple(found)
