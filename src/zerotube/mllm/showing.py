"""What a model is shown: frames cropped or padded to squares, a system prompt, and the record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zerotube.errors import ModelError, UsageError
from zerotube.mllm.prompting import render
from zerotube.mllm.types import EncodeOptions, FrameFit, TokenLayout
from zerotube.video.shown import FramesShown
from zerotube.video.types import Clip

View = tuple[float, float, float, float]


def fitted(clip: Clip, fit: FrameFit, processor: Any) -> tuple[Clip, View]:
    """The clip as the processor gets it.

    Args:
        clip: the sampled frames.
        fit: "crop" and "pad" make squares, "squeeze" leaves the frames to the processor.
        processor: image or video processor; padding has its mean colour.

    Returns:
        The frames, and where their edges lie in the original frame: left, top, right, bottom as
        fractions of its width and height (outside 0..1 where they are padded).
    """
    height, width = clip.info.height, clip.info.width
    if fit == "squeeze" or height == width:
        return clip, (0.0, 0.0, 1.0, 1.0)
    side = min(height, width) if fit == "crop" else max(height, width)
    # Of an odd number of pixels the larger half lies right or below.
    left, top = (width - side) // 2, (height - side) // 2
    if fit == "pad":
        left, top = -((side - width) // 2), -((side - height) // 2)
        colour = [round(255 * value) for value in processor.image_mean]
        frames = np.empty((len(clip), side, side, 3), dtype=np.uint8)
        frames[:] = colour
        frames[:, -top : height - top, -left : width - left] = clip.frames
    else:
        frames = np.ascontiguousarray(clip.frames[:, top : top + side, left : left + side])
    square = replace(clip, frames=frames, info=replace(clip.info, width=side, height=side))
    return square, (left / width, top / height, (left + side) / width, (top + side) / height)


def within(outer: View, inner: View) -> View:
    """A view of a part of a frame as a view of the frame.

    Args:
        outer: the part, as fractions of the frame.
        inner: a view, as fractions of the part.
    """
    left, top, right, bottom = outer
    width, height = right - left, bottom - top
    return (
        left + inner[0] * width,
        top + inner[1] * height,
        left + inner[2] * width,
        top + inner[3] * height,
    )


def prompt_text(
    processor: Any, question: str, modality: str, system: str, visual_token: str
) -> tuple[str, bool]:
    """The rendered prompt, and whether the system prompt is in it.

    Args:
        processor: the checkpoint's.
        question: text of the user.
        modality: "video" or "image".
        system: the system prompt; "" = none.
        visual_token: text that the processor expands, which need not be a token.

    Raises:
        UsageError: a system prompt that holds a special token of the model.
    """
    if not system:
        return render(processor, question, modality), True
    for token in (visual_token, *processor.tokenizer.get_added_vocab()):
        if token in system:
            raise UsageError(
                f"a system prompt with the special token {token!r}",
                wanted="plain text",
                fix="leave the token out",
            )
    try:
        text = render(processor, question, modality, system=system)
    except ModelError:  # templates raise on a role that they do not know
        text = ""
    if system in text:
        return text, True
    return render(processor, question, modality), False


def record(
    clip: Clip,
    layout: TokenLayout,
    options: EncodeOptions,
    *,
    shown_size: tuple[int, int] | None,
    limit: int | None,
    before: int,
    keeps_grid: bool,
    keeps_prompt: bool,
) -> FramesShown:
    """What was done to a clip.

    Args:
        clip: the sampled frames, as they came.
        layout: of the encoded clip.
        options: what was asked.
        shown_size: (width, height) of the picture the encoder saw of a frame; None = of several.
        limit: most visual tokens of the clip; None where the grid is fixed.
        before: visual tokens that the checkpoint's own settings give.
        keeps_grid: whether a grid side was asked for that the family cannot give.
        keeps_prompt: whether a system prompt was asked for that the template drops.
    """
    count = layout.feature_count
    notes = []
    by_makers = limit is not None and not options.max_visual_tokens
    if by_makers and shown_size is not None and count < before:
        notes.append(
            f"frames of {clip.info.width}x{clip.info.height} pixels are shown to the model at "
            f"{shown_size[0]}x{shown_size[1]}: {count} visual tokens, as its makers limit them, in "
            f"place of {before} (--max-visual-tokens)"
        )
    if keeps_grid:
        rows, columns = layout.grid[1:]
        notes.append(
            f"no grid of {options.grid_side} x {options.grid_side} cells for this model: it keeps "
            f"its own {rows} x {columns} (--grid-side)"
        )
    if keeps_prompt:
        notes.append("this model's chat template has no place for a system prompt: left out")
    return FramesShown(
        fit=options.frame_fit,
        frame_size=(clip.info.width, clip.info.height),
        shown_size=shown_size,
        view_xyxy=layout.view_xyxy,
        grid=layout.grid,
        visual_tokens=count,
        token_limit=limit,
        tokens_before=before,
        system_prompt="" if keeps_prompt else options.system_prompt,
        notes=tuple(notes),
    )


def check_budget(count: int, budget: int, frames: int, *, fixed: bool) -> None:
    """Refuse a clip that has more visual tokens than are allowed.

    Args:
        count: visual tokens.
        budget: most of them; 0 = any.
        frames: frames of the clip.
        fixed: whether the model's grid is the same for all frames.

    Raises:
        UsageError: with what would fit.
    """
    if not budget or count <= budget:
        return
    cause = "its grid is fixed" if fixed else "its frames are too long and narrow for fewer"
    raise UsageError(
        f"a limit of {budget} visual tokens for a model that makes {count} of {frames} frames: "
        f"{cause}",
        wanted=f"at least {count}",
        fix=f"pass --max-visual-tokens {count}, or sample fewer frames (--frames)",
    )
