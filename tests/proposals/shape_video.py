"""A small generator of shape videos with true boxes, and a video that lives in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import paired_iou
from zerotube.proposals.types import TrackSet
from zerotube.video.base import Video
from zerotube.video.types import Frame, VideoInfo

RED, GREEN, BLUE, YELLOW = (214, 40, 40), (50, 168, 70), (45, 98, 220), (240, 212, 48)

Path = Callable[[float], tuple[float, float, float, float] | None]
"""Time 0..1 -> centre x, centre y, diameter (fractions of the side) and angle; None: not there."""


class ArrayVideo(Video):
    """Frames uint8 (T, H, W, 3) as an open video; ``lost`` frames do not decode."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        fps: Fraction = Fraction(10),
        lost: tuple[int, ...] = (),
    ) -> None:
        count, height, width, _ = images.shape
        info = VideoInfo("memory.mp4", fps, count, width, height, float(count / fps), 0, False, ())
        super().__init__(info, np.arange(count) / float(fps))
        self._images, self._lost = images, lost

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        for index in wanted.tolist():
            if index not in self._lost:
                yield Frame(index, float(self.timestamps_s[index]), self._images[index])


@dataclass(frozen=True)
class Shape:
    """One shape: "circle", "square" or "ring", a colour and a path."""

    kind: str
    rgb: tuple[int, int, int]
    path: Path

    def box(self, time: float, side: int) -> list[float] | None:
        """Its true box in pixels, None where it is not there."""
        pose = self.path(time)
        if pose is None:
            return None
        x, y, size, angle = pose
        reach = 0.5 * size
        if self.kind == "square":
            reach *= abs(np.cos(angle)) + abs(np.sin(angle))
        return [side * (x - reach), side * (y - reach), side * (x + reach), side * (y + reach)]

    def coverage(self, time: float, side: int) -> NDArray[np.float64]:
        """Covered share of each pixel, (side, side), by 4x4 samples."""
        pose = self.path(time)
        if pose is None:
            return np.zeros((side, side))
        x, y, size, angle = pose
        points = (np.arange(4 * side) + 0.5) / (4 * side)
        across, down = points[None] - x, points[:, None] - y
        if self.kind == "square":
            along = abs(across * np.cos(angle) + down * np.sin(angle))
            aside = abs(down * np.cos(angle) - across * np.sin(angle))
            inside = np.maximum(along, aside) <= 0.5 * size
        else:
            radius = np.hypot(across, down)
            inside = radius <= 0.5 * size
            if self.kind == "ring":
                inside &= radius >= 0.28 * size
        return inside.reshape(side, 4, side, 4).mean(axis=(1, 3))


def film(
    shapes: list[Shape],
    *,
    count: int = 48,
    side: int = 160,
    gradient: float = 0.0,
    noise: float = 0.0,
) -> NDArray[np.uint8]:
    """Frames uint8 (count, side, side, 3); later shapes hide earlier ones."""
    rng = np.random.default_rng(0)
    backdrop = 128 + gradient * np.linspace(-1, 1, side)[None, :, None] + np.zeros((side, side, 3))
    frames = np.empty((count, side, side, 3), dtype=np.uint8)
    for index in range(count):
        picture = backdrop + noise * rng.standard_normal((side, side, 1))
        for shape in shapes:
            share = shape.coverage(index / max(count - 1, 1), side)[..., None]
            picture = picture + share * (np.array(shape.rgb) - picture)
        frames[index] = np.clip(np.rint(picture), 0, 255)
    return frames


def still(x: float, y: float, size: float = 0.25) -> Path:
    """A path that rests."""
    return lambda time: (x, y, size, 0.0)


def line(
    start: tuple[float, float], end: tuple[float, float], size: float = 0.2, begin: float = 0.0,
    stop: float = 1.0,
) -> Path:  # fmt: skip
    """A straight path from one place to the other between the times ``begin`` and ``stop``."""

    def path(time: float) -> tuple[float, float, float, float]:
        done = min(max((time - begin) / (stop - begin), 0.0), 1.0)
        return (
            start[0] + done * (end[0] - start[0]),
            start[1] + done * (end[1] - start[1]),
            size,
            0.0,
        )

    return path


def best_match(tracks: TrackSet, shape: Shape, count: int, side: int) -> tuple[int, float, float]:
    """Id of the track nearest to the shape, the share of true frames it covers, its mean IoU."""
    boxes = [shape.box(index / max(count - 1, 1), side) for index in range(count)]
    frames = np.array([index for index, box in enumerate(boxes) if box is not None])
    truth = np.array([box for box in boxes if box is not None])
    best = (0, 0.0, 0.0)
    for track in tracks:
        shared, mine, theirs = np.intersect1d(frames, track.frame_indices, return_indices=True)
        if len(shared):
            iou = float(paired_iou(truth[mine], track.boxes_xyxy[theirs]).mean())
            if iou > best[2]:
                best = (track.track_id, len(shared) / len(frames), iou)
    return best
