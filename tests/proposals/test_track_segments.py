"""Tracks of a whole video, cut to a part of it, and tracks of a part, in frames of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from zerotube.geometry.spans import Span
from zerotube.proposals.segment import of_whole, within
from zerotube.proposals.types import Track, TrackSet
from zerotube.video import Frame, ThinnedVideo, Video, VideoInfo


def track(number: int, frames: list[int]) -> Track:
    count = len(frames)
    boxes = np.array([[f, 0, f + 5, 5] for f in frames], np.float32)
    masks = tuple({"size": [9, 9], "counts": str(f)} for f in frames)
    return Track(
        number, np.array(frames), boxes, np.ones(count, bool), np.ones(count, np.float32), masks
    )


def test_what_lies_inside_is_kept_and_renumbered() -> None:
    whole = TrackSet((track(4, [1, 3, 5, 9]), track(7, [0, 1])), 10, 64, 48, "file")
    part = within(whole, Span(3, 8))
    assert (part.frame_count, [item.track_id for item in part]) == (6, [4])
    kept = part.by_id(4)
    assert kept.frame_indices.tolist() == [0, 2]
    assert kept.boxes_xyxy[:, 0].tolist() == [3, 5]
    assert kept.masks_rle is not None
    assert [mask["counts"] for mask in kept.masks_rle if mask] == ["3", "5"]


def test_nothing_inside_leaves_nothing() -> None:
    whole = TrackSet((track(7, [0, 1]),), 10, 64, 48, "file")
    assert len(within(whole, Span(5, 6))) == 0


class Unread(Video):
    """A video of which only the times are asked for."""

    def __init__(self, times_s: list[float]) -> None:
        end_s = times_s[-1] + 0.1
        info = VideoInfo("x.mp4", Fraction(10), len(times_s), 64, 48, end_s, 0, True, ())
        super().__init__(info, np.array(times_s))

    def _read(self, wanted: np.ndarray) -> Iterator[Frame]:
        raise AssertionError("nothing is to be decoded")


TIMES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]


def test_tracks_of_chosen_frames_are_followed_between_them_in_time() -> None:
    view = ThinnedVideo(Unread(TIMES), [2, 4, 7, 9])
    boxes = np.array([[0, 0, 10, 10], [12, 0, 22, 10], [15, 6, 25, 16]], np.float32)
    seen = np.array([0, 1, 2])
    found = Track(
        3, seen, boxes, np.array([True, False, True]), np.array([0.2, 0.5, 0.9], np.float32),
        ({"size": [1, 1], "counts": "a"}, None, {"size": [1, 1], "counts": "b"}), "dog",
    )  # fmt: skip
    spread = of_whole(TrackSet((found,), 4, 64, 48, "motion", {"x": 1}, ("so",)), view)
    assert (spread.frame_count, spread.source, spread.warnings) == (12, "motion", ("so",))
    assert spread.settings == {
        "x": 1,
        "time_first": {"start_frame": 2, "end_frame": 9, "frames_seen": 4},
    }
    (track,) = spread
    assert (track.track_id, track.label) == (3, "dog")
    assert track.frame_indices.tolist() == [2, 3, 4, 5, 6, 7]
    # Frame 6 appears five sixths of the way from frame 4 to frame 7, frame 5 one sixth.
    np.testing.assert_allclose(track.boxes_xyxy[:, 0], [0, 6, 12, 12.5, 14.5, 15], rtol=1e-6)
    np.testing.assert_allclose(track.boxes_xyxy[:, 3], [10, 10, 10, 11, 15, 16], rtol=1e-6)
    assert np.array_equal(track.boxes_xyxy[[0, 2, 5]], boxes)
    assert track.observed.tolist() == [True, False, False, False, False, True]
    np.testing.assert_allclose(track.scores, [0.2, 0.2, 0.5, 0.5, 0.9, 0.9])
    assert track.masks_rle is not None
    assert [mask and mask["counts"] for mask in track.masks_rle] == [
        "a", None, None, None, None, "b",
    ]  # fmt: skip


def test_where_the_view_misses_the_object_nothing_is_filled_in() -> None:
    view = ThinnedVideo(Unread(TIMES), [0, 3, 6, 9, 11])
    (spread,) = of_whole(TrackSet((track(1, [1, 2, 4]),), 5, 64, 48, "file"), view)
    assert spread.frame_indices.tolist() == [3, 4, 5, 6, 11]


def test_every_frame_of_a_part_only_changes_its_number() -> None:
    view = ThinnedVideo(Unread(TIMES), [3, 4, 5, 6])
    part = track(1, [0, 1, 3])
    (spread,) = of_whole(TrackSet((part,), 4, 64, 48, "file"), view)
    assert spread.frame_indices.tolist() == [3, 4, 6]
    assert np.array_equal(spread.boxes_xyxy, part.boxes_xyxy)
    assert spread.masks_rle == part.masks_rle
