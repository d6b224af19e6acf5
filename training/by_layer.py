"""How often each range of layers points at the right track, to watch grounding while training.

    python training/by_layer.py [--model DIR] [--samples 100] [--seed S]

Answers can improve while attention gets worse, so the loss is not enough to look at. For every
contiguous range of layers this measures how often GTI picks the true track, with relative attention
and without, on clips that are neither trained on nor tested on (seeds 1,500,000 and following).
The layers are not chosen by it: the package reads the reference's range, which is layer 1 of the
bundled model's three. Which of several trainings was shipped, was (see README.md here).
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.bundled import bundled_path
from zerotube.method.relevance import relative
from zerotube.method.scoring import frame_scores
from zerotube.method.tokens import choose_token
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.mllm.types import TokenLayout
from zerotube.proposals.types import TrackSet
from zerotube.query import CAPTION_PROMPT, decompose, existence_prompt
from zerotube.synth import sample
from zerotube.synth.candidates import sampled_clip, true_tracks
from zerotube.video import Clip

SEED = 1_500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=bundled_path())
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    model = load(str(arguments.model))
    accuracy = measure(model, arguments.samples, arguments.seed)
    for (layers, way), value in sorted(accuracy.items(), key=lambda item: -item[1]):
        print(f"layers {layers[0]}..{layers[-1]} {way}: {value:.3f}")


def measure(model: VideoMLLM, count: int, seed: int) -> dict[tuple[tuple[int, ...], str], float]:
    """Share of right tracks per contiguous range of layers, with and without relative attention."""
    hits: dict[tuple[tuple[int, ...], str], list[bool]] = defaultdict(list)
    depth = model.layer_count
    ranges = [tuple(range(a, b)) for a in range(depth) for b in range(a + 1, depth + 1)]
    for index in range(count):
        truth = sample(seed, index, "attribute")
        clip, tracks = sampled_clip(truth), true_tracks(truth)
        question = existence_prompt(decompose(truth.query).statement)
        context = model.encode(clip)
        with torch.no_grad():
            prefix = model.prefill(context)
            per_layer = [
                [item.maps for item in model.ask(prefix, [question, CAPTION_PROMPT], layers=one)]
                for one in (range(layer, layer + 1) for layer in range(depth))
            ]
        for layers in ranges:
            asked, generic = (
                torch.stack([_maps(per_layer[layer][side]) for layer in layers]).mean(dim=0)
                for side in (0, 1)
            )
            for way, maps in (("plain", asked), ("relative", relative(asked, generic))):
                chosen, _ = choose_token(maps, ("",) * len(maps), "highest")
                scores = track_scores(chosen, tracks, clip, context.layout)
                hits[layers, way].append(int(scores.argmax()) == truth.target)
    return {key: float(np.mean(values)) for key, values in hits.items()}


def _maps(maps: Tensor | None) -> Tensor:
    if maps is None:
        raise RuntimeError("the model returned no maps")
    return maps


def track_scores(
    chosen: Tensor, tracks: TrackSet, clip: Clip, layout: TokenLayout
) -> NDArray[np.float64]:
    attention = chosen.float().numpy()
    return frame_scores(attention, tracks, clip.frame_indices, layout, "box").max(axis=1)


if __name__ == "__main__":
    main()
