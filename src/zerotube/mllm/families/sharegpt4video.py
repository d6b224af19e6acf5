"""ShareGPT4Video: a LLaVA-NeXT that sees a video as one picture, its frames in a square grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import ModelError
from zerotube.mllm.families.base import Encoded
from zerotube.mllm.families.llava_next import LlavaNext
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip

BAND = 50
"""White pixels between frames, before the picture is scaled (``create_frame_grid`` there)."""

LONGEST = 1920
"""Longest side of the picture that the processor is given (``resize_image_grid`` there)."""


class ShareGPT4Video(LlavaNext):
    """A checkpoint written by ``zerotube.mllm.convert_sharegpt4video``.

    Up to 16 frames lie in reading order in a square grid with white bands between them, missing
    ones white; the picture is then that of a LLaVA-NeXT. Frame borders do not fall between
    features, so each frame is read on the largest regular grid that takes every feature at most
    once: cell (t, y, x) is the feature that its centre lies in. The coarse features of a frame, in
    the same way, go with it when frames change places.
    """

    architectures = ("ShareGPT4VideoForConditionalGeneration",)
    # Trained on pictures of 4 x 4 frames.
    frame_limit = 16

    def picture(self, clip: Clip) -> Tensor:
        from PIL import Image

        count, height, width, _ = clip.frames.shape
        side = grid_side(count)
        shape = (side * height + (side - 1) * BAND, side * width + (side - 1) * BAND, 3)
        canvas = np.full(shape, 255, dtype=np.uint8)
        for index, frame in enumerate(clip.frames):
            top, left = index // side * (height + BAND), index % side * (width + BAND)
            canvas[top : top + height, left : left + width] = frame
        scale = LONGEST / max(shape)
        if scale < 1:
            smaller = (int(shape[1] * scale), int(shape[0] * scale))
            scaled = Image.fromarray(canvas).resize(smaller, Image.Resampling.BILINEAR)
            canvas = np.array(scaled)
        return torch.from_numpy(canvas).permute(2, 0, 1)

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        tiles = self.tiles(model, encoded)
        count, height, width, _ = encoded.clip.frames.shape
        size = (height, width)
        coarse = frame_cells(tiles.coarse, (0.0, 0.0, 1.0, 1.0), size, count)
        return TokenLayout(
            frame_cells(tiles.fine, tiles.view_xyxy, size, count),
            encoded.feature_count,
            np.arange(count),
            beside=coarse.reshape(count, -1),
        )


def grid_side(count: int) -> int:
    """Frames along a side of the square grid that holds ``count``."""
    return math.isqrt(count - 1) + 1


def frame_cells(
    rows: NDArray[np.int64],
    view_xyxy: tuple[float, float, float, float],
    frame_size: tuple[int, int],
    count: int,
) -> NDArray[np.int64]:
    """Read every frame of the picture on one regular grid.

    Args:
        rows: int64 ``(h, w)``, features of the picture.
        view_xyxy: part of the picture they cover, as fractions.
        frame_size: (height, width) of a frame in pixels.
        count: frames in the picture.

    Returns:
        int64 ``(count, y, x)``, distinct rows.

    Raises:
        ModelError: if a frame is smaller than a feature.
    """
    side = grid_side(count)
    left, top, right, bottom = view_xyxy
    lines = _positions(frame_size[0], side, rows.shape[0], top, bottom)
    columns = _positions(frame_size[1], side, rows.shape[1], left, right)
    frames = [rows[np.ix_(lines[t // side], columns[t % side])] for t in range(count)]
    return np.stack(frames)


def _positions(
    length: int, side: int, features: int, start: float, end: float
) -> NDArray[np.int64]:
    """Features along one axis that hold the cell centres of each of ``side`` frames."""
    whole = side * length + (side - 1) * BAND
    cells = math.floor(length / whole * features / (end - start))
    begins = np.arange(side)[:, None] * (length + BAND)
    while cells > 0:
        centres = (begins + (np.arange(cells) + 0.5) / cells * length) / whole
        found = np.floor((centres - start) / (end - start) * features).astype(np.int64)
        found = found.clip(0, features - 1)
        if len(np.unique(found)) == found.size:
            return found
        cells -= 1
    raise ModelError(
        f"{side} frames on {features} visual features",
        wanted="at least one feature along each side of a frame",
        fix="sample fewer frames (--frames)",
    )
