"""How large a frame may be, in families whose grid follows the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zerotube.errors import ModelError, UsageError


@dataclass(frozen=True)
class ClipSize:
    """A size setting of a processor, and what it means for one clip.

    Attributes:
        size: ``shortest_edge`` and ``longest_edge``: least and most pixels, of a frame or of the
            whole clip, as the processor counts them.
        limit: most visual tokens of the clip under this setting.
        before: visual tokens that the checkpoint's own setting would give.
    """

    size: dict[str, int]
    limit: int
    before: int


def edges(processor: Any) -> dict[str, int]:
    """The processor's own size setting.

    Raises:
        ModelError: if it does not say how many pixels there may be.
    """
    size = {key: processor.size.get(key) for key in ("shortest_edge", "longest_edge")}
    if not all(isinstance(value, int) and value > 0 for value in size.values()):
        raise ModelError(
            f"a video processor of size {dict(processor.size)}",
            wanted="shortest_edge and longest_edge, the least and most pixels",
            fix="take the video_preprocessor_config.json that was published with the model",
        )
    return size


def cell_pixels(processor: Any) -> int:
    """Pixels of one cell: the merged patches."""
    return int(processor.patch_size * processor.merge_size) ** 2


def clip_size(
    processor: Any,
    frame_count: int,
    frame_size: tuple[int, int],
    *,
    counted: int,
    makers: dict[str, int],
    budget: int,
) -> ClipSize:
    """The size setting for a clip.

    Args:
        processor: video processor.
        frame_count: frames of the clip, at least one time step.
        frame_size: (height, width) in pixels.
        counted: frames whose pixels are counted against ``longest_edge``: 1, or those of the clip.
        makers: the setting without a budget.
        budget: most visual tokens of the clip; 0 = what the setting ``makers`` gives.

    Raises:
        UsageError: a budget of less than one token per time step.
    """
    steps = -(-frame_count // int(processor.temporal_patch_size))
    cell = cell_pixels(processor)
    before = _tokens(processor, frame_count, frame_size, edges(processor))
    if not budget:
        limit = makers["longest_edge"] // counted // cell * steps
        return ClipSize(makers, limit, before)
    if budget < steps:
        raise UsageError(
            f"a limit of {budget} visual tokens for {steps} time steps",
            wanted=f"at least {steps}, one per step",
            fix="raise --max-visual-tokens, or sample fewer frames (--frames)",
        )
    longest = budget // steps * cell * counted
    size = {"shortest_edge": min(makers["shortest_edge"], longest), "longest_edge": longest}
    if _tokens(processor, frame_count, frame_size, size) > budget:
        # Small frames are scaled up to the least size and rounded up: past a tight budget.
        size["shortest_edge"] = 1
    return ClipSize(size, budget, before)


def _tokens(
    processor: Any, frame_count: int, frame_size: tuple[int, int], size: dict[str, int]
) -> int:
    patches = processor.get_num_of_video_patches(frame_count, *frame_size, {"size": size})
    return int(patches) // int(processor.merge_size) ** 2
