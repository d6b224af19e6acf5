"""The motion proposer on drawn scenes whose truth is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from proposals.shape_video import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    ArrayVideo,
    Shape,
    best_match,
    film,
    line,
    still,
)
from zerotube.proposals.motion import MotionProposer, MotionSettings
from zerotube.proposals.types import TrackSet
from zerotube.synth.sample import HELD_OUT_SEED, sample
from zerotube.video import open_video, write_video

SIDE, COUNT = 160, 48


def propose(shapes: list[Shape], **look: float) -> TrackSet:
    images = film(shapes, count=COUNT, side=SIDE, **look)  # type: ignore[arg-type]
    return MotionProposer().propose(ArrayVideo(images))


def grows(time: float) -> tuple[float, float, float, float]:
    return 0.3, 0.3, 0.12 + 0.2 * time, 0.0


def spins(time: float) -> tuple[float, float, float, float]:
    return 0.7, 0.7, 0.22, 6.0 * time


def blinks(time: float) -> tuple[float, float, float, float] | None:
    return None if 0.4 < time < 0.62 else (0.5, 0.3, 0.2, 0.0)


def goes_rests_goes(time: float) -> tuple[float, float, float, float]:
    x = 0.2 + 0.3 * min(time / 0.25, 1.0) + 0.3 * max((time - 0.75) / 0.25, 0.0)
    return x, 0.7, 0.2, 0.0


SCENES = {
    "never moves": [Shape("circle", RED, still(0.5, 0.5))],
    "a ring is one object": [Shape("ring", BLUE, still(0.4, 0.6, 0.35))],
    "moves, rests, moves": [Shape("square", GREEN, goes_rests_goes)],
    "grows and spins": [Shape("circle", YELLOW, grows), Shape("square", RED, spins)],
    "crosses in front of another colour": [
        Shape("circle", RED, still(0.5, 0.5, 0.22)),
        Shape("square", BLUE, line((0.15, 0.5), (0.85, 0.5), 0.2)),
    ],
    "two of one colour pass each other": [
        Shape("circle", GREEN, line((0.15, 0.45), (0.85, 0.45))),
        Shape("circle", GREEN, line((0.85, 0.6), (0.15, 0.6))),
    ],
    "three of one colour rest": [
        Shape("circle", BLUE, still(0.2, 0.2, 0.2)),
        Shape("square", BLUE, still(0.7, 0.3, 0.2)),
        Shape("ring", BLUE, still(0.4, 0.75, 0.25)),
    ],
    "two colours touch all the time": [
        Shape("square", RED, still(0.35, 0.5, 0.2)),
        Shape("square", YELLOW, still(0.55, 0.5, 0.2)),
    ],
}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("look", [{}, {"gradient": 40.0, "noise": 3.0}], ids=["plain", "rough"])
def test_every_shape_has_its_own_track(name: str, look: dict[str, float]) -> None:
    shapes = SCENES[name]
    tracks = propose(shapes, **look)
    matches = [best_match(tracks, shape, COUNT, SIDE) for shape in shapes]
    for shape, (_, covered, iou) in zip(shapes, matches, strict=True):
        assert covered >= 0.9, (shape.kind, covered)
        assert iou >= 0.75, (shape.kind, iou)
    assert len({track_id for track_id, _, _ in matches}) == len(shapes)
    # Touching colours may also be one object of two colours: one more candidate is fair.
    assert len(tracks) <= len(shapes) + (1 if "touch" in name else 0)


def test_a_blinking_object_is_one_track_with_a_hole() -> None:
    shape = Shape("circle", RED, blinks)
    tracks = propose([shape])
    assert len(tracks) == 1
    gone = [frame for frame in range(COUNT) if blinks(frame / (COUNT - 1)) is None]
    _, visible = tracks.tracks[0].boxes_at(np.array(gone))
    assert not visible.any()
    assert best_match(tracks, shape, COUNT, SIDE)[1] == 1.0


def test_what_is_hidden_for_a_moment_is_filled_in_and_marked() -> None:
    small = Shape("circle", RED, still(0.5, 0.5, 0.15))
    tracks = propose([small, Shape("square", BLUE, line((0.1, 0.5), (0.9, 0.5), 0.3))])
    track_id, covered, iou = best_match(tracks, small, COUNT, SIDE)
    assert covered == 1.0
    assert iou > 0.8
    hidden = tracks.by_id(track_id).observed
    assert hidden[0]
    assert not hidden[COUNT // 2]


def test_frames_between_the_processed_ones_are_interpolated() -> None:
    shape = Shape("circle", RED, line((0.2, 0.2), (0.8, 0.8)))
    images = film([shape], count=62, side=SIDE)
    tracks = MotionProposer().propose(ArrayVideo(images, Fraction(30000, 1001)))
    (track,) = tracks
    assert track.frame_indices.tolist() == list(range(62))
    assert track.observed.tolist() == [frame % 3 == 0 for frame in range(62)]
    assert best_match(tracks, shape, 62, SIDE)[2] > 0.9


def test_frames_that_do_not_decode_are_filled_like_other_gaps() -> None:
    shape = Shape("square", GREEN, line((0.2, 0.5), (0.8, 0.5)))
    video = ArrayVideo(film([shape], count=COUNT, side=SIDE), lost=(10, 11, 30))
    (track,) = MotionProposer().propose(video)
    assert track.frame_indices.tolist() == list(range(COUNT))
    assert np.flatnonzero(~track.observed).tolist() == [10, 11, 30]


def test_the_same_video_gives_the_same_tracks_and_reports_progress() -> None:
    shapes = SCENES["two of one colour pass each other"]
    video = ArrayVideo(film(shapes, count=COUNT, side=SIDE, noise=3.0))
    steps: list[tuple[int, int]] = []
    first = MotionProposer().propose(
        video, progress=lambda done, total: steps.append((done, total))
    )
    second = MotionProposer().propose(video, "ball")
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.boxes_xyxy, b.boxes_xyxy)
        assert a.label == b.label == "object"
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize("size", [(8, 8), (33, 47), (1, 1), (2, 300)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_odd_and_tiny_pictures_do_not_crash(size: tuple[int, int], count: int) -> None:
    images = np.full((count, *size, 3), 90, dtype=np.uint8)
    images[:, size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = RED
    tracks = MotionProposer().propose(ArrayVideo(images))
    assert (tracks.width, tracks.height, tracks.frame_count) == (size[1], size[0], count)


def test_a_single_picture_gives_its_coloured_objects() -> None:
    shapes = [Shape("circle", RED, still(0.3, 0.3)), Shape("square", BLUE, still(0.7, 0.7))]
    tracks = MotionProposer().propose(ArrayVideo(film(shapes, count=1, side=SIDE)))
    assert len(tracks) == 2
    assert all(best_match(tracks, shape, 1, SIDE)[2] > 0.9 for shape in shapes)


def test_a_black_video_has_no_tracks() -> None:
    tracks = MotionProposer().propose(ArrayVideo(np.zeros((20, 64, 96, 3), dtype=np.uint8)))
    assert len(tracks) == 0


def test_pure_noise_does_not_flood() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 90, 120, 3), dtype=np.uint8)
    assert len(MotionProposer().propose(ArrayVideo(images))) <= MotionSettings().max_tracks


def test_the_cap_keeps_the_largest_and_says_what_it_dropped() -> None:
    places = [(x, y) for x in (0.15, 0.4, 0.65, 0.9) for y in (0.15, 0.4, 0.65, 0.9)]
    shapes = [
        Shape("circle", BLUE, still(x, y, 0.05 + 0.005 * number))
        for number, (x, y) in enumerate(places)
    ]
    video = ArrayVideo(film(shapes, count=12, side=SIDE))
    tracks = MotionProposer(MotionSettings(max_tracks=3)).propose(video)
    assert len(tracks) == 3
    assert any("13 of 16" in warning and "max_tracks 3" in warning for warning in tracks.warnings)
    for shape in shapes[-3:]:
        assert best_match(tracks, shape, 12, SIDE)[2] > 0.7


def test_a_moving_object_is_found_on_a_cluttered_scene() -> None:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    clutter = np.kron(coarse, np.ones((10, 10, 1), dtype=np.uint8))
    shape = Shape("circle", RED, line((0.2, 0.3), (0.8, 0.7), 0.25))
    images = np.empty((COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    for index in range(COUNT):
        share = shape.coverage(index / (COUNT - 1), SIDE)[..., None]
        images[index] = np.rint(clutter + share * (np.array(shape.rgb) - clutter))
    tracks = MotionProposer().propose(ArrayVideo(images))
    _, covered, iou = best_match(tracks, shape, COUNT, SIDE)
    assert covered >= 0.9
    assert iou >= 0.7
    assert len(tracks) <= MotionSettings().max_tracks


def test_generated_clips_through_a_real_file(tmp_path: Path) -> None:
    """Held-out generated clips, encoded and decoded: nearly all objects, few false tracks."""
    found = objects = false = 0
    clips = 5
    for index in range(clips):
        truth = sample(HELD_OUT_SEED, index)
        path = tmp_path / f"{index}.mp4"
        write_video(path, truth.frames, truth.fps)
        with open_video(path) as video:
            tracks = MotionProposer().propose(video)
        _, count, _ = truth.boxes_xyxy.shape
        hits = set()
        for boxes in truth.boxes_xyxy:
            shape = _Known(boxes)
            track_id, covered, iou = best_match(tracks, shape, count, truth.frames.shape[1])  # type: ignore[arg-type]
            found += covered >= 0.9 and iou >= 0.75
            hits.add(track_id)
        objects += len(truth.boxes_xyxy)
        false += len(tracks) - len(hits & {track.track_id for track in tracks})
    assert found >= 0.9 * objects
    assert false <= 0.5 * clips


class _Known:
    """True boxes float (T, 4) in the place of a shape."""

    def __init__(self, boxes: np.ndarray) -> None:
        self._boxes = boxes

    def box(self, time: float, side: int) -> list[float]:
        del side
        return self._boxes[round(time * (len(self._boxes) - 1))].tolist()  # type: ignore[no-any-return]
