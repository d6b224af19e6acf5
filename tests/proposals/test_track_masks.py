"""The mask of a track at a frame: its own, or the nearest one in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zerotube.geometry.masks import decode_mask, encode_mask
from zerotube.proposals import types
from zerotube.proposals.types import Track

SIZE = (24, 64)


def square(left: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(SIZE, bool)
    mask[4:10, left : left + 6] = True
    return mask


def track(frames: list[int], masked: set[int]) -> Track:
    """A square whose left edge is the number of its frame; some frames have a mask of it."""
    boxes = np.array([[f, 4, f + 6, 10] for f in frames], np.float32)
    masks = tuple(encode_mask(square(f)) if f in masked else None for f in frames)
    count = len(frames)
    return Track(
        1, np.array(frames), boxes, np.ones(count, bool), np.ones(count, np.float32), masks
    )


def test_the_nearest_mask_in_time_is_taken_and_of_equal_ones_the_earlier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, masked = [0, 1, 3, 7, 9, 12, 20, 21, 30], {3, 9, 12, 21}
    one = track(frames, masked)
    rles = {id(rle): frame for frame, rle in zip(frames, one.masks_rle or (), strict=True)}
    decoded: list[int] = []

    def watched(rle: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        decoded.append(rles[id(rle)])
        return decode_mask(rle)

    monkeypatch.setattr(types, "decode_mask", watched)
    for frame in frames:
        found = one.mask_at(frame)
        assert found is not None
        assert np.array_equal(found, square(frame))
    # sorted() is stable, so the earlier of two equally near ones comes first
    assert decoded == [sorted(sorted(masked), key=lambda m: abs(m - f))[0] for f in frames]


def test_the_masks_are_looked_through_once() -> None:
    class Counted(tuple[Any, ...]):
        passes = 0

        def __iter__(self) -> Any:
            Counted.passes += 1
            return super().__iter__()

    one = track(list(range(0, 40, 2)), {0, 20})
    object.__setattr__(one, "masks_rle", Counted(one.masks_rle or ()))
    for frame in range(0, 40, 2):
        assert one.mask_at(frame) is not None
    assert Counted.passes == 1


def test_without_masks_or_out_of_sight_there_is_none() -> None:
    assert track([0, 2], set()).mask_at(0) is None
    assert track([0, 2], {0}).mask_at(1) is None
    assert track([0, 2], {0}).mask_at(9) is None
