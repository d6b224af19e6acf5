"""How sure the model is before tuning, how far a step takes the video tokens, and what it is worth.

    python benchmarks/sureness.py [--json benchmarks/results/sureness.json]

The gradient of Eq. 4 is as long as p_yes / p_no is large, so that a step of fixed size goes the
farther the surer the model is already, and it cannot get much surer. Samples are sorted by the
presence of the phrase that a prompt is tuned on and cut into three groups of equal size. Of each:
the median length of the paper's step in units of the tokens' mean norm (the token that moves
most), and how many more samples find the right track than with GTI alone, with that step and with
one of a tenth of the norm. True tracks are the candidates; intervals are 95% bootstrap over
samples.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bars import RIGHT_TRACK, Runs, tracked
from reports import keep
from variants import GTI
from weights import fingerprint
from zerotube.errors import UsageError, ZerotubeError
from zerotube.eval.ablations.rows import NORMED_LR
from zerotube.eval.analyses.statistics import equal_groups, mean_of
from zerotube.eval.bootstrap import Interval
from zerotube.eval.ground_task import ModelChoice, Variant, opened
from zerotube.eval.plain_values import plain
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.grounder import Prepared
from zerotube.method.config import preset
from zerotube.query.prompts import existence_prompt

SETS = ("attribute-hard", "action-hard")
GROUPS = 3
PROMPTS = {"V_s": "the attribute phrase", "undivided": "the undivided query"}
"""What is tuned, and on what."""

STEPS = {"paper": {}, "token norm": {"step": "token-norm", "lr": NORMED_LR}}
PAPER = preset("dsth", temporal_prompt=False)


def variants() -> tuple[Variant, ...]:
    """GTI alone, and each prompt under each step."""
    rows = [Variant(GTI, preset("gti"))]
    for step, changes in STEPS.items():
        rows.append(Variant(f"V_s, {step}", preset("dsth", temporal_prompt=False, **changes)))
        rows.append(Variant(f"undivided, {step}", preset("dsth", decomposed=False, **changes)))
    return tuple(rows)


@dataclass(frozen=True)
class SurenessTask:
    """Reads how sure the model is of every phrase; see `zerotube.eval.task.Task`.

    A result is ``{"V_s" | "undivided": {"presence": p_yes / (p_yes + p_no) on the plain video,
    "length": of the paper's first step, in mean norms of the video tokens}}``.

    Attributes:
        model: the MLLM.
    """

    model: ModelChoice

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "benchmark": "sureness",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "method": PAPER.to_dict(),
        }

    def open(self) -> Work:
        grounder = self.model.load()

        def work(sample: Sample) -> dict[str, Any]:
            with opened(sample) as video:
                return measured(grounder.prepare(video, sample.query, PAPER, candidates=None))

        return work


def measured(read: Prepared) -> dict[str, dict[str, float]]:
    """The result of one sample, see ``SurenessTask``."""
    from zerotube.method import tuning

    session = read.session
    started = tuning.start(session.model, session.context, reverse=False)
    norm = float(session.context.features.float().norm(dim=-1).mean())
    found = {}
    for name, phrase in (("V_s", read.query.attribute), ("undivided", read.query.statement)):
        question = existence_prompt(phrase)
        slope = tuning.slope(
            session.model, question, started, PAPER, session.answers, keep_graph=True
        )
        farthest = PAPER.lr * float(slope.gradient.norm(dim=-1).max())
        found[name] = {"presence": session.presence(question), "length": farthest / norm}
    return found


def groups_of(
    read: Sequence[Mapping[str, float]], gains: Mapping[str, NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """Thirds of the samples, the least sure first.

    Args:
        read: presence and length of every sample.
        gains: by step, right with it less right without it, float64 (samples,).

    Raises:
        UsageError: fewer samples than groups.
    """
    if len(read) < GROUPS:
        raise UsageError(f"{len(read)} samples", wanted=f"at least {GROUPS}", fix="raise --samples")
    presence, length = (np.array([one[key] for one in read]) for key in ("presence", "length"))
    return [
        {
            "samples": len(members),
            "presence": [float(f(presence[members])) for f in (np.min, np.median, np.max)],
            "length": float(np.median(length[members])),
            "gain": {step: asdict(mean_of(gain[members])) for step, gain in gains.items()},
        }
        for members in equal_groups(presence, GROUPS)
    ]


def measure(model: str, runs: Runs) -> dict[str, Any]:
    """All figures of the report.

    Args:
        model: "bundled" or a folder of weights.
        runs: where and how.
    """
    choice = ModelChoice(model)
    report: dict[str, Any] = {"zerotube": version("zerotube"), "model": model, "sets": {}}
    for split in SETS:
        read = list(runs.of(SurenessTask(choice), "sureness", split)[1].results.values())
        tables = tracked(runs, choice, split, variants()).tables
        right = {label: table.values[RIGHT_TRACK] for label, table in tables.items()}
        report["sets"][split] = {
            prompt: groups_of(
                [one[prompt] for one in read],
                {step: right[f"{prompt}, {step}"] - right[GTI] for step in STEPS},
            )
            for prompt in PROMPTS
        }
    found: dict[str, Any] = plain(report)
    return found


def _points(gain: Mapping[str, float | None]) -> str:
    """A gain in points with its interval, which one sample does not have."""
    found = Interval(**{name: nan if part is None else part for name, part in gain.items()})
    return f"{100 * found.mean:+.1f} {found.bounds('+.1f', scale=100)}".rstrip()


def markdown(report: Mapping[str, Any]) -> str:
    """One table."""
    lines = [
        "| set | tuned on | presence before, median (range) | paper's step, token norms |"
        " right tracks: paper's step | step by token norm |",
        "|---|---|---|---|---|---|",
    ]
    for split, prompts in report["sets"].items():
        for prompt, groups in prompts.items():
            for group in groups:
                low, middle, high = group["presence"]
                gains = (_points(group["gain"][step]) for step in STEPS)
                lines.append(
                    f"| {split} | {PROMPTS[prompt]} | {middle:.3f} ({low:.3f} to {high:.3f}) |"
                    f" {group['length']:.0f} | {' | '.join(gains)} |"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help='"bundled" or a folder of weights')
    parser.add_argument("--samples", type=int, metavar="N", help="first N of each set")
    parser.add_argument("--workers", type=int, help="processes that share the samples")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="zerotube-sureness-") as folder:
            place = Path(folder) / fingerprint(arguments.model)
            runs = Runs(place, arguments.samples, arguments.workers)
            report = measure(arguments.model, runs)
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"sureness.py: error: {error}\n")
    print(markdown(report))
    keep(report, arguments.json)


if __name__ == "__main__":
    main()
