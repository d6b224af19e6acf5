"""OWLv2 (arXiv 2306.09683)."""

from __future__ import annotations

from typing import Any

from zerotube.proposals.named.detectors.base import TextDetector


class Owlv2(TextDetector):
    """Boxes whose score for the noun is above ``box_threshold``.

    A box has one score for the whole phrase, none per word: ``text_threshold`` has no meaning here.
    """

    def find(self, picture: Any, noun: str) -> tuple[Any, Any]:
        """See `TextDetector.find`."""
        # The phrase that the text tower was trained with. It has 16 places: a longer noun is cut.
        inputs = self.checkpoint.inputs(
            images=picture,
            text=[[f"a photo of a {noun}"]],
            truncation=True,
            max_length=self.checkpoint.model.config.text_config.max_position_embeddings,
        )
        found = self.checkpoint.processor.post_process_grounded_object_detection(
            self.checkpoint.model(**inputs),
            threshold=self.box_threshold,
            target_sizes=[(picture.height, picture.width)],
        )[0]
        return found["boxes"], found["scores"]
