"""How well the answers to a sentence about several objects are those that fit it.

    python benchmarks/plurals.py [--json benchmarks/results/plurals.json]
    python benchmarks/plurals.py --samples 20 --sets mixed

Of every generated clip in which two or more objects, but not all, share a colour ("the red
objects") or a shape ("the circles"), one such sentence is asked; true tracks are the candidates.
What is measured is F1 of the objects answered with against those that fit, per sentence: of the
default, of its best answer alone, and of all candidates, which is what guessing gives. Intervals
are 95% bootstrap over sentences.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from reports import keep
from weights import fingerprint
from zerotube.eval.bootstrap import Interval, intervals
from zerotube.eval.markdown import markdown_table
from zerotube.method.config import MethodSettings
from zerotube.method.ground import gather
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.query import decompose
from zerotube.synth import SETS, SynthSample, set_sample
from zerotube.synth.candidates import sampled_clip, true_tracks
from zerotube.tube.answers import answers_of

ROWS = ("the default", "its best answer alone", "every candidate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["mixed", "rich"])
    parser.add_argument("--samples", type=int, default=200, help="clips looked at per set")
    parser.add_argument("--seed", type=int, default=None, help="of the clips; default: test seeds")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    model, settings = load(arguments.model), settings_for(arguments.model)
    tables = {
        name: measure(model, settings, name, arguments.samples, arguments.seed)
        for name in arguments.sets
    }
    for name, columns in tables.items():
        print(f"\n{name}\n{table_of(columns)}", flush=True)
    report = {
        "zerotube_version": version("zerotube"),
        "model": fingerprint(arguments.model),
        "sets": {
            name: {row: asdict(found) for row, found in columns.items()}
            for name, columns in tables.items()
        },
    }
    keep(report, arguments.json)


def measure(
    model: VideoMLLM, settings: MethodSettings, name: str, samples: int, seed: int | None
) -> dict[str, Interval]:
    """F1 in percent of every row, over the clips of a set that have such a sentence."""
    scores: dict[str, list[float]] = {row: [] for row in ROWS}
    for index in range(samples):
        truth = set_sample(name, index, seed)
        for text, fitting in list(sentences_of(truth.labels))[:1]:
            found = answered(model, settings, truth, text)
            everything = range(len(truth.labels))
            for row, given in zip(ROWS, (found, found[:1], everything), strict=True):
                scores[row].append(100.0 * f1(given, fitting))
    return intervals({row: np.array(values) for row, values in scores.items()})


def sentences_of(labels: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Sentences that some of the objects fit, and which: a colour first, then a shape.

    Args:
        labels: colour and shape of every object, "red circle".
    """
    looks = [label.split() for label in labels]
    for part, pattern in ((0, "the {} objects"), (1, "the {}s")):
        for word, count in Counter(look[part] for look in looks).items():
            if 2 <= count < len(looks):
                text = pattern.format(word).replace("crosss", "crosses")
                yield text, [k for k, look in enumerate(looks) if look[part] == word]


def answered(
    model: VideoMLLM, settings: MethodSettings, truth: SynthSample, text: str
) -> list[int]:
    """Numbers of the objects that are answered with, the best one first."""
    clip, tracks = sampled_clip(truth, settings.frames), true_tracks(truth)
    session = ClipSession(model, model.encode(clip, encode_options(model, settings)), settings)
    evidence = gather(session, decompose(text), tracks, clip)
    return [answer.tube.track_id - 1 for answer in answers_of(evidence, tracks, settings)]


def f1(given: Sequence[int], fitting: Sequence[int]) -> float:
    """Of the objects given against those that fit, 0..1."""
    return 2 * len({*given} & {*fitting}) / (len(given) + len(fitting))


def table_of(columns: dict[str, Interval]) -> str:
    rows: list[list[Any]] = [
        [row, f"{found.mean:.1f} {found.bounds('.1f')}"] for row, found in columns.items()
    ]
    return markdown_table(["answer with", "F1 %"], rows)


if __name__ == "__main__":
    main()
