"""Draws takes: many clips at once, on a processor or a graphics card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import UsageError
from zerotube.synth.backdrop_draw import grounds, seen_by_camera
from zerotube.synth.outlines import pixels_per_side
from zerotube.synth.painting import Things, paint
from zerotube.synth.scene import Occluder, Take
from zerotube.synth.words import SHAPES, TEXTURES

_CHUNK, _CHUNK_ELSEWHERE = 2**23, 2**27
"""Pixels of frames drawn at a time, on a processor and elsewhere; bounds the memory needed."""

_NOISE = 2**20
"""Fewest random numbers kept to make noise of."""


def render(
    takes: Sequence[Take], height: int, width: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw every frame of some takes.

    The same takes give the same bytes on the same device.

    Args:
        takes: B takes with T times each, all with the proportions of the frame.
        height: pixels.
        width: pixels.
        device: where to draw.

    Returns:
        uint8 (B, T, height, width, 3) on `device`, RGB.

    Raises:
        UsageError: no takes, unequal numbers of times, or other proportions than the frame's.
    """
    counts = {len(take.times) for take in takes}
    if len(counts) != 1:
        raise UsageError(
            f"got {len(takes)} takes with {sorted(counts)} frames",
            wanted="one or more takes with the same number of frames",
            fix="draw them in groups",
        )
    for take in takes:
        pixels_per_side(take, height, width)
    device, frames = torch.device(device), counts.pop()
    out = torch.empty((len(takes), frames, height, width, 3), dtype=torch.uint8, device=device)
    chunk = _CHUNK if device.type == "cpu" else _CHUNK_ELSEWHERE
    step = max(chunk // max(frames * height * width, 1), 1)
    for start in range(0, len(takes), step):
        _draw(takes[start : start + step], out[start : start + step])
    return out


def _draw(takes: Sequence[Take], out: Tensor) -> None:
    height, width = out.shape[2:4]
    _lay_ground(takes, out)
    paint(out.view(-1, height, width, 3), _things(takes, min(height, width)))
    for take, clip in zip(takes, out, strict=True):
        if take.occluder is not None:
            _cover(clip, take.occluder)
        if take.blur > 0.0 or take.noise > 0.0:
            _through_lens(clip, take)


def _lay_ground(takes: Sequence[Take], out: Tensor) -> None:
    _, _, height, width, _ = out.shape
    side = min(height, width)

    def margin(number: int) -> int:
        # Few sizes, and the same for a take whatever others are drawn with it.
        reach = float(np.abs(takes[number].shifts).max(initial=0.0))
        return math.ceil(math.ceil(reach * 16.0) * side / 16.0) + 1 if reach > 0.0 else 0

    for space, group in groupby(sorted(range(len(takes)), key=margin), key=margin):
        numbers = list(group)
        some = [takes[number] for number in numbers]
        wide = grounds(some, height, width, space, out.device)
        if space == 0:
            out[numbers] = wide[:, None]
            continue
        shifts = np.stack([take.shifts for take in some]) * side
        moved = torch.from_numpy(shifts.astype(np.float32)).to(out.device)
        for number, picture, shift in zip(numbers, wide, moved, strict=True):
            out[number] = seen_by_camera(picture[None], shift[None], space)[0]


def _things(takes: Sequence[Take], side: int) -> Things:
    """Every object of every frame; pictures are numbered take by take."""
    frames = len(takes[0].times)
    cast = [
        (number, order, take, take.actors[order])
        for number, take in enumerate(takes)
        for order in range(len(take.actors))
    ]

    def each(values: list[int]) -> NDArray[np.int64]:
        return np.repeat(np.array(values, np.int64), frames)

    states = [actor.states(take.times) for _, _, take, actor in cast]
    state = np.concatenate(states) if cast else np.empty((0, 6))
    shifts = [take.shifts for _, _, take, _ in cast]
    centre = state[:, :2] + (np.concatenate(shifts) if cast else np.empty((0, 2)))
    old = np.array([actor.rgb for *_, actor in cast], np.float64).reshape(-1, 3)
    new = np.array([actor.new_rgb or actor.rgb for *_, actor in cast], np.float64).reshape(-1, 3)
    old, new = np.repeat(old, frames, axis=0), np.repeat(new, frames, axis=0)
    within = np.tile(np.arange(frames), len(cast))
    return Things(
        picture=each([number * frames for number, *_ in cast]) + within,
        order=each([order for _, order, _, _ in cast]),
        shape=each([SHAPES.index(actor.shape) for *_, actor in cast]),
        texture=each([TEXTURES.index(actor.texture) for *_, actor in cast]),
        pose=np.column_stack([centre * side, 0.5 * state[:, 2] * side, state[:, 3]]),
        rgb=old + state[:, 5:6] * (new - old),
        opacity=state[:, 4],
        shading=np.repeat(np.array([take.shading for _, _, take, _ in cast]), frames),
    )


def _cover(clip: Tensor, occluder: Occluder) -> None:
    """Draw the occluder over a clip, uint8 (T, height, width, 3), in place."""
    height, width = clip.shape[1:3]
    side = min(height, width)
    rgb = torch.tensor(occluder.rgb, dtype=torch.float32, device=clip.device)
    low = occluder.centres - 0.5 * np.array([occluder.width, occluder.height])
    high = occluder.centres + 0.5 * np.array([occluder.width, occluder.height])
    across = _covered(low[:, 0] * side, high[:, 0] * side, width, clip.device)
    down = _covered(low[:, 1] * side, high[:, 1] * side, height, clip.device)
    share = (down[:, :, None] * across[:, None, :])[..., None]
    clip.copy_((clip + share * (rgb - clip)).round_().clamp_(0.0, 255.0))


def _covered(
    low: NDArray[np.float64], high: NDArray[np.float64], size: int, device: torch.device
) -> Tensor:
    """Share of each pixel of a line that lies between two places, float32 (T, size)."""
    left = np.arange(size)
    overlap = np.minimum(left + 1, high[:, None]) - np.maximum(left, low[:, None])
    return torch.from_numpy(np.clip(overlap, 0.0, 1.0).astype(np.float32)).to(device)


def _through_lens(clip: Tensor, take: Take) -> None:
    """Blur a clip and add noise, uint8 (T, height, width, 3), in place."""
    frames, height, width, _ = clip.shape
    picture = clip.to(torch.float32)
    if take.blur > 0.0:
        std = take.blur * min(height, width)
        down, across = (_smoothing(size, std, clip.device) for size in (height, width))
        planes = clip.permute(0, 3, 1, 2).to(torch.float32).contiguous()
        picture = (down @ (planes @ across.T)).permute(0, 2, 3, 1)
    if take.noise > 0.0:
        size = height * width * 3
        bank = _noise_bank(max(_NOISE, 4 * size), clip.device)
        starts = np.random.default_rng(take.seed).integers(len(bank) - size, size=frames)
        fresh = bank.unfold(0, size, 1)[torch.from_numpy(starts).to(clip.device)]
        picture = picture + take.noise * fresh.view(frames, height, width, 3)
    clip.copy_(picture.round().clamp_(0.0, 255.0))


def _smoothing(size: int, std: float, device: torch.device) -> Tensor:
    """Weights (size, size) of a Gaussian blur along a line; at the ends of what is there."""
    at = torch.arange(size, dtype=torch.float32, device=device)
    weights = torch.exp(-0.5 * ((at[:, None] - at) / std).square())
    return weights / weights.sum(dim=1, keepdim=True)


@cache
def _noise_bank(count: int, device: torch.device) -> Tensor:
    """Standard normal numbers; every frame takes a stretch of them that begins anywhere."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0)).to(device)
