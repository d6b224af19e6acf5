"""How well the model's presence tells what is in a clip from what is not.

    python benchmarks/presence.py [--json benchmarks/results/presence.json]
    python benchmarks/presence.py --samples 20 --sets mixed rich

Every sample of the generated sets has a query that is true of its clip and one that is false
(docs/synth.md, absent queries): half of the false ones are near misses. Every signal of `SIGNALS`
gives a score for each of the two; the table holds the area under the ROC curve of the true against
the false ones, of all samples, of those with a near miss, of those with each kind of it, and of
those with a plain one. True tracks are the candidates; intervals are 95% bootstrap over samples, of
which the two queries are drawn together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bars import Runs
from existence import stage_of
from reports import keep
from weights import fingerprint
from zerotube.errors import ZerotubeError
from zerotube.eval.auroc import auroc_interval
from zerotube.eval.bootstrap import Interval
from zerotube.eval.ground_task import TRUTH, CandidateChoice, ModelChoice, opened
from zerotube.eval.markdown import markdown_table
from zerotube.eval.plain_values import plain
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.grounder import Prepared
from zerotube.method.recommended import settings_for
from zerotube.method.verdict import presence_of
from zerotube.query.prompts import existence_prompt
from zerotube.synth import SETS
from zerotube.synth.absent import AbsentQuery, absent_query
from zerotube.tube.decide import decide

Signal = Callable[[Prepared], float]
"""Of an encoded clip, a query and its candidates: the greater, the likelier is it there."""

GROUPS: dict[str, tuple[str, ...]] = {
    "all": ("plain", "near-look", "near-action"),
    "near misses": ("near-look", "near-action"),
    "near-look": ("near-look",),
    "near-action": ("near-action",),
    "plain": ("plain",),
}
"""Name of a group of samples -> kinds of their absent queries."""

POOLED = "all sets"


def whole_clip(ready: Prepared) -> float:
    """p_yes / (p_yes + p_no) for the full query on the whole clip."""
    return ready.session.presence(existence_prompt(ready.query.statement))


def answer(ready: Prepared) -> float:
    """What the verdict is given by: the whole clip, and the windows of the answer's span."""
    settings = ready.session.settings
    evidence = ready.evidence()
    span = decide(evidence, ready.tracks, settings).span
    return presence_of(evidence, (span.start_frame, span.end_frame), settings).margin


SIGNALS: dict[str, Signal] = {"whole clip": whole_clip, "answer": answer}
"""What is compared, by name."""


@dataclass(frozen=True)
class PresenceTask:
    """Scores the query and the absent query of every sample; see `zerotube.eval.task.Task`.

    A result is ``{"kind": of the absent query, "absent": its text, "signals": {name: {"present":
    score, "absent": score}}}``.

    Attributes:
        model: the MLLM.
    """

    model: ModelChoice

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "benchmark": "presence",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "method": settings_for(self.model.name).to_dict(),
            "signals": list(SIGNALS),
        }

    def open(self) -> Work:
        grounder = self.model.load()
        grounder.keeps_clip = True  # both queries are asked of the same clip
        settings = settings_for(self.model.name)

        def work(sample: Sample) -> dict[str, Any]:
            false = absent_of(sample)
            candidates = CandidateChoice(TRUTH).of(sample, None)
            scores: dict[str, dict[str, float]] = {name: {} for name in SIGNALS}
            with opened(sample) as video:
                for side, text in (("present", sample.query), ("absent", false.query)):
                    ready = grounder.prepare(video, text, settings, candidates=candidates)
                    for name, signal in SIGNALS.items():
                        scores[name][side] = signal(ready)
            return {"kind": false.kind, "absent": false.query, "signals": scores}

        return work


def absent_of(sample: Sample) -> AbsentQuery:
    """The absent query of a sample, also of one in a folder that was written without.

    Raises:
        InputError: the sample is not one of a generated test set.
    """
    return sample.absent or absent_query(stage_of(sample))


def areas(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """By signal and group: ``mean``, ``low`` and ``high`` of the area, and how many ``samples``.

    Args:
        results: of ``PresenceTask``.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in SIGNALS:
        found[name] = {}
        for group, kinds in GROUPS.items():
            members = [one["signals"][name] for one in results if one["kind"] in kinds]
            area = auroc_interval(_side(members, "present"), _side(members, "absent"))
            found[name][group] = asdict(area) | {"samples": len(members)}
    return found


def _side(members: Sequence[Mapping[str, float]], side: str) -> NDArray[np.float64]:
    return np.array([one[side] for one in members], dtype=np.float64)


def measure(model: str, sets: Sequence[str], runs: Runs) -> dict[str, Any]:
    """All figures of the report.

    Args:
        model: "bundled" or a folder of weights.
        sets: names of test sets.
        runs: where and how.
    """
    task = PresenceTask(ModelChoice(model))
    results = {split: list(runs.of(task, "presence", split)[1].results.values()) for split in sets}
    tables = {split: areas(found) for split, found in results.items()}
    if len(sets) > 1:
        tables[POOLED] = areas([one for found in results.values() for one in found])
    report: dict[str, Any] = plain(
        {
            "zerotube": version("zerotube"),
            "model": model,
            "samples": {split: len(found) for split, found in results.items()},
            "areas": tables,
        }
    )
    return report


def _cell(area: Mapping[str, Any]) -> str:
    """An area with its interval, which one sample does not have."""
    parts = (nan if area[key] is None else area[key] for key in ("mean", "low", "high"))
    found = Interval(*parts)
    return f"{found.mean:.3f} {found.bounds('.3f')}".rstrip()


def markdown(report: Mapping[str, Any]) -> str:
    """One table: a line per set and signal."""
    return markdown_table(
        ("set", "signal", *GROUPS),
        [
            (split, name, *(_cell(groups[group]) for group in GROUPS))
            for split, signals in report["areas"].items()
            for name, groups in signals.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help='"bundled" or a folder of weights')
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, metavar="SET")
    parser.add_argument("--samples", type=int, metavar="N", help="first N of each set")
    parser.add_argument("--workers", type=int, help="processes that share the samples")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="zerotube-presence-") as folder:
            place = Path(folder) / fingerprint(arguments.model)
            runs = Runs(place, arguments.samples, arguments.workers)
            report = measure(arguments.model, arguments.sets, runs)
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"presence.py: error: {error}\n")
    print(markdown(report))
    keep(report, arguments.json)


if __name__ == "__main__":
    main()
