"""How often each range of layers points at the right track, and when, to watch grounding.

    python training/by_layer.py [--model DIR] [--samples 60] [--sets attribute-hard action-hard]

Answers can improve while attention gets worse, so the loss is not enough to look at. For every
contiguous range of layers this measures, on clips that are neither trained on nor tested on (seed
1,500,000), how often GTI picks the true track, with relative attention and without, and the mean
tIoU of its span. The layers are not chosen by it: the package reads the reference's range, which
is layer 1 of the bundled model's three. Which checkpoint of a training is shipped, is (see
README.md here).
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zerotube.bundled import bundled_path
from zerotube.method.relevance import contrasted
from zerotube.method.scoring import frame_scores
from zerotube.method.tokens import choose_token
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.query import CAPTION_PROMPT, decompose, existence_prompt
from zerotube.synth import SETS, SynthSample, set_sample
from zerotube.synth.candidates import sampled_clip, true_tracks
from zerotube.tube.decide import grow_span

SEED = 1_500_000
TOP_K = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=bundled_path())
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=["attribute-hard", "action-hard"]
    )
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = load(str(arguments.model))
    for name in arguments.sets:
        for line in measure(model, name, arguments.samples, arguments.seed):
            print(f"{name} {line}")


def measure(model: VideoMLLM, name: str, count: int, seed: int) -> list[str]:
    """One line per range of layers and way of reading, the best first."""
    found: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    said_yes = 0
    for index in range(count):
        truth = set_sample(name, index, seed)
        said_yes += _one(model, truth, found)
    means = {key: np.mean(values, axis=0) for key, values in found.items()}
    lines = [
        f"{key}: right track {right:.3f}, tIoU {overlap:.3f}"
        for key, (right, overlap) in sorted(means.items(), key=lambda item: -item[1][0])
    ]
    return [*lines, f"says yes {said_yes / count:.3f}"]


def _one(model: VideoMLLM, truth: SynthSample, found: dict[str, list[tuple[bool, float]]]) -> bool:
    """Add one sample's results; returns whether the model says yes to its query."""
    clip, tracks = sampled_clip(truth), true_tracks(truth)
    question = existence_prompt(decompose(truth.query).statement)
    depth = model.layer_count
    ranges = [range(a, b) for a in range(depth) for b in range(a + 1, depth + 1)]
    context = model.encode(clip)
    with torch.no_grad():
        prefix = model.prefill(context)
        answers = [
            model.ask(prefix, [question, CAPTION_PROMPT], layers=range(layer, layer + 1))
            for layer in range(depth)
        ]
    for layers in ranges:
        asked, generic = (
            torch.stack([_maps(answers[layer][side].maps) for layer in layers]).mean(dim=0)
            for side in (0, 1)
        )
        for way, maps in (("plain", asked), ("relative", contrasted(asked, generic, "ratio"))):
            chosen, _ = choose_token(maps, ("",) * len(maps), "highest")
            scores = frame_scores(
                chosen.float().numpy(), tracks, clip.frame_indices, context.layout, "box"
            )
            best = int(scores.max(axis=1).argmax())
            first, last = grow_span(scores[best], TOP_K)
            span = clip.frame_indices[[first, last]]
            key = f"layers {layers[0]}..{layers[-1]} {way}"
            found[key].append((best == truth.target, _tiou(span, truth)))
    ids = model.preferred_answer(prefix, question)
    logits = answers[0][0].logits
    return bool(logits[ids.yes] > logits[ids.no])


def _tiou(span: np.ndarray, truth: SynthSample) -> float:
    """Overlap in time on lengths end - start, as the field computes it (method section 10)."""
    low, high = max(span[0], truth.start_frame), min(span[1], truth.end_frame)
    union = max(span[1], truth.end_frame) - min(span[0], truth.start_frame)
    return max(float(high - low), 0.0) / max(float(union), 1.0)


def _maps(maps: Tensor | None) -> Tensor:
    if maps is None:
        raise RuntimeError("the model returned no maps")
    return maps


if __name__ == "__main__":
    main()
