"""The task that asks a model the yes/no questions about the clips of the test sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from zerotube.errors import InputError
from zerotube.eval.ground_task import ModelChoice, opened
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.method.config import preset
from zerotube.synth import set_stage
from zerotube.synth.questions import SEED, YesNoQuestion, questions_of
from zerotube.synth.sets import Stage


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


@dataclass(frozen=True)
class ExistenceTask:
    """Asks every sample its questions; see `zerotube.eval.task.Task`.

    A result is ``{"questions": [...]}``: the fields of ``YesNoQuestion`` and ``presence``, which is
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
            "seed": SEED,
        }

    def open(self) -> Work:
        grounder = self.model.load()

        def work(sample: Sample) -> dict[str, Any]:
            questions = questions_of(stage_of(sample))
            with opened(sample) as video:
                ready = grounder.prepare(video, sample.query, preset("gti"), candidates=None)
            return {
                "questions": [
                    answered(question, ready.session.presence(question.text))
                    for question in questions
                ]
            }

        return work


def answered(question: YesNoQuestion, presence: float) -> dict[str, Any]:
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
