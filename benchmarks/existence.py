"""Yes/no questions about what is in the clips of the test sets, and the task that asks them.

The truth comes from the stage of a sample, that is from what was put into the clip, not from the
sentence or the tracks. Every sample gives as many questions to affirm as to deny, and what is to be
denied is made of the clip's own words wherever that is possible, so that no single word answers it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from zerotube.errors import InputError
from zerotube.eval.analyses.reading import reading
from zerotube.eval.ground_task import ModelChoice
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.method.config import preset
from zerotube.query.prompts import existence_prompt
from zerotube.synth import HELD_OUT_COMBINATIONS, set_stage
from zerotube.synth.choices import pick
from zerotube.synth.stage import Stage
from zerotube.synth.world import ACTIONS, COLOURS, SHAPES

ASKED_OF: Mapping[str, tuple[str, ...]] = {
    "attribute-hard": ("attribute", "action"),
    "action-hard": ("action",),
}
"""Kinds of questions that are asked of a set."""

NAMES = ("label", "shape")
"""How an action's object is named: "the red square grows", as in the full query, and "the square
grows", as in the temporal sub-query. "The square grows" is true if any square does."""

_SEED = 17
"""Of the choice among the questions that a clip allows."""


@dataclass(frozen=True)
class Question:
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


def stage_of(sample: Sample) -> Stage:
    """What was put into a sample's clip.

    Raises:
        InputError: the sample is not one of the published sets.
    """
    try:
        name, seed, index = sample.sample_id.rsplit("-", 2)
        return set_stage(name, int(index), int(seed))
    except ValueError as error:
        raise InputError(
            f"sample {sample.sample_id!r}",
            wanted="a sample of a generated test set",
            fix="write the set with `zerotube synth --set NAME`",
        ) from error


def questions_of(stage: Stage) -> tuple[Question, ...]:
    """The questions about one clip, half of them to be affirmed; the same at every call."""
    rng = np.random.default_rng((_SEED, *stage.sample_id.encode()))
    kinds = ASKED_OF.get(stage.name, ())
    asked: list[Question] = []
    if "attribute" in kinds:
        asked += _attribute(rng, stage)
    if "action" in kinds:
        for named in NAMES:
            asked += _action(rng, stage, named)
    return tuple(asked)


def _attribute(rng: np.random.Generator, stage: Stage) -> list[Question]:
    there = sorted({(item.colour, item.shape) for item in stage.objects})
    colour, shape = pick(rng, there)
    held_out = (colour, shape) in HELD_OUT_COMBINATIONS
    colours = sorted({one for one, _ in there})
    shapes = sorted({one for _, one in there})
    how = "recombined"
    absent = [(c, s) for c in colours for s in shapes if (c, s) not in there]
    if not absent:
        how = "one word new"
        absent = [(c, s) for c in COLOURS for s in SHAPES if (c in colours) != (s in shapes)]
    return [
        Question(_ask(f"{colour} {shape}"), True, "attribute", "unseen" if held_out else "seen"),
        Question(_ask(" ".join(pick(rng, absent))), False, "attribute", how),
    ]


def _action(rng: np.random.Generator, stage: Stage, named: str) -> list[Question]:
    done: dict[str, set[str]] = defaultdict(set)
    looks: dict[str, bool] = {}
    for item in stage.objects:
        name = item.label if named == "label" else item.shape
        done[name].update(motion.action for motion in item.motions)
        looks[name] = named == "label" and (item.colour, item.shape) in HELD_OUT_COMBINATIONS
    acts = [(name, action) for name in sorted(done) for action in sorted(done[name])]
    never = [(name, action) for name in sorted(done) for action in ACTIONS]
    never = [act for act in never if act not in acts]
    if not never:
        return []  # between them the objects of one name do everything: there is no "no"
    anybody = {action for _, action in acts}
    tempting = [(name, action) for name, action in never if action in anybody]
    name, action = pick(rng, acts)
    yes = Question(
        _ask(f"{name} {action}"), True, "action", "unseen" if looks[name] else "seen", named
    )
    name, action = pick(rng, tempting or never)
    how = "others do" if tempting else "nobody does"
    return [yes, Question(_ask(f"{name} {action}"), False, "action", how, named)]


def _ask(words: str) -> str:
    return existence_prompt(f"the {words}")


@dataclass(frozen=True)
class ExistenceTask:
    """Asks every sample its questions; see `zerotube.eval.task.Task`.

    A result is ``{"questions": [...]}``: the fields of ``Question`` and ``presence``, which is
    p_yes / (p_yes + p_no) in the spelling that the model prefers, and ``right``, whether the
    greater of the two is the answer.

    Attributes:
        model: the MLLM.
    """

    model: ModelChoice

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "benchmark": "existence",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "frames": preset("gti").frames,
            "seed": _SEED,
        }

    def open(self) -> Work:
        grounder = self.model.load()

        def work(sample: Sample) -> dict[str, Any]:
            questions = questions_of(stage_of(sample))
            with reading(grounder, sample, preset("gti")) as read:
                return {
                    "questions": [
                        answered(question, read.session.presence(question.text))
                        for question in questions
                    ]
                }

        return work


def answered(question: Question, presence: float) -> dict[str, Any]:
    """A question with the model's answer; a tie is wrong."""
    right = presence > 0.5 if question.answer else presence < 0.5
    return asdict(question) | {"presence": presence, "right": right}


def per_sample(
    results: Sequence[Mapping[str, Any]], kind: str
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
    """Share of right answers per sample, and how many questions that were.

    Intervals are drawn over samples: questions about one clip stand or fall together.

    Args:
        results: of ``ExistenceTask``.
        kind: "attribute" or "action".
    """
    shares, count = [], 0
    for result in results:
        right = [one["right"] for one in result["questions"] if one["kind"] == kind]
        if right:
            shares.append(float(np.mean(right)))
            count += len(right)
    return np.array(shares, dtype=np.float64), count


def breakdown(results: Sequence[Mapping[str, Any]], kind: str) -> dict[str, dict[str, float]]:
    """Share of right answers and number of questions, by answer, making and name."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for one in result["questions"]:
            if one["kind"] == kind:
                said = "yes" if one["answer"] else "no"
                groups[said].append(one["right"])
                groups[f"{said}, {one['how']}"].append(one["right"])
                if kind == "action":
                    groups[f"named by {one['named']}"].append(one["right"])
    return {
        name: {"right": float(np.mean(values)), "questions": len(values)}
        for name, values in sorted(groups.items())
    }
