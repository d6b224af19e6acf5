"""A detector and a mask tracker that go by exact colour: real answers without any weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import supervision as sv
from numpy.typing import NDArray

RED, BLUE, GREEN, WHITE = (214, 40, 40), (45, 98, 220), (40, 160, 60), (250, 250, 250)
GREY = (90, 90, 90)
SIDE = 64


def picture(*squares: tuple[tuple[int, int, int], int, int, int]) -> NDArray[np.uint8]:
    """Squares (colour, left, top, side) on grey, later ones in front; parts outside are cut off."""
    image = np.full((48, SIDE, 3), GREY, np.uint8)
    for colour, left, top, side in squares:
        image[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = colour
    return image


def mask_of(image: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where the picture has that colour."""
    return np.asarray((image == np.array(colour, np.uint8)).all(axis=2))


class ColourDetector:
    """Implements `Detector`: one box per listed colour that is in the picture.

    Args:
        confidence: colour -> confidence of its box.
        sees: whether a box, ``(4,)``, is detected; for objects that are found late.
        doubled: how often every box is returned, each a pixel wider than the one before.
    """

    def __init__(
        self,
        confidence: dict[tuple[int, int, int], float],
        sees: Callable[[NDArray[np.float64]], bool] = lambda box: True,
        doubled: int = 1,
    ) -> None:
        self.confidence, self.sees, self.doubled = confidence, sees, doubled
        self.calls = 0

    def detect(self, image: NDArray[np.uint8]) -> sv.Detections:
        self.calls += 1
        boxes, scores = [], []
        for colour, score in self.confidence.items():
            rows, columns = np.nonzero(mask_of(image, colour))
            if not len(rows):
                continue
            box = np.array(
                [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64
            )
            if self.sees(box):
                for copy in range(self.doubled):
                    boxes.append(box + copy * np.array([0, 0, 1, 1]))
                    scores.append(score - 0.01 * copy)
        return sv.Detections(
            xyxy=np.array(boxes, np.float32).reshape(-1, 4),
            confidence=np.array(scores, np.float32),
        )


class ColourSession:
    """Implements `MaskSession`: an object is its colour."""

    def __init__(self) -> None:
        self.objects: dict[int, tuple[int, ...]] = {}
        self.shown: list[int] = []
        self.most = 0

    def show(self, index: int, image: NDArray[np.uint8]) -> None:
        self.shown.append(index)
        self.image = image

    def _colour(self, box: NDArray[np.floating]) -> tuple[int, ...]:
        column, row = ((box[:2] + box[2:]) / 2).astype(int)
        return tuple(self.image[min(row, 47), min(column, SIDE - 1)].tolist())

    def segment(self, boxes_xyxy: NDArray[np.floating]) -> list[NDArray[np.bool_]]:
        return [mask_of(self.image, self._colour(box)) for box in boxes_xyxy]

    def add(self, object_id: int, box_xyxy: NDArray[np.floating]) -> NDArray[np.bool_]:
        self.objects[object_id] = self._colour(box_xyxy)
        self.most = max(self.most, len(self.objects))
        return mask_of(self.image, self.objects[object_id])

    def follow(self, *, reverse: bool = False) -> dict[int, NDArray[np.bool_]]:
        return {name: mask_of(self.image, colour) for name, colour in self.objects.items()}

    def drop(self, object_id: int) -> None:
        del self.objects[object_id]
