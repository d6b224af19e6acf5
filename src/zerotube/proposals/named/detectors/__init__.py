"""Open-vocabulary detectors by the architecture of their checkpoint."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from zerotube.proposals.pretrained import load_pretrained

if TYPE_CHECKING:
    from zerotube.proposals.named.detectors.base import TextDetector

DETECTORS: dict[str, str] = {
    "GroundingDinoForObjectDetection": "grounding_dino:GroundingDino",
    "MMGroundingDinoForObjectDetection": "grounding_dino:GroundingDino",
    "Owlv2ForObjectDetection": "owlv2:Owlv2",
}
"""Architecture named in a checkpoint's config -> module and class of its adapter."""


def load_detector(
    name: str,
    *,
    box_threshold: float,
    text_threshold: float,
    device: str | None = None,
    dtype: str = "auto",
) -> TextDetector:
    """Load a detector.

    Args:
        name: a folder written by ``save_pretrained``, or a Hugging Face id.
        box_threshold: least score of a box.
        text_threshold: least score of a word to count as what a box shows.
        device: torch device; None for the first GPU, else the CPU.
        dtype: see `zerotube.checkpoints.torch_dtype`.

    Raises:
        ModelError: the checkpoint cannot be loaded or is of another architecture.
        UsageError: unknown device or dtype.
    """
    checkpoint = load_pretrained(
        name,
        architectures=DETECTORS,
        processor_class="AutoProcessor",
        role="detector",
        device=device,
        dtype=dtype,
    )
    module, _, adapter = DETECTORS[checkpoint.architecture].partition(":")
    made: TextDetector = getattr(import_module(f"{__name__}.{module}"), adapter)(
        checkpoint, box_threshold=box_threshold, text_threshold=text_threshold
    )
    return made
