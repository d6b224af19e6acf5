"""Questions, answers and captions about a scene: the only supervision the language model gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabulary import ABSENT, GENERIC, SYNONYMS
from zerotube.synth.world import ACTIONS, COLOURS, SHAPES, STILL, Scene, SceneObject

CAPTION = "describe this video in details ."
SMALL, LARGE = 0.215, 0.27
"""Diameters, as fractions of the frame: small up to the one, large from the other."""
ALL_ACTIONS = (*ACTIONS, STILL)


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
        f"moved {word}",
    )


WORDINGS: dict[str, tuple[str, ...]] = {
    "moves left": _direction("left"),
    "moves right": _direction("right"),
    "moves up": _direction("up"),
    "moves down": _direction("down"),
    "grows": ("grows", "growing", "gets bigger", "getting larger", "becomes bigger", "grew"),
    "shrinks": ("shrinks", "shrinking", "gets smaller", "getting smaller", "shrank"),
    "stays still": ("stays still", "staying still", "stands still", "does not move"),
}
"""How each action can be said; the first wording is the usual one."""

_SYNONYM_OF = {shape: word for word, shape in SYNONYMS.items()}


@dataclass(frozen=True)
class Claim:
    """What a question is about; None means "any".

    Attributes:
        colour: key of `COLOURS`.
        shape: one of `SHAPES`.
        action: one of `ALL_ACTIONS`.
    """

    colour: str | None = None
    shape: str | None = None
    action: str | None = None

    def fits(self, item: SceneObject) -> bool:
        """Whether one object satisfies all parts."""
        return (
            self.colour in (None, item.colour)
            and self.shape in (None, item.shape)
            and (self.action is None or self.action in item.actions)
        )

    def holds(self, scene: Scene) -> bool:
        """Whether some object satisfies all parts."""
        return any(self.fits(item) for item in scene.objects)

    def say(self, rng: np.random.Generator, usual: float = 0.6) -> str:
        """The phrase, for example "the red square moves left"."""
        noun = self.shape or GENERIC[int(rng.integers(len(GENERIC)))]
        if noun in _SYNONYM_OF and rng.random() < 0.2:
            noun = _SYNONYM_OF[noun]
        words = f"{self.colour} {noun}" if self.colour else noun
        article = "the" if rng.random() < 0.65 else ("an" if words[0] in "aeiou" else "a")
        if self.action is None:
            return f"{article} {words}"
        wordings = WORDINGS[self.action]
        pick = 0 if rng.random() < usual else int(rng.integers(len(wordings)))
        return f"{article} {words} {wordings[pick]}"


@dataclass(frozen=True)
class Exchange:
    """One question and its answer, words separated by blanks; `kind` is for statistics."""

    question: str
    answer: str
    kind: str


FRAME_FORMS = ((True, False, False), (False, True, False), (True, True, False))
FRAME_ODDS = (0.17, 0.23, 0.6)
CLIP_FORMS = (
    *FRAME_FORMS,
    (False, False, True),
    (True, False, True),
    (False, True, True),
    (True, True, True),
)
CLIP_ODDS = (0.04, 0.06, 0.2, 0.06, 0.07, 0.17, 0.4)


def _kind(form: tuple[bool, bool, bool]) -> str:
    names = [n for n, on in zip(("colour", "shape", "action"), form, strict=True) if on]
    return "+".join(names)


def _masked(item: tuple[str, str, str], form: tuple[bool, bool, bool]) -> Claim:
    return Claim(*(value if on else None for value, on in zip(item, form, strict=True)))


def existence(
    scene: Scene,
    rng: np.random.Generator,
    moving: bool,
    form: tuple[bool, bool, bool] | None = None,
    truth: bool | None = None,
    wrong_action: float | None = None,
) -> Exchange | None:
    """ "Is there ... in this video ?", yes and no equally often, the noes hard where possible.

    A hard "no" recombines attributes and actions that are all in the scene, or changes one part
    of something that is there.
    """
    if form is None:
        forms = CLIP_FORMS if moving else FRAME_FORMS
        odds = CLIP_ODDS if moving else FRAME_ODDS
        form = forms[int(rng.choice(len(forms), p=odds))]
    if truth is None:
        truth = bool(rng.random() < 0.5)
    facts = [(o.colour, o.shape, action) for o in scene.objects for action in o.actions]
    fact = facts[int(rng.integers(len(facts)))]
    if truth:
        claim = _masked(fact, form)
    else:
        found = _falsehood(scene, facts, fact, form, rng, wrong_action)
        if found is None:
            return None
        claim = found
    answer = "yes" if truth else "no"
    return Exchange(f"is there {claim.say(rng)} in this video ?", answer, _kind(form))


def _falsehood(
    scene: Scene,
    facts: Sequence[tuple[str, str, str]],
    fact: tuple[str, str, str],
    form: tuple[bool, bool, bool],
    rng: np.random.Generator,
    wrong_action: float | None = None,
) -> Claim | None:
    parts = [i for i in range(3) if form[i]]
    if wrong_action is not None and form[2] and len(parts) > 1:
        parts = [2] if rng.random() < wrong_action else parts[:-1]
    words: tuple[Sequence[str], ...] = (list(COLOURS), SHAPES, ALL_ACTIONS)
    for attempt in range(12):
        mixed = list(fact)
        changed = parts[int(rng.integers(len(parts)))]
        if attempt < 5 and len(facts) > 1 and rng.random() < 0.75:
            mixed[changed] = facts[int(rng.integers(len(facts)))][changed]
        else:
            mixed[changed] = str(words[changed][int(rng.integers(len(words[changed])))])
        claim = _masked((mixed[0], mixed[1], mixed[2]), form)
        if not claim.holds(scene):
            return claim
    return None


def open_question(
    scene: Scene, rng: np.random.Generator, moving: bool, about_motion: bool = False
) -> Exchange | None:
    """A question whose answer is a word or a phrase, if the scene has a single answer to it."""
    item = scene.objects[int(rng.integers(len(scene.objects)))]
    choice = 2 if about_motion else int(rng.integers(5 if moving else 2))
    if choice == 0:
        if len({o.colour for o in scene.objects if o.shape == item.shape}) > 1:
            return None
        spelling = "color" if rng.random() < 0.8 else "colour"
        return Exchange(f"what {spelling} is the {item.shape} ?", item.colour, "what colour")
    if choice == 1:
        if len({o.shape for o in scene.objects if o.colour == item.colour}) > 1:
            return None
        noun = GENERIC[int(rng.integers(len(GENERIC)))]
        return Exchange(f"what shape is the {item.colour} {noun} ?", item.shape, "what shape")
    if choice in (2, 3):
        same = [o for o in scene.objects if o.label == item.label]
        if len(same) > 1 or len(item.actions) > 1:
            return None
        answer = item.actions[0]
        return Exchange(f"what does the {item.label} do ?", answer, "what does")
    action = item.actions[int(rng.integers(len(item.actions)))]
    if sum(action in o.actions for o in scene.objects) > 1:
        return None
    article = "an" if item.colour[0] in "aeiou" else "a"
    return Exchange(f"what {WORDINGS[action][0]} ?", f"{article} {item.label}", "what moves")


def size_of(item: SceneObject) -> str | None:
    """Small or large, where that is clear and does not change."""
    if SMALL < item.size < LARGE or {"grows", "shrinks"} & set(item.actions):
        return None
    return "small" if item.size <= SMALL else "large"


def size_question(scene: Scene, rng: np.random.Generator) -> Exchange | None:
    """ "What size is ... ?" about one object that is clearly small or large all the time.

    The answer is not in the question's words, and where other objects share the colour or the
    shape, only the object that has both gives it.
    """
    item = scene.objects[int(rng.integers(len(scene.objects)))]
    answer = size_of(item)
    if answer is None:
        return None
    others = [other for other in scene.objects if other is not item]
    claim = Claim(item.colour, item.shape)
    if rng.random() < 0.25:
        claim = Claim(item.colour) if rng.random() < 0.5 else Claim(shape=item.shape)
    if any(claim.fits(other) for other in others):
        return None
    return Exchange(f"what size is {claim.say(rng)} ?", answer, "what size")


def oddity(rng: np.random.Generator) -> Exchange:
    """A question with a fixed answer: something never there, or anything at all."""
    if rng.random() < 0.6:
        noun = ABSENT[int(rng.integers(len(ABSENT)))]
        colour = f"{list(COLOURS)[int(rng.integers(len(COLOURS)))]} " if rng.random() < 0.3 else ""
        article = "the" if rng.random() < 0.5 else "a"
        return Exchange(f"is there {article} {colour}{noun} in this video ?", "no", "absent")
    noun = GENERIC[int(rng.integers(len(GENERIC)))]
    article = "the" if rng.random() < 0.5 else ("an" if noun == "object" else "a")
    return Exchange(f"is there {article} {noun} in this video ?", "yes", "anything")


def exchanges(
    scene: Scene,
    rng: np.random.Generator,
    count: int,
    moving: bool,
    open_share: float,
    wrong_action: float | None = None,
    motion_share: float = 0.0,
    size_share: float = 0.0,
) -> list[Exchange]:
    """`count` question-answer pairs about one scene.

    The shares: of open questions, of noes in which only the action is wrong, of
    "what does ... do ?" besides those among the open questions, and of sizes.
    """
    out: list[Exchange] = []
    while len(out) < count:
        made: Exchange | None = None
        if moving and rng.random() < motion_share:
            made = open_question(scene, rng, moving, about_motion=True)
        if made is None and rng.random() < size_share:
            made = size_question(scene, rng)
        if made is None:
            draw = rng.random()
            if draw < 0.02:
                made = oddity(rng)
            elif draw < 0.02 + open_share:
                made = open_question(scene, rng, moving)
            else:
                made = existence(scene, rng, moving, wrong_action=wrong_action)
        if made is not None:
            out.append(made)
    return out


def caption(scene: Scene, rng: np.random.Generator, moving: bool) -> Exchange:
    """A description of all objects in random order."""
    parts = []
    for index in rng.permutation(len(scene.objects)):
        item = scene.objects[int(index)]
        article = "an" if item.colour[0] in "aeiou" else "a"
        does = f" {' then '.join(item.actions)}" if moving else ""
        parts.append(f"{article} {item.label}{does} .")
    return Exchange(CAPTION, " ".join(parts), "caption")
