"""COCO run-length masks: ``{"size": [height, width], "counts": str}``.

The compressed string is pycocotools' (pixels counted down the columns, delta and base-48 coded);
`supervision` converts it exactly, so this module only adds the dictionary around it and checks
what comes from a file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import TracksError


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask as a COCO run-length encoding.

    Args:
        mask: bool ``(height, width)``, both at least 1.

    Returns:
        ``{"size": [height, width], "counts": str}``, ready for JSON.
    """
    # Imported here because supervision takes seconds to import and most callers never need it.
    from supervision import mask_to_rle

    height, width = mask.shape
    counts = mask_to_rle(np.asarray(mask, dtype=np.bool_), compressed=True)
    return {"size": [int(height), int(width)], "counts": counts}


def decode_mask(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask of a COCO run-length encoding.

    Args:
        rle: ``size`` ``[height, width]``; ``counts`` a compressed string or a list of run lengths.

    Returns:
        bool ``(height, width)``.

    Raises:
        TracksError: if the encoding is incomplete, damaged or of another size than it says.
    """
    from supervision import rle_to_mask

    size, counts = rle.get("size"), rle.get("counts")
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(isinstance(side, int) and side > 0 for side in size)
    ):
        raise _bad_mask(f"mask size {size!r}", "[height, width] in pixels")
    if not isinstance(counts, str | list):
        raise _bad_mask(f"mask counts of type {type(counts).__name__}", "a COCO counts string")
    height, width = size
    try:
        mask = rle_to_mask(counts, (width, height))
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad_mask(
            f"a damaged mask encoding ({error})", f"run lengths that add up to {height}x{width}"
        ) from error
    return np.asarray(mask, dtype=np.bool_)


def moved_mask(
    mask: NDArray[np.bool_],
    from_xyxy: NDArray[np.floating],
    to_xyxy: NDArray[np.floating],
) -> NDArray[np.bool_]:
    """A mask carried along with its box: translated and scaled as the box was.

    Args:
        mask: bool ``(height, width)``.
        from_xyxy: ``(4,)``, box of the object where the mask was made; with an area.
        to_xyxy: ``(4,)``, its box where the mask is wanted; with an area.

    Returns:
        bool ``(height, width)``: each pixel is what the mask is at the place that pixel's centre
        came from. What leaves the picture is cut off; what comes from outside is empty.
    """
    # Boxes are upright, so that one lookup per axis is exact. cv2.warpAffine takes any affine map,
    # and settles in its own way which pixel is meant where a centre falls between two.
    height, width = mask.shape
    start, end = np.asarray(from_xyxy, np.float64), np.asarray(to_xyxy, np.float64)
    columns, inside_x = _sources(start[[0, 2]], end[[0, 2]], width)
    rows, inside_y = _sources(start[[1, 3]], end[[1, 3]], height)
    moved = mask[np.ix_(rows, columns)] & inside_y[:, None] & inside_x[None]
    return np.asarray(moved, dtype=np.bool_)


def _sources(
    start: NDArray[np.float64], end: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Along one axis, the pixel that each pixel came from, and whether it is in the picture."""
    centres = np.arange(length) + 0.5
    scale = (start[1] - start[0]) / (end[1] - end[0])
    places = np.floor(start[0] + (centres - end[0]) * scale)
    inside = (places >= 0) & (places < length)
    return np.where(inside, places, 0).astype(np.int64), inside


def _bad_mask(got: str, wanted: str) -> TracksError:
    return TracksError(got, wanted=wanted, fix="write the mask again with pycocotools or zerotube")
