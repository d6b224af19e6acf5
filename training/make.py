"""Train one model from nothing to weights, and go on where an earlier run was cut short.

    python training/make.py --work DIR --seed 0

Every stage is a program of this folder; one whose result is there is not run again.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

LOG = logging.getLogger("make")
HERE = Path(__file__).parent


def stages(seed: int, scale: float) -> list[tuple[str, str, list[str]]]:
    """Result, program and arguments of every stage, in order.

    Args:
        seed: of the takes, the first weights and the order of everything.
        scale: factor on the number of takes and steps, for a trial.
    """

    def count(number: int) -> str:
        return str(max(1, round(number * scale)))

    seeded = ["--seed", str(seed)]
    going_on = [*seeded, "--resume"]

    def draw(name: str, takes: int, *more: str) -> tuple[str, str, list[str]]:
        arguments = ["--name", name, "--takes", count(takes), *more, *seeded]
        return f"{name}-labels.npy", "draw.py", arguments

    def warm_up(stage: str, steps: int) -> tuple[str, str, list[str]]:
        return f"{stage}.pt", "warm_up.py", ["--stage", stage, "--steps", count(steps), *going_on]

    return [
        draw("crops", 60_000),
        warm_up("crops", 900),
        draw("clips", 7_000),
        draw("wide", 700, "--aspect", "1.6667"),
        draw("long", 700),
        warm_up("frames", 1_400),
        *((f"{n}-cells.npy", "bank.py", ["--name", n]) for n in ("clips", "wide", "long")),
        ("clips.pt", "train.py", ["--steps", count(5_600), *going_on]),
    ]


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="on takes and steps, for a trial")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for result, program, arguments in stages(args.seed, args.scale):
        if (args.work / result).exists():
            LOG.info("%s is there", result)
            continue
        # Scenes are made in Python, one process per core: no GPU does that faster.
        device = "cpu" if program == "draw.py" else args.device
        command = [HERE / program, "--work", args.work, "--device", device, *arguments]
        LOG.info("%s", " ".join(map(str, command)))
        subprocess.run([sys.executable, *map(str, command)], check=True)


if __name__ == "__main__":
    main()
