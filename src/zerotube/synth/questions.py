"""Yes/no questions about what is in a generated clip, with their answers.

The truth comes from the stage of a sample, that is from what was put into the clip, not from the
sentence or the tracks. Every clip gives as many questions to affirm as to deny, and what is to be
denied is made of the clip's own words wherever that is possible, so that no single word answers it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zerotube.query.prompts import existence_prompt
from zerotube.synth.choices import pick
from zerotube.synth.sets import Stage
from zerotube.synth.words import (
    BASIC_ACTIONS,
    BASIC_COLOURS,
    BASIC_SHAPES,
    HELD_OUT_COMBINATIONS,
)

ASKED_OF: Mapping[str, tuple[str, ...]] = {
    "attribute-hard": ("attribute", "action"),
    "action-hard": ("action",),
}
"""Kinds of questions that are asked of a published set."""

NAMES = ("label", "shape")
"""How an action's object is named: "the red square grows", as in the full query, and "the square
grows", as in the temporal sub-query. "The square grows" is true if any square does."""

SEED = 17
"""Of the choice among the questions that a clip allows."""


@dataclass(frozen=True)
class YesNoQuestion:
    """One question with its answer.

    Attributes:
        text: as the model is asked.
        answer: whether it is so.
        kind: "attribute" or "action".
        how: what it is made of. To affirm: "seen" or "unseen", whether the combination of colour
            and shape is held out. To deny, attribute: "recombined" from colours and shapes of the
            clip, or "one word new" where all recombinations are there; action: "others do" what the
            named object never does, or "nobody does".
        named: one of ``NAMES``; "label" for attributes.
    """

    text: str
    answer: bool
    kind: str
    how: str
    named: str = "label"


def questions_of(
    stage: Stage, kinds: Sequence[str] | None = None, names: Sequence[str] = NAMES
) -> tuple[YesNoQuestion, ...]:
    """The questions about one clip, half of them to be affirmed; the same at every call.

    Args:
        stage: of the clip.
        kinds: of questions; None for those that are asked of its published set.
        names: how the object of an action is named, some of ``NAMES``.
    """
    rng = np.random.default_rng((SEED, *stage.sample_id.encode()))
    if kinds is None:
        kinds = ASKED_OF.get(stage.name, ())
    asked: list[YesNoQuestion] = []
    if "attribute" in kinds:
        asked += _attribute(rng, stage)
    if "action" in kinds:
        for named in names:
            asked += _action(rng, stage, named)
    return tuple(asked)


def _attribute(rng: np.random.Generator, stage: Stage) -> list[YesNoQuestion]:
    there = sorted({(item.colour, item.shape) for item in stage.take.actors})
    colour, shape = pick(rng, there)
    held_out = (colour, shape) in HELD_OUT_COMBINATIONS
    colours = sorted({one for one, _ in there})
    shapes = sorted({one for _, one in there})
    how = "recombined"
    absent = [(c, s) for c in colours for s in shapes if (c, s) not in there]
    if not absent:
        how = "one word new"
        absent = [
            (c, s) for c in BASIC_COLOURS for s in BASIC_SHAPES if (c in colours) != (s in shapes)
        ]
    return [
        YesNoQuestion(
            _ask(f"{colour} {shape}"), True, "attribute", "unseen" if held_out else "seen"
        ),
        YesNoQuestion(_ask(" ".join(pick(rng, absent))), False, "attribute", how),
    ]


def _action(rng: np.random.Generator, stage: Stage, named: str) -> list[YesNoQuestion]:
    done: dict[str, set[str]] = defaultdict(set)
    looks: dict[str, bool] = {}
    for item in stage.take.actors:
        name = item.label if named == "label" else item.shape
        done[name].update(act.action for act in item.acts)
        looks[name] = named == "label" and (item.colour, item.shape) in HELD_OUT_COMBINATIONS
    acts = [(name, action) for name in sorted(done) for action in sorted(done[name])]
    never = [(name, action) for name in sorted(done) for action in BASIC_ACTIONS]
    never = [act for act in never if act not in acts]
    if not never:
        return []  # between them the objects of one name do everything: there is no "no"
    anybody = {action for _, action in acts}
    tempting = [(name, action) for name, action in never if action in anybody]
    name, action = pick(rng, acts)
    yes = YesNoQuestion(
        _ask(f"{name} {action}"), True, "action", "unseen" if looks[name] else "seen", named
    )
    name, action = pick(rng, tempting or never)
    how = "others do" if tempting else "nobody does"
    return [yes, YesNoQuestion(_ask(f"{name} {action}"), False, "action", how, named)]


def _ask(words: str) -> str:
    return existence_prompt(f"the {words}")
