"""What the open-vocabulary detectors share: a picture and a noun in, boxes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import NumericalError
from zerotube.proposals.pretrained import Pretrained

if TYPE_CHECKING:
    import supervision


class TextDetector(ABC):
    """A loaded detector; `aimed_at` gives the `zerotube.proposals.base.Detector` of one noun."""

    def __init__(
        self, checkpoint: Pretrained, *, box_threshold: float, text_threshold: float
    ) -> None:
        self.checkpoint = checkpoint
        self.box_threshold = box_threshold
        self.text_threshold = text_threshold

    def aimed_at(self, noun: str) -> AimedDetector:
        """The detector of one noun.

        Args:
            noun: what to look for, as plain words; full stops, which separate phrases for some
                detectors, are taken out.

        Raises:
            QueryError: see `zerotube.proposals.pretrained.Pretrained.plain`.
        """
        words = " ".join(noun.lower().replace(".", " ").split())
        return AimedDetector(self, self.checkpoint.plain(words))

    @abstractmethod
    def find(self, picture: Any, noun: str) -> tuple[Any, Any]:
        """Run the model on one picture.

        Args:
            picture: a Pillow image.
            noun: lower-cased.

        Returns:
            Two tensors: boxes ``(n, 4)`` xyxy in pixels of the picture, scores ``(n,)`` in [0, 1].
        """


@dataclass(frozen=True)
class AimedDetector:
    """Implements `zerotube.proposals.base.Detector` for one noun.

    Attributes:
        detector: the loaded detector.
        noun: what it looks for.
    """

    detector: TextDetector
    noun: str

    def detect(self, image: NDArray[np.uint8]) -> supervision.Detections:
        """See `zerotube.proposals.base.Detector.detect`; best first, clipped to the picture.

        Raises:
            NumericalError: if the model returned numbers that are not finite.
        """
        import supervision as sv
        import torch
        from PIL import Image

        with torch.inference_mode():
            boxes, scores = self.detector.find(Image.fromarray(image), self.noun)
        boxes_xyxy = boxes.detach().float().cpu().numpy().reshape(-1, 4)
        confidence = scores.detach().float().cpu().numpy().reshape(-1)
        if not (np.isfinite(boxes_xyxy).all() and np.isfinite(confidence).all()):
            raise NumericalError(
                f"boxes that are not finite from {self.detector.checkpoint.name!r}",
                wanted="finite boxes and scores",
                fix="set dtype=float32 for the proposer",
            )
        height, width = image.shape[:2]
        boxes_xyxy = sv.clip_boxes(boxes_xyxy, (width, height)).astype(np.float32)
        # Less than a pixel is left of a box that lay outside of the picture.
        inside = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] >= 1.0).all(axis=1)
        order = np.flatnonzero(inside)[np.argsort(-confidence[inside], kind="stable")]
        return sv.Detections(
            xyxy=boxes_xyxy[order],
            confidence=confidence[order].astype(np.float32),
            class_id=np.zeros(len(order), dtype=int),
        )
