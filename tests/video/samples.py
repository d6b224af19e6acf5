"""Small videos made on the spot, and an independent way to read them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CLOSED = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-pyramid=normal"
"""Five groups of pictures in 60 frames, each with B-frames that other B-frames refer to."""


def pictures(count: int, width: int = 64, height: int = 48) -> list[NDArray[np.uint8]]:
    """Frames that all differ: a scrolling texture with a block that walks."""
    texture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    texture = texture[::4, ::4].repeat(4, 0).repeat(4, 1)[:height, :width]
    frames = []
    for number in range(count):
        frame = np.roll(texture, 2 * number, axis=1).copy()
        top = (3 * number) % max(height - 8, 1)
        frame[top : top + 8, :8] = (4 * number) % 256
        frames.append(frame)
    return frames


def encode(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    codec: str = "libx264",
    x264: str | None = None,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    ticks: Sequence[int] | None = None,
    pix_fmt: str = "yuv420p",
    matrix: Sequence[int] | None = None,
) -> Path:
    """Write a file with PyAV alone; ``ticks`` are presentation times in 1/600 s, else 30 fps."""
    with av.open(str(path), "w", options=muxer or {}) as container:
        settings = dict(options or {})
        if x264 is not None:
            settings["x264-params"] = x264
        stream = container.add_stream(codec, rate=30, options=settings)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 600)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks[number], Fraction(1, 600)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode_all(path: Path) -> list[NDArray[np.uint8]]:
    """Every frame, in one plain pass from the start."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def overwrite(path: Path, at: int, length: int) -> Path:
    """Replace ``length`` bytes by noise."""
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, length, dtype=np.uint8).tobytes()
    data[at : at + length] = noise
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first share of the file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path
