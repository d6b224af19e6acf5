"""Quality on generated clips held out by seed, with the true tracks as candidates.

    python benchmarks/synth.py [--kind attribute] [--samples 200] [--json FILE]

True tracks as candidates isolate the method from the proposals, as the paper's precomputed tracks
do. Every method answers the same samples; intervals are 95% percentile bootstrap over samples
(10,000 draws, seeded), differences are paired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.metrics import overlap
from zerotube.eval.predictions import from_tube
from zerotube.eval.types import Truth
from zerotube.geometry.spans import Span
from zerotube.method.config import MethodSettings, preset
from zerotube.method.ground import gather
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.query import decompose
from zerotube.synth import HELD_OUT_SEED, sample
from zerotube.synth.candidates import sampled_clip, true_tracks
from zerotube.tube.decide import decide

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline (mean of tokens)": ("baseline", {}),
    "gti": ("gti", {}),
    "gti, all layers averaged": ("gti", {"layer_start": 0.0, "layer_end": 1.0}),
    "gti, not relative": ("gti", {"relative_attention": False}),
    "gti + V_s": ("dsth", {"temporal_prompt": False}),
    "gti + V_t": ("dsth", {"spatial_prompt": False}),
    "dsth (both)": ("dsth", {}),
    "full (with TAS)": ("full", {}),
}
MEASURES = ("track", "t_iou", "v_iou", "gt_v_iou")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="attribute", choices=("attribute", "action"))
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED + 100)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--lr", type=float, default=None)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    model = load(arguments.model)
    rows = {
        label: preset(name, lr=arguments.lr, **changes) for label, (name, changes) in ROWS.items()
    }
    scores, chance, presence = measure(
        model, rows, arguments.kind, arguments.samples, arguments.seed, print_progress
    )
    report = summarise(scores) | {
        "kind": arguments.kind,
        "samples": arguments.samples,
        "seed": arguments.seed,
        "settings": rows["full (with TAS)"].to_dict(),
        "chance": chance,
        "mean_presence": presence,
    }
    print(table(report))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        partial = arguments.json.with_suffix(".partial")
        partial.write_text(json.dumps(report, indent=1) + "\n")
        partial.replace(arguments.json)


def print_progress(done: int, total: int) -> None:
    if done % 20 == 0:
        print(f"{done}/{total}", flush=True)


def measure(
    model: VideoMLLM,
    rows: dict[str, MethodSettings],
    kind: str,
    count: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, NDArray[np.float64]], float, float]:
    """Ground ``count`` samples with every row's settings.

    Returns:
        Per row float64 ``(count, 4)`` in the order of ``MEASURES``; the chance of picking the right
        track blindly; the mean presence of the (true) queries.
    """
    scores = {name: np.zeros((count, len(MEASURES))) for name in rows}
    chance, presence = [], []
    for index in range(count):
        progress(index, count)
        truth = sample(seed, index, kind)
        clip, tracks = sampled_clip(truth), true_tracks(truth)
        query = decompose(truth.query)
        context = model.encode(clip)
        chance.append(1 / len(tracks))
        for name, settings in rows.items():
            session = ClipSession(model, context, settings)
            evidence = gather(session, query, tracks, clip.frame_indices)
            tube = decide(evidence, tracks, settings.top_k)
            described = Span(truth.start_frame, truth.end_frame)
            boxes = truth.boxes_xyxy[truth.target, truth.start_frame : truth.end_frame + 1]
            true_tube = Truth(described, boxes.astype(np.float64))
            found = overlap(true_tube, from_tube(truth.sample_id, tube), "half-open")
            right = tube.track_id == truth.target + 1
            scores[name][index] = (right, found.t_iou, found.v_iou, found.gt_v_iou)
        presence.append(evidence.presence)
    return scores, float(np.mean(chance)), float(np.mean(presence))


def summarise(scores: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Means with intervals, and paired differences to "gti"."""
    rng = np.random.default_rng(0)
    count = len(next(iter(scores.values())))
    draws = rng.integers(0, count, (10_000, count))

    def interval(values: NDArray[np.float64]) -> list[float]:
        means = values[draws].mean(axis=1)
        return [float(values.mean()), *(float(x) for x in np.percentile(means, [2.5, 97.5]))]

    rows = {}
    for name, values in scores.items():
        row = {key: interval(values[:, column]) for column, key in enumerate(MEASURES)}
        for level in (0.3, 0.5):
            row[f"v_iou@{level}"] = interval((values[:, 2] > level).astype(float))
        row["track_minus_gti"] = interval(values[:, 0] - scores["gti"][:, 0])
        row["v_iou_minus_gti"] = interval(values[:, 2] - scores["gti"][:, 2])
        rows[name] = row
    return {"rows": rows}


def table(report: dict[str, Any]) -> str:
    """The report as Markdown, in percent."""

    def cell(values: list[float]) -> str:
        mean, low, high = (100 * value for value in values)
        return f"{mean:.1f} [{low:.1f}, {high:.1f}]"

    keys = ("track", "t_iou", "v_iou", "v_iou@0.3", "v_iou@0.5", "gt_v_iou", "v_iou_minus_gti")
    names = ("right track", "m_tIoU", "m_vIoU", "vIoU@0.3", "vIoU@0.5", "gt_vIoU", "m_vIoU - gti")
    lines = [
        f"{report['samples']} samples of kind {report['kind']!r}, seed {report['seed']}, "
        f"chance of the right track {100 * report['chance']:.1f}; "
        f"mean presence {report['mean_presence']:.2f}",
        "",
        "| method | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for name, row in report["rows"].items():
        lines.append(f"| {name} | " + " | ".join(cell(row[key]) for key in keys) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
