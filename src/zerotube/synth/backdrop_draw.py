"""Draws what lies behind the objects, in torch, and lets the camera move over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zerotube.synth.backdrops import BLOBS, SOFTNESS, Backdrop
from zerotube.synth.painting import Things, paint
from zerotube.synth.scene import Take
from zerotube.synth.words import SHAPES


def grounds(
    takes: Sequence[Take], height: int, width: int, margin: int, device: torch.device
) -> Tensor:
    """The empty frame of every take, and what lies around it.

    Args:
        takes: B takes.
        height: of the frame, pixels.
        width: of the frame, pixels.
        margin: pixels to draw beyond each edge.
        device: where to draw.

    Returns:
        uint8 (B, height + 2 margin, width + 2 margin, 3).
    """
    side, high, wide = min(height, width), height + 2 * margin, width + 2 * margin
    out = torch.empty((len(takes), high, wide, 3), dtype=torch.uint8, device=device)
    xs = ((torch.arange(wide, device=device) - margin + 0.5) - 0.5 * width) / side
    ys = ((torch.arange(high, device=device) - margin + 0.5) - 0.5 * height) / side
    for picture, take in zip(out, takes, strict=True):
        backdrop = take.backdrop
        share = _share(backdrop, xs[None, :], ys[:, None], (width / side, height / side))
        first, second = (torch.tensor(tone, device=device) for tone in _tones(backdrop))
        frame = first + share[..., None] * (second - first)
        if backdrop.grain > 0:
            generator = torch.Generator().manual_seed(backdrop.seed)
            grain = torch.randn((high, wide, 1), generator=generator)
            frame = frame + backdrop.grain * grain.to(device)
        picture.copy_(frame.round_().clamp_(0.0, 255.0).expand(high, wide, 3))
    bits = _bits(takes, side, margin)
    if len(bits):
        paint(out, bits)
    return out


def seen_by_camera(wide: Tensor, shifts: Tensor, margin: int) -> Tensor:
    """What a moving camera sees of larger pictures, between pixels bilinearly.

    Args:
        wide: uint8 (B, height + 2 margin, width + 2 margin, 3).
        shifts: float32 (B, T, 2), pixels by which the content moves right and down; at most
            the margin.
        margin: pixels.

    Returns:
        uint8 (B, T, height, width, 3).
    """
    planes = wide.permute(0, 3, 1, 2).to(torch.float32)
    across = _window(shifts[..., 0], planes.shape[3], margin)
    down = _window(shifts[..., 1], planes.shape[2], margin)
    # (B, T, 1, h, H) @ (B, 1, 3, H, W) @ (B, T, 1, W, w)
    part = down[:, :, None] @ planes[:, None] @ across[:, :, None].transpose(-1, -2)
    return part.round_().clamp_(0.0, 255.0).to(torch.uint8).permute(0, 1, 3, 4, 2)


def _window(shifts: Tensor, whole: int, margin: int) -> Tensor:
    """Weights (B, T, whole - 2 margin, whole) of the pixels that make up each shifted pixel."""
    source = torch.arange(whole, device=shifts.device)
    at = torch.arange(margin, whole - margin, device=shifts.device) - shifts[..., None]
    return (1.0 - (at[..., None] - source).abs_()).clamp_(min=0.0)


def _tones(backdrop: Backdrop) -> tuple[list[float], list[float]]:
    return [float(value) for value in backdrop.first], [float(value) for value in backdrop.second]


def _share(backdrop: Backdrop, x: Tensor, y: Tensor, size: tuple[float, float]) -> Tensor:
    """Share of the second tone, 0..1; x (1, w) and y (h, 1) are sides from the frame's centre.

    The same patterns as `zerotube.synth.backdrops` draws in square frames.
    """
    cos, sin = float(np.cos(backdrop.angle)), float(np.sin(backdrop.angle))
    along, across = x * cos + y * sin, y * cos - x * sin
    if backdrop.pattern == "gradient":
        # So long that both tones are reached in the corners of any frame.
        return (along / (1.42 * max(size)) + 0.5).clamp_(0.0, 1.0)
    if backdrop.pattern == "stripes":
        return 0.5 + 0.5 * _wave(along, backdrop.period)
    if backdrop.pattern == "checkerboard":
        return 0.5 + 0.5 * _wave(along, backdrop.period) * _wave(across, backdrop.period)
    if backdrop.pattern == "blobs":
        return _blobs(backdrop, x, y, size)
    return torch.zeros_like(along)


def _wave(position: Tensor, period: float) -> Tensor:
    """A square wave between -1 and 1 with soft edges."""
    sine = (position * (2.0 * np.pi / period)).sin_()
    return (sine / float(np.sin(np.pi * SOFTNESS))).clamp_(-1.0, 1.0)


def _blobs(backdrop: Backdrop, x: Tensor, y: Tensor, size: tuple[float, float]) -> Tensor:
    rng = np.random.default_rng((backdrop.seed, 1))
    drawn = [(*rng.uniform(-0.55, 0.55, size=2), rng.uniform(0.08, 0.2)) for _ in range(BLOBS)]
    at_x, at_y, reach = torch.tensor(np.array(drawn, np.float32), device=x.device).unbind(1)
    sign = torch.tensor([1.0 if number % 2 else -1.0 for number in range(BLOBS)], device=x.device)
    # A blob is a product of two bell curves, so all of them are one product of matrices.
    spread = 2.0 * reach.square()
    columns = torch.exp(-(x.view(-1, 1) - at_x * size[0]).square() / spread)
    rows = torch.exp(-(y.view(-1, 1) - at_y * size[1]).square() / spread)
    return (0.5 + 0.5 * (rows * sign) @ columns.T).clamp_(0.0, 1.0)


def _bits(takes: Sequence[Take], side: int, margin: int) -> Things:
    bits = [
        (number, order, bit)
        for number, take in enumerate(takes)
        for order, bit in enumerate(take.backdrop.bits)
    ]
    pose = [
        (bit.x * side + margin, bit.y * side + margin, 0.5 * bit.size * side, bit.angle)
        for _, _, bit in bits
    ]
    return Things(
        picture=np.array([number for number, _, _ in bits], np.int64),
        order=np.array([order for _, order, _ in bits], np.int64),
        shape=np.array([SHAPES.index(bit.shape) for _, _, bit in bits], np.int64),
        texture=np.zeros(len(bits), np.int64),
        pose=np.array(pose, np.float64).reshape(-1, 4),
        rgb=np.array([bit.rgb for _, _, bit in bits], np.float64).reshape(-1, 3),
        opacity=np.ones(len(bits)),
        shading=np.zeros(len(bits)),
    )
