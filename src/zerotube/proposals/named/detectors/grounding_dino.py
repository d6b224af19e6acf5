"""Grounding DINO (arXiv 2303.05499) and MM-Grounding-DINO (arXiv 2401.02361).

One adapter serves both: they share their processor, its caption format and its outputs.
"""

from __future__ import annotations

from typing import Any

from zerotube.proposals.named.detectors.base import TextDetector


class GroundingDino(TextDetector):
    """Boxes whose best word of the caption scores above ``box_threshold``."""

    def find(self, picture: Any, noun: str) -> tuple[Any, Any]:
        """See `TextDetector.find`. A box that no word explains is left out."""
        import torch

        # The model was trained on lower-case phrases that each end with a full stop.
        inputs = self.checkpoint.inputs(images=picture, text=f"{noun}.")
        found = self.checkpoint.processor.post_process_grounded_object_detection(
            self.checkpoint.model(**inputs),
            inputs["input_ids"],
            threshold=self.box_threshold,
            text_threshold=self.text_threshold,
            target_sizes=[(picture.height, picture.width)],
        )[0]
        # Without any box the processor still returns one, empty, label.
        labels = found["text_labels"][: len(found["boxes"])]
        named = torch.tensor([bool(label.strip()) for label in labels], dtype=torch.bool)
        named = named.to(found["boxes"].device)
        return found["boxes"][named], found["scores"][named]
