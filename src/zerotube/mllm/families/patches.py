"""What families with a plain vision transformer share: squeeze or crop, rows of a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import ModelError


def squeezing(processor: Any) -> dict[str, Any]:
    """Arguments of the call that make a pad-resize-crop processor scale each side by itself.

    Args:
        processor: image or video processor.

    Returns:
        Settings under which its picture has the size it would have had, and holds the whole frame.
    """
    given = processor.crop_size if processor.do_center_crop else processor.size
    options: dict[str, Any] = {"do_center_crop": False}
    if given.get("height") and given.get("width"):
        options["size"] = {"height": int(given["height"]), "width": int(given["width"])}
    elif given.get("shortest_edge") and not given.get("longest_edge"):
        side = int(given["shortest_edge"])
        options["size"] = {"height": side, "width": side}
    if hasattr(processor, "pad_to_square"):
        options["do_pad"] = False
    return options


def squeezed_view(
    model_size: tuple[int, int], grid: tuple[int, int], cell: int
) -> tuple[float, float, float, float]:
    """Part of a squeezed frame that the grid covers: all but the pixels behind the last cell.

    Args:
        model_size: (height, width) of what the processor made of the frame.
        grid: (rows, columns) of cells.
        cell: side of a cell in pixels of the processed picture.
    """
    height, width = model_size
    return 0.0, 0.0, grid[1] * cell / width, grid[0] * cell / height


def kept_view(
    processor: Any,
    frame_size: tuple[int, int],
    model_size: tuple[int, int],
    grid: tuple[int, int],
    cell: int,
) -> tuple[float, float, float, float]:
    """Part of a frame that a pad-resize-crop processor leaves to the grid.

    The steps are those of the processors of ``transformers``: pad to a square, resize (the short
    side, or both sides), cut the middle out. The patches start at the upper left corner; pixels
    left over at the right and at the bottom belong to none.

    Args:
        processor: image or video processor.
        frame_size: (height, width) of the frames.
        model_size: (height, width) of what the processor made of them.
        grid: (rows, columns) of cells.
        cell: side of a cell in pixels of the processed picture.

    Returns:
        Left, top, right, bottom as fractions of the frame: inside 0..1 where the sides are cut
        off, outside where padding is part of the grid.

    Raises:
        ModelError: if the settings do not give ``model_size``.
    """
    padded, before = _padded(processor, frame_size)
    resized = _resized(processor, padded)
    final, offset = _cropped(processor, resized)
    if final != model_size:
        raise ModelError(
            f"pictures of {model_size[1]}x{model_size[0]} pixels from the processor",
            wanted=f"{final[1]}x{final[0]}, as its settings say",
            fix="this processor resizes in a way that is not understood; please report it",
        )
    spans = []
    for axis in (0, 1):
        scale = padded[axis] / resized[axis]
        length = frame_size[axis]
        first = (offset[axis] * scale - before[axis]) / length
        last = ((offset[axis] + grid[axis] * cell) * scale - before[axis]) / length
        spans.append((first, last))
    (top, bottom), (left, right) = spans
    return left, top, right, bottom


def _padded(processor: Any, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size after padding to a square, and the pixels put before the picture on each axis."""
    if not (getattr(processor, "do_pad", False) and hasattr(processor, "pad_to_square")):
        return size, (0, 0)
    side = max(size)
    return (side, side), ((side - size[0]) // 2, (side - size[1]) // 2)


def _resized(processor: Any, size: tuple[int, int]) -> tuple[int, int]:
    from transformers.image_transforms import get_resize_output_image_size
    from transformers.image_utils import ChannelDimension

    if not processor.do_resize:
        return size
    short, height, width = (processor.size.get(k) for k in ("shortest_edge", "height", "width"))
    if short and not processor.size.get("longest_edge"):
        # Only the shape is read: a picture that takes no memory.
        shape = np.broadcast_to(np.uint8(0), (3, *size))
        made = get_resize_output_image_size(
            shape, size=short, default_to_square=False, input_data_format=ChannelDimension.FIRST
        )
        return int(made[0]), int(made[1])
    if height and width:
        return int(height), int(width)
    raise ModelError(
        f"a processor that resizes to {dict(processor.size)}",
        wanted="a shortest_edge, or height and width",
        fix="this processor is not supported yet",
    )


def _cropped(processor: Any, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size after the centre crop, and where it begins on each axis (negative: padding)."""
    if not processor.do_center_crop:
        return size, (0, 0)
    crop = int(processor.crop_size["height"]), int(processor.crop_size["width"])
    begins = [
        -((wanted - length) // 2) if wanted > length else int((length - wanted) / 2)
        for length, wanted in zip(size, crop, strict=True)
    ]
    return crop, (begins[0], begins[1])


def frame_rows(
    feature_count: int, steps: int, grid: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Rows of frames that follow one another, each a grid in reading order.

    Args:
        feature_count: rows in all.
        steps: frames.
        grid: (rows, columns) of a frame's cells.

    Returns:
        int64 ``(steps, rows, columns)`` cells, and int64 ``(steps, 1)`` rows of the class token
        that leads each frame, or None where the model drops it.

    Raises:
        ModelError: if the rows are neither of the two.
    """
    height, width = grid
    each, rest = divmod(feature_count, steps)
    lead = each - height * width
    if rest or lead not in (0, 1):
        raise ModelError(
            f"{feature_count} visual features for {steps} frames of {height} x {width} patches",
            wanted="one per patch, and at most one class token per frame",
            fix="this vision tower is not laid out as its adapter says; please report it",
        )
    rows = np.arange(feature_count, dtype=np.int64).reshape(steps, each)
    return rows[:, lead:].reshape(steps, height, width), rows[:, :lead] if lead else None
