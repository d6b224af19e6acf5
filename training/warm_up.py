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
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import LlavaOnevisionForConditionalGeneration

import attention
from build import FRAME, PATCH, build_model
from pictures import CROP, CROP_PATCHES, ROOM, Pictures, crops, frames
from scenes import Mix
from zerotube.synth.world import COLOURS, SHAPES, Scene

LOG = logging.getLogger("warm_up")
GRID = FRAME // PATCH
LABELS = len(COLOURS) + len(SHAPES) + len(COLOURS) * len(SHAPES)
SEED = 11
PEAKS = (3.0e-3, 2.0e-3)
"""Highest learning rates of the two parts."""


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


def crop_batch(
    rng: np.random.Generator, store: Pictures, size: int
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Shifted and mirrored crops: pixels, patch places in the full frame, which scenes."""
    which = rng.integers(len(store.scenes), size=size)
    pixels = np.empty((size, CROP, CROP, 3), dtype=np.uint8)
    for row, index in zip(pixels, which, strict=True):
        dy, dx = rng.integers(0, ROOM + 1, size=2)
        row[:] = store.pixels[index, dy : dy + CROP, dx : dx + CROP]
    mirrored = rng.random(size) < 0.5
    pixels[mirrored] = pixels[mirrored, :, ::-1]
    corner = rng.integers(0, GRID - CROP_PATCHES + 1, size=(size, 2, 1, 1))
    steps = np.arange(CROP_PATCHES)
    places = (corner[:, 0] + steps[:, None]) * GRID + corner[:, 1] + steps
    return to_pixels(pixels), torch.from_numpy(places.reshape(size, -1)), which


def frame_batch(
    rng: np.random.Generator, store: Pictures, size: int
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Whole frames, half of them mirrored: pixels, patch places, which scenes."""
    which = rng.integers(len(store.scenes), size=size)
    pixels = store.pixels[which]
    mirrored = rng.random(size) < 0.5
    pixels[mirrored] = pixels[mirrored, :, ::-1]
    return to_pixels(pixels), torch.arange(GRID * GRID)[None], which


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


def own_place_loss(logits: Tensor) -> Tensor:
    """How well each cell still tells its own row and column, whatever it shows.

    Position embeddings enter below the first layer, and nothing else asks the tower to keep them;
    the language model needs them to tell movements. No object is involved.

    Args:
        logits: float32 (B, 64, 16), eight for the row and eight for the column.
    """
    size, count, _ = logits.shape
    rows, columns = (torch.arange(count) // 8).repeat(size), (torch.arange(count) % 8).repeat(size)
    by_row, by_column = logits.flatten(0, 1).split(8, dim=-1)
    return nn.functional.cross_entropy(by_row, rows) + nn.functional.cross_entropy(
        by_column, columns
    )


def optimisers(parts: Sequence[nn.Module], peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else."""
    matrices, rest = [], []
    for part in parts:
        for name, parameter in part.named_parameters():
            inner = parameter.ndim == 2 and "embed" not in name
            (matrices if inner else rest).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=peak, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=peak, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def rate(done: float, step: int) -> float:
    """Learning rate as a share of its peak: 50 steps of warm-up, then a cosine down to 3%."""
    return min(1.0, (step + 1) / 50) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))


def main() -> None:
    """Train both parts for the given times and write `warm_up.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--crop-seconds", type=float, default=240.0)
    parser.add_argument("--frame-seconds", type=float, default=600.0)
    parser.add_argument("--crops", type=int, default=40_000)
    parser.add_argument("--frames", type=int, default=24_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on after the crops")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    model = build_model(SEED)
    attention.use_in(model)
    dim = model.config.text_config.hidden_size
    head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, LABELS))
    nn.init.constant_(head[1].bias, -5.0)
    place = nn.Linear(dim, GRID)
    if args.resume:
        state = torch.load(args.work / "crops.pt", weights_only=True)
        model.load_state_dict(state["model"])
        head.load_state_dict(state["head"])
    parts = [model.model.vision_tower, model.model.multi_modal_projector, head, place]
    parameters = [p for part in parts for p in part.parameters()]
    for stage, seconds, peak in (
        ("crops", args.crop_seconds, PEAKS[0]),
        ("frames", args.frame_seconds, PEAKS[1]),
    ):
        if stage == "crops" and args.resume:
            continue
        LOG.info("drawing %s", stage)
        store = (
            crops(args.crops, SEED)
            if stage == "crops"
            else frames(args.frames, SEED + 1, Mix((0.25, 0.2, 0.25, 0.3)))
        )
        rng = np.random.default_rng((SEED, len(stage)))
        truth = np.stack([labels_of(scene) for scene in store.scenes])
        rules = optimisers(parts, peak)
        start, step, total = time.monotonic(), 0, 0.0
        while (done := (time.monotonic() - start) / max(seconds, 1e-9)) < 1.0:
            make, size = (crop_batch, 192) if stage == "crops" else (frame_batch, 40)
            pixels, where, which = make(rng, store, size)
            labels = torch.from_numpy(truth[which])
            for rule in rules:
                for group in rule.param_groups:
                    group["lr"] = peak * rate(done, step)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                cells = pooled_cells(model, tower(model, pixels, where)).float()
            if stage == "crops":
                logits, loss = single_loss(head(cells.mean(dim=1)), labels)
            else:
                logits = head(cells).logsumexp(dim=1)
                loss = nn.functional.binary_cross_entropy_with_logits(logits, labels) * 10
                loss = loss + 0.2 * own_place_loss(place(cells))
            for rule in rules:
                rule.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            for rule in rules:
                rule.step()
            step, total = step + 1, total + loss.item()
            if step % 50 == 0:
                LOG.info(
                    "%s step %d %.0fs loss %.4f %s",
                    stage,
                    step,
                    time.monotonic() - start,
                    total / 50,
                    accuracy(logits.detach(), labels),
                )
                total = 0.0
        if stage == "crops":
            torch.save(
                {"model": model.state_dict(), "head": head.state_dict()}, args.work / "crops.pt"
            )
    torch.save(model.state_dict(), args.work / "warm_up.pt")
    LOG.info("done")


if __name__ == "__main__":
    main()
