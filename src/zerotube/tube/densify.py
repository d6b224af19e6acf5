"""From a track to a box for every original frame, and the part of it inside a span."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import interpolate_boxes
from zerotube.geometry.spans import Span
from zerotube.proposals.types import Track


def densify(track: Track) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Give a track a box at every frame between its first and its last one.

    Each coordinate is interpolated linearly between the two nearest frames that the track holds,
    in float64; the boxes it holds come back unchanged. Nothing is extrapolated: before its first
    and after its last frame a track has no box.

    Args:
        track: ``n`` boxes, original frame numbers, pixels.

    Returns:
        int64 ``(m,)`` consecutive original frames, from the track's first to its last, and
        float32 ``(m, 4)`` boxes (x1, y1, x2, y2) in pixels of the original video.
    """
    held = track.frame_indices
    frames = np.arange(int(held[0]), int(held[-1]) + 1, dtype=np.int64)
    boxes = interpolate_boxes(held, track.boxes_xyxy, frames)
    return frames, boxes.astype(np.float32)


def cut_to_span(
    frames: NDArray[np.int64], boxes_xyxy: NDArray[np.float32], span: Span
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Keep the frames of a track that lie inside a span, both ends included.

    Args:
        frames: int64 ``(m,)``, original frames.
        boxes_xyxy: float32 ``(m, 4)``, pixels.
        span: original frames.

    Returns:
        int64 ``(n,)`` frames and float32 ``(n, 4)`` boxes; ``n`` is 0 where the track and the span
        do not meet.
    """
    inside = (frames >= span.start_frame) & (frames <= span.end_frame)
    return frames[inside], boxes_xyxy[inside]
