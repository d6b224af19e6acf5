"""Stage 1: warm up the vision tower and the projector with image-level labels.

First on 42-pixel crops of single objects, then on whole frames of 1-4 objects. A linear head
reads colours, shapes and their combinations from every pooled cell; its logits are pooled over
the image (log-sum-exp) and compared with *which* combinations the image holds - never where.
The heads are thrown away; tower and projector are kept.

    python training/warm_up.py --work DIR [--crop-seconds 150] [--frame-seconds 600]
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset
from transformers import LlavaOnevisionForConditionalGeneration

from build import FRAME, PATCH, build_model
from scenes import Mix, draw, random_scene
from zerotube.synth.world import (
    COLOURS,
    SHAPES,
    Scene,
    SceneObject,
    random_background,
    random_rgb,
    render,
)

LOG = logging.getLogger("warm_up")
GRID = FRAME // PATCH
CROP_PATCHES = 6
LABELS = len(COLOURS) + len(SHAPES) + len(COLOURS) * len(SHAPES)
SEED = 11


def labels_of(scene: Scene) -> NDArray[np.float32]:
    """Which colours, shapes and combinations an image holds, float32 (LABELS,)."""
    out = np.zeros(LABELS, dtype=np.float32)
    colours = list(COLOURS)
    for item in scene.objects:
        colour, shape = colours.index(item.colour), SHAPES.index(item.shape)
        out[colour] = 1.0
        out[len(colours) + shape] = 1.0
        out[len(colours) + len(SHAPES) + colour * len(SHAPES) + shape] = 1.0
    return out


def to_pixels(frames: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 (B, 3, H, W), normalised as the processor does."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def tower(model: LlavaOnevisionForConditionalGeneration, pixels: Tensor, where: Tensor) -> Tensor:
    """Vision features of pictures whose patches sit at the given places of the full frame.

    Args:
        model: the whole model.
        pixels: float32 (B, 3, h, w).
        where: int64 (B or 1, patches), index of each patch in the 16 x 16 grid.

    Returns:
        float32 (B, patches, hidden): what the projector receives.
    """
    vision = model.model.vision_tower
    hidden = vision.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
    hidden = hidden + vision.embeddings.position_embedding(where)
    return vision.encoder(inputs_embeds=hidden).last_hidden_state


def pooled_cells(model: LlavaOnevisionForConditionalGeneration, features: Tensor) -> Tensor:
    """Project patches and average each 2 x 2 of them, (B, n*n, hidden) -> (B, n*n/4, dim).

    Bilinear interpolation to half the size, as the model's own pooling does it, is this average.
    """
    projected = model.model.multi_modal_projector(features)
    side = math.isqrt(projected.shape[1])
    grid = projected.view(projected.shape[0], side // 2, 2, side // 2, 2, -1)
    return grid.mean(dim=(2, 4)).flatten(1, 2)


def crop_batch(rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of one object each: pixels, patch places, labels."""
    side = CROP_PATCHES * PATCH
    colours = list(COLOURS)
    frames, places, labels = [], [], []
    for _ in range(size):
        colour = colours[int(rng.integers(len(colours)))]
        diameter = float(rng.uniform(0.16, 0.34)) * FRAME / side
        reach = 0.5 * diameter
        item = SceneObject(
            colour=colour,
            shape=SHAPES[int(rng.integers(len(SHAPES)))],
            rgb=random_rgb(colour, rng),
            x=float(rng.uniform(reach, 1.0 - reach)),
            y=float(rng.uniform(reach, 1.0 - reach)),
            size=diameter,
            angle=float(rng.uniform(-0.26, 0.26)),
        )
        scene = Scene((item,), random_background(rng))
        frames.append(render(scene, 0.0, side, side))
        row, col = rng.integers(0, GRID - CROP_PATCHES + 1, size=2)
        window = (row + np.arange(CROP_PATCHES))[:, None] * GRID + col + np.arange(CROP_PATCHES)
        places.append(window.ravel())
        labels.append(labels_of(scene))
    return (
        to_pixels(np.stack(frames)),
        torch.from_numpy(np.stack(places)),
        torch.from_numpy(np.stack(labels)),
    )


def frame_batch(rng: np.random.Generator, size: int, mix: Mix) -> tuple[Tensor, Tensor, Tensor]:
    """Whole frames: pixels, patch places, labels."""
    scenes = [random_scene(rng, mix) for _ in range(size)]
    frames = np.concatenate([draw(scene, [0.0], rng) for scene in scenes])
    labels = np.stack([labels_of(scene) for scene in scenes])
    return to_pixels(frames), torch.arange(GRID * GRID)[None], torch.from_numpy(labels)


class Batches(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """An endless stream of batches, drawn in a worker process while the model trains."""

    def __init__(self, mix: Mix | None, stream: int) -> None:
        self.mix, self.stream = mix, stream

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        rng = np.random.default_rng((SEED, self.stream))
        torch.set_num_threads(1)
        while True:
            yield crop_batch(rng, 128) if self.mix is None else frame_batch(rng, 32, self.mix)


def accuracy(logits: Tensor, labels: Tensor) -> str:
    """Balanced accuracy of colours, shapes and combinations."""
    bounds = (0, len(COLOURS), len(COLOURS) + len(SHAPES), LABELS)
    parts = []
    for name, low, high in zip(("colour", "shape", "both"), bounds, bounds[1:], strict=False):
        guess, truth = logits[:, low:high] > 0, labels[:, low:high] > 0.5
        recall = (guess & truth).sum() / truth.sum().clamp_min(1)
        precision = (guess & truth).sum() / guess.sum().clamp_min(1)
        parts.append(f"{name} r{recall:.3f} p{precision:.3f}")
    return " ".join(parts)


def single_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of colour, shape and combination of a single object.

    Returns:
        Logits relative to their group's best, so that > 0 marks the guess; the loss.
    """
    bounds = (0, len(COLOURS), len(COLOURS) + len(SHAPES), LABELS)
    marked, loss = [], torch.zeros(())
    for low, high in pairwise(bounds):
        group = logits[:, low:high]
        loss = loss + nn.functional.cross_entropy(group, labels[:, low:high].argmax(dim=1))
        marked.append(group - group.max(dim=1, keepdim=True).values + 1e-6)
    return torch.cat(marked, dim=1), loss


def main() -> None:
    """Train both parts for the given times and write `warm_up.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--crop-seconds", type=float, default=150.0)
    parser.add_argument("--frame-seconds", type=float, default=600.0)
    parser.add_argument("--resume", action="store_true", help="go on with frames only")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    model = build_model(SEED)
    dim = model.config.text_config.hidden_size
    head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, LABELS))
    nn.init.constant_(head[1].bias, -5.0)
    if args.resume:
        model.load_state_dict(torch.load(args.work / "warm_up.pt", weights_only=True))
        head.load_state_dict(torch.load(args.work / "warm_up_head.pt", weights_only=True))
    parts = [model.model.vision_tower, model.model.multi_modal_projector, head]
    parameters = [p for part in parts for p in part.parameters()]
    stages = (
        ("crops", 0.0 if args.resume else args.crop_seconds, 1.5e-3, None),
        ("frames", args.frame_seconds, 1.0e-3, Mix((0.3, 0.2, 0.25, 0.25))),
    )
    for stage, seconds, peak, mix in stages:
        optimiser = torch.optim.AdamW(parameters, lr=peak, weight_decay=0.01, betas=(0.9, 0.98))
        loader = DataLoader(
            Batches(mix, 0 if mix is None else 1 + args.resume),
            batch_size=None,
            num_workers=1,
            prefetch_factor=4,
        )
        batches = iter(loader)
        start, step, seen = time.monotonic(), 0, 0
        total = 0.0
        while (done := (time.monotonic() - start) / max(seconds, 1e-9)) < 1.0:
            pixels, where, labels = next(batches)
            for group in optimiser.param_groups:
                group["lr"] = (
                    peak
                    * min(1.0, (step + 1) / 100)
                    * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))
                )
            cells = pooled_cells(model, tower(model, pixels, where))
            if mix is None:
                logits, loss = single_loss(head(cells.float().mean(dim=1)), labels)
            else:
                logits = head(cells.float()).logsumexp(dim=1)
                loss = nn.functional.binary_cross_entropy_with_logits(logits, labels) * 10
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            step, seen, total = step + 1, seen + len(labels), total + loss.item()
            if step % 50 == 0:
                LOG.info(
                    "%s step %d %.0fs %.0f/s loss %.4f %s",
                    stage,
                    step,
                    time.monotonic() - start,
                    seen / (time.monotonic() - start),
                    total / 50,
                    accuracy(logits.detach(), labels),
                )
                total = 0.0
            if step % 500 == 0:
                torch.save(model.state_dict(), args.work / "warm_up.pt")
    torch.save(model.state_dict(), args.work / "warm_up.pt")
    torch.save(head.state_dict(), args.work / "warm_up_head.pt")
    LOG.info("done")


if __name__ == "__main__":
    main()
