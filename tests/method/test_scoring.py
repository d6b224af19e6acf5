"""Eq. 2 against brute force: draw the mask at the video's size, resample it, take the maximum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zerotube.geometry.masks import encode_mask
from zerotube.method.scoring import (
    box_weights,
    frame_scores,
    mask_weights,
    pixel_frame_scores,
)
from zerotube.mllm.types import TokenLayout
from zerotube.proposals.types import Track, TrackSet
from zerotube.video import uniform_indices


def make_track(track_id: int, frames: list[int], boxes: list[list[float]], masks=None) -> Track:
    count = len(frames)
    return Track(
        track_id=track_id,
        frame_indices=np.array(frames, dtype=np.int64),
        boxes_xyxy=np.array(boxes, dtype=np.float32),
        observed=np.ones(count, dtype=bool),
        scores=np.ones(count, dtype=np.float32),
        masks_rle=masks,
    )


def pixel_mask(box: list[int], height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width))
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


def torch_resample(mask: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    return torch.nn.functional.interpolate(
        torch.from_numpy(mask)[None, None], size=grid, mode="bilinear", align_corners=False
    )[0, 0].numpy()


@st.composite
def boxes_on_images(draw: st.DrawFn) -> tuple[list[int], int, int, tuple[int, int]]:
    height, width = draw(st.integers(8, 60)), draw(st.integers(8, 60))
    x1, y1 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x2, y2 = draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height))
    grid = (draw(st.integers(1, 8)), draw(st.integers(1, 8)))
    return [x1, y1, x2, y2], height, width, grid


@given(boxes_on_images())
def test_box_weights_equal_bilinear_resampling(case) -> None:
    box, height, width, grid = case
    expected = torch_resample(pixel_mask(box, height, width), grid)
    got = box_weights(np.array([box], dtype=np.float32), (height, width), grid)[0]
    if expected.max() > 0:
        np.testing.assert_allclose(got, expected, atol=1e-9)
    else:  # no cell centre inside: the cell of the box's own centre counts
        assert got.max() > 0
        for row, column in np.argwhere(got > 0):
            assert box[1] < (row + 1) / grid[0] * height
            assert box[3] > row / grid[0] * height
            assert box[0] < (column + 1) / grid[1] * width
            assert box[2] > column / grid[1] * width


@given(boxes_on_images())
def test_mask_weights_equal_bilinear_resampling(case) -> None:
    box, height, width, grid = case
    mask = pixel_mask(box, height, width).astype(bool)
    expected = torch_resample(mask.astype(float), grid)
    np.testing.assert_allclose(mask_weights(mask, grid), expected, atol=1e-9)


def test_view_shifts_the_grid() -> None:
    """A grid over the middle half of the frame: a box at the left edge lies outside it."""
    boxes = np.array([[0, 0, 20, 80], [40, 0, 60, 80]], dtype=np.float32)
    got = box_weights(boxes, (80, 80), (1, 4), view_xyxy=(0.25, 0.0, 0.75, 1.0))
    assert got[0].max() == 0
    assert got[1, 0].tolist() == [0, 0, 1, 1]


@given(st.integers(0, 2**32 - 1))
def test_frame_scores_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, grid, count = 40, 30, (4, 5), 4
    step_of_frame = np.array([0, 0, 1, 1])  # a family that merges two frames
    cells = np.arange(2 * grid[0] * grid[1]).reshape(2, *grid)
    layout = TokenLayout(cells, cells.size, step_of_frame)
    attention = rng.random((2, *grid)).astype(np.float32)
    frames = np.array([0, 5, 9, 12])
    tracks = []
    for track_id in (1, 2):
        kept = np.flatnonzero(rng.random(count) < 0.7)
        kept = kept if kept.size else np.array([1])
        corners = rng.integers(0, 15, (kept.size, 2))
        sizes = rng.integers(9, 15, (kept.size, 2))
        boxes = np.concatenate([corners, corners + sizes], axis=1)
        tracks.append(make_track(track_id, frames[kept].tolist(), boxes.tolist()))
    candidates = TrackSet(tuple(tracks), 13, width, height, "test")
    got = frame_scores(attention, candidates, frames, layout, "box")
    for row, track in enumerate(tracks):
        for column, frame in enumerate(frames):
            if frame not in track.frame_indices:
                assert got[row, column] == 0
                continue
            box = track.boxes_xyxy[list(track.frame_indices).index(frame)].astype(int).tolist()
            weights = torch_resample(pixel_mask(box, height, width), grid)
            expected = (attention[step_of_frame[column]] * weights).max()
            assert got[row, column] == pytest.approx(expected, abs=1e-6)


def test_mask_support_falls_back_to_the_box_where_no_mask_reaches_a_cell() -> None:
    layout = TokenLayout(np.arange(8).reshape(2, 2, 2), 8, np.arange(2))
    attention = np.array([[[1, 2], [3, 4]], [[1, 2], [3, 4]]], dtype=np.float32)
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10, :10] = True  # the object fills only the upper left of its box
    speck = np.zeros((20, 20), dtype=bool)
    speck[0, 0] = True  # between the cell centres
    boxes = [[0, 0, 20, 20]] * 2
    tracks = (
        make_track(1, [0, 1], boxes, masks=(encode_mask(mask), encode_mask(speck))),
        make_track(2, [0, 1], boxes, masks=(None, None)),
        make_track(3, [0, 1], boxes),
    )
    candidates = TrackSet(tracks, 2, 20, 20, "test")
    frames = np.arange(2)
    assert frame_scores(attention, candidates, frames, layout, "box").tolist() == [[4, 4]] * 3
    by_mask = frame_scores(attention, candidates, frames, layout, "mask")
    assert by_mask.tolist() == [[1, 4], [4, 4], [4, 4]]


def test_a_mask_at_every_tenth_frame_supports_every_sampled_frame() -> None:
    """As published proposals have them: without the nearest mask, 18 of these 20 frames would be
    scored by the box, whose right half holds the larger attention."""
    count, frames = 600, uniform_indices(600, 20)
    boxes = np.array([[at % 40, 0, at % 40 + 40, 20] for at in range(count)])
    masks = []
    for at, box in enumerate(boxes):
        picture = np.zeros((20, 80), dtype=bool)
        picture[:, box[0] : box[0] + 20] = True  # the left half of the box
        masks.append(encode_mask(picture) if at % 10 == 0 else None)
    assert sum(masks[frame] is not None for frame in frames) <= 3
    track = make_track(1, list(range(count)), boxes.tolist(), masks=tuple(masks))
    plain = make_track(2, list(range(count)), boxes.tolist())
    candidates = TrackSet((track, plain), count, 80, 20, "test")
    layout = TokenLayout(np.arange(20 * 80).reshape(20, 1, 80), 20 * 80, np.arange(20))
    attention = np.tile(np.arange(80, dtype=np.float32) + 1, (20, 1, 1))
    by_mask, by_box = frame_scores(attention, candidates, frames, layout, "mask")
    # The last column inside: one cell per pixel, and attention is the column's number from 1.
    assert by_mask.tolist() == [float(boxes[frame, 0] + 20) for frame in frames]
    assert by_box.tolist() == [float(boxes[frame, 2]) for frame in frames]


@given(boxes_on_images(), st.booleans(), st.integers(0, 3))
def test_pixel_scores_equal_the_released_codes_upscaling(case, by_mask: bool, seed: int) -> None:
    """Upscale with torch as there, multiply by the mask drawn at full size, take the maximum."""
    box, height, width, grid = case
    attention = np.random.default_rng(seed).random((1, *grid), dtype=np.float32)
    mask = pixel_mask(box, height, width)
    rle = encode_mask(mask.astype(bool)) if by_mask else None
    track = make_track(1, [0], [box], (rle,))
    tracks = TrackSet((track,), 1, width, height, "test")
    cells = np.arange(grid[0] * grid[1]).reshape(1, *grid)
    layout = TokenLayout(cells, cells.size, np.array([0]))
    scaled = torch.nn.functional.interpolate(
        torch.from_numpy(attention)[None].double(),
        size=(height, width), mode="bilinear", align_corners=False,
    )[0, 0].numpy()  # fmt: skip
    support = "mask" if by_mask else "box"
    got = pixel_frame_scores(attention, tracks, np.array([0]), layout, support)
    assert got[0, 0] == pytest.approx((scaled * mask).max(), rel=1e-6)


def test_pixels_that_the_map_does_not_cover_score_nothing() -> None:
    attention = np.ones((1, 2, 2), dtype=np.float32)
    cells = np.arange(4).reshape(1, 2, 2)
    middle = TokenLayout(cells, 4, np.array([0]), view_xyxy=(0.25, 0.0, 0.75, 1.0))
    boxes = {1: [0, 0, 20, 40], 2: [30, 10, 50, 30], 3: [30.2, 10.2, 30.4, 10.4]}
    tracks = TrackSet(
        tuple(make_track(number, [0], [box]) for number, box in boxes.items()), 1, 100, 40, "test"
    )
    got = pixel_frame_scores(attention, tracks, np.array([0]), middle, "box")
    assert got[:, 0].tolist() == [0.0, 1.0, 1.0]
