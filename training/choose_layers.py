"""Choose the layers whose attention the bundled model is read by, on clips of their own seed.

    python training/choose_layers.py [--model DIR] [--samples 100] [--write]

A model of three layers binds words to objects in one or two of them, and which ones is an accident
of training; the reference's range suits models of thirty. For every contiguous range of layers this
measures how often GTI picks the true track, with relative attention and without, on clips that are
neither trained on nor tested on (seed 1,500,000). ``--write`` puts the best range, read as the
paper does, into ``zerotube.json`` beside the weights.

This is a choice of hyper-parameters with the answers of those clips known, the only place where
such answers are used; docs/results.md reports the paper's own range as well.
"""

from __future__ import annotations

import argparse
import json
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
from zerotube.mllm.registry import SETTINGS_FILE, load
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
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    model = load(str(arguments.model))
    accuracy = measure(model, arguments.samples)
    for (layers, way), value in sorted(accuracy.items(), key=lambda item: -item[1]):
        print(f"layers {layers[0]}..{layers[-1]} {way}: {value:.3f}")
    if arguments.write:
        best = max((k for k in accuracy if k[1] == "relative"), key=lambda k: accuracy[k])[0]
        count = model.layer_count
        settings = {"layer_start": best[0] / count, "layer_end": (best[-1] + 1) / count}
        path = arguments.model / SETTINGS_FILE
        path.write_text(json.dumps(settings, indent=1) + "\n")
        print(f"{path.name}: {settings}")


def measure(model: VideoMLLM, count: int) -> dict[tuple[tuple[int, ...], str], float]:
    """Share of right tracks per contiguous range of layers, with and without relative attention."""
    hits: dict[tuple[tuple[int, ...], str], list[bool]] = defaultdict(list)
    depth = model.layer_count
    ranges = [tuple(range(a, b)) for a in range(depth) for b in range(a + 1, depth + 1)]
    for index in range(count):
        truth = sample(SEED, index, "attribute")
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
