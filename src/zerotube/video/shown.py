"""How the sampled frames were shown to the model: a record, in plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zerotube.errors import VideoError


@dataclass(frozen=True)
class FramesShown:
    """What became of the frames on their way into the model.

    Raises:
        VideoError: a size or number that no clip can have.
    """

    fit: str
    """How a frame was brought to the shape that the model takes: squeeze, crop or pad."""
    frame_size: tuple[int, int]
    """(width, height) of the video's frames in pixels."""
    shown_size: tuple[int, int] | None
    """(width, height) in pixels of the picture that the vision encoder saw of each frame; None
    where it sees a frame as several pictures, or several frames as one."""
    view_xyxy: tuple[float, float, float, float]
    """The part of the frame that the grid covers, as fractions; past 0 and 1 where it is padded."""
    grid: tuple[int, int, int]
    """Time steps, rows and columns of the cells: (T, h, w)."""
    visual_tokens: int
    """Visual tokens of the clip in the language model, newlines and the like included."""
    token_limit: int | None
    """Most visual tokens that the clip might have; None where the model's grid is fixed."""
    tokens_before: int
    """Visual tokens that the checkpoint's own settings would have given."""
    system_prompt: str = ""
    """System prompt before the video; "" = what the chat template does by itself."""
    notes: tuple[str, ...] = ()
    """One line per thing that differs from what was asked for, or that the user should know."""

    def __post_init__(self) -> None:
        sizes = (*self.frame_size, *(self.shown_size or ()), *self.grid)
        if min(sizes) < 1 or self.visual_tokens < 1 or self.tokens_before < 1:
            raise VideoError(
                f"frames of {self.frame_size} shown on a grid of {self.grid} as "
                f"{self.visual_tokens} tokens",
                wanted="sizes and numbers of at least 1",
                fix="build the record from an encoded clip",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, in the order of the fields."""
        return asdict(self)
