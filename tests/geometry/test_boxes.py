"""Box arithmetic against brute force on pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zerotube.geometry.boxes import box_area, interpolate_boxes, paired_intersection, paired_iou

GRID = 12


@st.composite
def whole_boxes(draw: st.DrawFn, count: int) -> np.ndarray:
    """Boxes on whole pixels of a small picture, float64 (count, 4), some of them empty."""
    edge = st.integers(0, GRID)
    rows = []
    for _ in range(count):
        x1, x2 = sorted((draw(edge), draw(edge)))
        y1, y2 = sorted((draw(edge), draw(edge)))
        rows.append((x1, y1, x2, y2))
    return np.array(rows, dtype=np.float64)


def pixels(box: np.ndarray) -> np.ndarray:
    mask = np.zeros((GRID, GRID), dtype=bool)
    x1, y1, x2, y2 = box.astype(int)
    mask[y1:y2, x1:x2] = True
    return mask


@given(whole_boxes(5), whole_boxes(5))
def test_area_intersection_and_iou_count_pixels(first: np.ndarray, second: np.ndarray) -> None:
    masks = [(pixels(a), pixels(b)) for a, b in zip(first, second, strict=True)]
    assert box_area(first).tolist() == [a.sum() for a, _ in masks]
    assert paired_intersection(first, second).tolist() == [(a & b).sum() for a, b in masks]
    brute = [(a & b).sum() / max((a | b).sum(), 1) for a, b in masks]
    np.testing.assert_allclose(paired_iou(first, second), brute)


def test_an_inverted_box_has_no_area() -> None:
    assert box_area(np.array([[5.0, 0.0, 1.0, 4.0]])).tolist() == [0.0]


@given(
    frames=st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True).map(sorted),
    at=st.lists(st.integers(-5, 65), min_size=1, max_size=20),
    seed=st.integers(0, 1000),
)
def test_interpolation_is_linear_between_known_frames_and_held_outside(
    frames: list[int], at: list[int], seed: int
) -> None:
    boxes = np.random.default_rng(seed).uniform(0, 100, (len(frames), 4))
    got = interpolate_boxes(np.array(frames), boxes, np.array(at))
    for frame, box in zip(at, got, strict=True):
        if frame <= frames[0]:
            wanted = boxes[0]
        elif frame >= frames[-1]:
            wanted = boxes[-1]
        else:
            after = next(i for i, known in enumerate(frames) if known >= frame)
            before = after - 1
            share = (frame - frames[before]) / (frames[after] - frames[before])
            wanted = boxes[before] + share * (boxes[after] - boxes[before])
        np.testing.assert_allclose(box, wanted, atol=1e-9)
