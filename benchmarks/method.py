"""Time and memory of the method beside the reference procedure, in one run.

    python benchmarks/method.py [--rounds 5] [--json benchmarks/results/method.json]

Both sides run the full method twice over: with the settings of the paper (Eq. 4, one step) and with
those of the reference code (margin objective, two steps, averaged prompt; method section 6). Each
contender runs in a process of its own on the bundled model and the same generated clip, in turn,
so that a drifting machine hits both. Peak memory is the kernel's own high-water mark
of resident memory during the method, less what was resident before it (weights and libraries).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reports import keep

CONTENDERS = ("reference", "ours", "ours, ten queries")
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {"objective": "exp", "lr": 8.0, "iterations": 1, "ema": 0.0},
    "reference code": {"objective": "margin", "lr": 8.0, "iterations": 2, "ema": 0.5},
}
SEED = 2_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--worker", choices=CONTENDERS, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--recipe", choices=RECIPES, default="paper", help=argparse.SUPPRESS)
    parser.add_argument("--maps", type=Path, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        result = work(arguments.worker, arguments.recipe, arguments.threads, arguments.maps)
        print(json.dumps(result))
        return
    report = {
        "rounds": arguments.rounds,
        "threads": arguments.threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "recipes": {name: compare(name, arguments.rounds, arguments.threads) for name in RECIPES},
    }
    for name, part in report["recipes"].items():
        print(f"settings of the {name}:\n\n{table(part)}\n")
    keep(report, arguments.json)


def compare(recipe: str, rounds: int, threads: int) -> dict[str, Any]:
    """Run all contenders ``rounds`` times in turn and put the medians side by side."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name in CONTENDERS:
                command = [
                    sys.executable, __file__, "--worker", name, "--recipe", recipe,
                    "--threads", str(threads),
                    "--maps", str(Path(folder) / f"{CONTENDERS.index(name)}.npz"),
                ]  # fmt: skip
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
        theirs, ours = (np.load(Path(folder) / f"{i}.npz") for i in (0, 1))
        # Relative maps are ratios with values far above 1: compare them in units of their peak.
        difference = max(
            float(np.abs(theirs[name] - ours[name]).max() / np.abs(theirs[name]).max())
            for name in ("spatial", "temporal")
        )
    rows = {
        name: {
            key: {
                "median": statistics.median(run[key] for run in items),
                "min": min(run[key] for run in items),
                "max": max(run[key] for run in items),
            }
            for key in items[0]
        }
        for name, items in runs.items()
    }

    def ratios(top: str, bottom: str, key: str) -> list[float]:
        pairs = zip(runs[top], runs[bottom], strict=True)
        return [one[key] / other[key] for one, other in pairs]

    return {
        "settings": RECIPES[recipe],
        "contenders": rows,
        "speed_up": summary(ratios("reference", "ours", "seconds")),
        "peak_memory_ratio": summary(ratios("ours", "reference", "peak_mib")),
        "ten_queries_over_one": summary(ratios("ours, ten queries", "ours", "seconds")),
        "largest_map_difference": difference,
    }


def summary(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def table(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = ["| contender | seconds (median, min-max) | peak extra memory, MiB |", "|---|---|---|"]
    for name, row in report["contenders"].items():
        seconds, peak = row["seconds"], row["peak_mib"]
        lines.append(
            f"| {name} | {seconds['median']:.2f} ({seconds['min']:.2f}-{seconds['max']:.2f}) "
            f"| {peak['median']:.0f} |"
        )
    speed, memory, ten = (
        report[key] for key in ("speed_up", "peak_memory_ratio", "ten_queries_over_one")
    )
    lines += [
        "",
        f"speed-up over the reference: {speed['median']:.1f}x "
        f"({speed['min']:.1f}-{speed['max']:.1f}, pair by pair)",
        f"peak extra memory: {memory['median']:.2f} of the reference's",
        f"ten queries on one video: {ten['median']:.2f}x the time of one",
        f"largest difference of the maps: {report['largest_map_difference']:.1e} of their peak",
    ]
    return "\n".join(lines)


def work(name: str, recipe: str, threads: int, maps: Path) -> dict[str, float]:
    """One timed run of one contender in this process."""
    import torch

    from zerotube.bundled import bundled_path
    from zerotube.method.config import preset
    from zerotube.method.ground import gather
    from zerotube.method.session import ClipSession
    from zerotube.mllm.capture import layer_range
    from zerotube.mllm.loading import load
    from zerotube.query.prompts import existence_prompt

    torch.set_num_threads(threads)
    clip, tracks, queries = scene()
    settings = preset("paper", **RECIPES[recipe])
    model = load("bundled", device="cpu")
    if name == "reference":
        from reference import Reference

        answers = model.tokens.answer_ids()[0]
        query = queries[0]
        question = existence_prompt(query.statement)
        reference = Reference(
            str(bundled_path()),
            clip.frames,
            layer_range(model.layer_count, settings.layer_start, settings.layer_end),
            answers.yes,
            answers.no,
            len(model.tokens.candidates(question)[0]),
            settings,
        )
        del model
        phrases = (existence_prompt(query.attribute), existence_prompt(query.action), question)

        def run() -> dict[str, Any]:
            return reference.ground(*phrases)

    else:
        asked = queries if "ten" in name else queries[:1]

        def run() -> dict[str, Any]:
            session = ClipSession(model, model.encode(clip), settings)
            found = [gather(session, query, tracks, clip) for query in asked]
            return {"spatial": found[0].spatial_map, "temporal": found[0].temporal_map}

    result, seconds, peak = timed(run)
    np.savez(maps, **result)
    return {"seconds": seconds, "peak_mib": peak}


def timed(run: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], float, float]:
    """Run once to warm up and once measured; seconds and MiB above the level before."""
    before, peak = resident_mib(), 0.0
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    run()
    peak = resident_mib("VmHWM") - before
    begin = time.perf_counter()
    result = run()
    return result, time.perf_counter() - begin, peak


def resident_mib(field: str = "VmRSS") -> float:
    """Resident memory, or its high-water mark, of this process in MiB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status: this benchmark needs Linux")


def scene() -> tuple[Any, Any, list[Any]]:
    """One generated clip of 20 sampled frames, its true tracks, and ten queries about it."""
    from zerotube.query import decompose
    from zerotube.synth import set_sample
    from zerotube.synth.candidates import sampled_clip, true_tracks
    from zerotube.synth.sets import set_stage

    # 16:9, so that the clip is as wide in cells as long in steps; see reference.py.
    wide = next(n for n in range(2) if set_stage("rich", n, SEED).aspect == "wide")
    item = set_sample("rich", wide, SEED, side=288)
    clip, tracks = sampled_clip(item), true_tracks(item)
    # What people ask about one video: its few objects, each with a handful of actions.
    actions = ("moves left", "moves right", "moves up", "moves down", "stays still")
    labels = list(dict.fromkeys(item.labels))
    texts = [item.query] + [f"the {label} {action}" for action in actions for label in labels]
    queries = [decompose(text) for text in dict.fromkeys(texts)][:10]
    return clip, tracks, queries


if __name__ == "__main__":
    main()
