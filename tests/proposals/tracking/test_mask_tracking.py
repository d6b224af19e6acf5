"""Joining, identities, the way back, caps: with a tracker and a detector that go by colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from proposals.shape_video import ArrayVideo
from proposals.tracking.colour_tracker import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    ColourDetector,
    ColourSession,
    mask_of,
    picture,
)
from zerotube.geometry.masks import decode_mask
from zerotube.proposals.fragments.selection import drop_echoes
from zerotube.proposals.fragments.types import Fragment
from zerotube.proposals.named.base import NamedProposer
from zerotube.proposals.settings import NamedSettings, Sam2Settings
from zerotube.proposals.tracking.mask_record import MaskRecord
from zerotube.proposals.tracking.masks import MaskFollower

RULES = Sam2Settings(
    every=5,
    nms_iou=0.7,
    match_iou=0.5,
    max_objects=4,
    lost_s=1.2,
    window=7,
    speck_share=0.05,
)
CHOICE = NamedSettings(min_duration_s=0.2, fill_s=0.3, same_object_iou=0.7, max_objects=4)


class Found(NamedProposer):
    """A proposer that has found these fragments."""

    name = "found"
    settings_type = NamedSettings

    def __init__(self, fragments: list[Fragment], settings: NamedSettings) -> None:
        super().__init__(settings)
        self._fragments = fragments

    def _models(self) -> tuple[str, ...]:
        return ()

    def _follow(self, video, text, report):  # type: ignore[no-untyped-def]
        return self._fragments, []


def follow(
    images: list[np.ndarray], detector: ColourDetector, rules: Sam2Settings = RULES, **lost: object
) -> tuple[list[Fragment], list[str], list[ColourSession]]:
    sessions: list[ColourSession] = []

    def opened() -> ColourSession:
        sessions.append(ColourSession())
        return sessions[-1]

    video = ArrayVideo(np.stack(images), **lost)  # type: ignore[arg-type]
    found, warnings = MaskFollower(opened, detector, rules).run(video, lambda done, total: None)
    return found, warnings, sessions


def test_one_object_keeps_its_name_through_every_detection() -> None:
    images = [picture((RED, 2 + index, 10, 12)) for index in range(40)]
    detector = ColourDetector({RED: 0.9})
    (track,), warnings, sessions = follow(images, detector)
    assert detector.calls == 8
    assert track.frames.tolist() == list(range(40))
    assert track.boxes_xyxy[7].tolist() == [9, 10, 21, 22]
    assert len(sessions) == 1, "an object seen from the first frame needs no way back"
    assert sessions[0].shown == list(range(40))
    assert not warnings
    assert np.array_equal(decode_mask(track.masks_rle[7]), mask_of(images[7], RED))


def test_an_object_joins_late_and_is_followed_back_to_where_it_came_in() -> None:
    # In the picture from frame 8, detected only once it is 30 px in: at frame 40, the 8th look.
    images = [picture((RED, 4, 30, 12), (BLUE, index - 20, 5, 12)) for index in range(60)]
    detector = ColourDetector({RED: 0.9, BLUE: 0.8}, sees=lambda box: box[0] < 10 or box[0] >= 20)
    # What it sees of blue on its way in does not count.
    detector.sees = lambda box: box[0] >= 20 or box[1] >= 30
    (red, blue), _, sessions = follow(images, detector)
    assert red.frames.tolist() == list(range(60))
    assert blue.frames.tolist() == list(range(9, 60))
    assert blue.boxes_xyxy[0].tolist() == [0, 5, 1, 17]
    back = sessions[1].shown
    assert back == sorted(back, reverse=True)
    assert back[0] == 40
    assert back[-1] <= 9
    assert sessions[1].most == 1, "red was there from the start"


def test_several_join_on_the_way_back_each_at_its_own_frame() -> None:
    images = [picture((RED, 4, 30, 8), (BLUE, 40, 5, 8), (GREEN, 20, 20, 8)) for _ in range(30)]
    seen = {"looks": 0}

    class Late(ColourDetector):
        def detect(self, image):  # type: ignore[no-untyped-def]
            # One more object at every second look: frames 0, 10 and 20.
            colours = [RED, BLUE, GREEN][: 1 + seen["looks"] // 2]
            seen["looks"] += 1
            self.confidence = dict.fromkeys(colours, 0.9)
            return super().detect(image)

    found, _, sessions = follow(images, Late({}))
    assert [len(track) for track in found] == [30, 30, 30]
    assert sessions[1].shown[0] == 20
    assert sessions[1].most == 2


def test_frames_are_held_in_windows_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [picture((RED, 4 + index // 4, 30, 8)) for index in range(50)]
    asked: list[tuple[int, int | None]] = []
    stream = ArrayVideo.stream

    def counted(self, start=0, stop=None, stride=1):  # type: ignore[no-untyped-def]
        asked.append((start, stop))
        return stream(self, start, stop, stride)

    monkeypatch.setattr(ArrayVideo, "stream", counted)
    detector = ColourDetector({RED: 0.9}, sees=lambda box: box[0] >= 14)
    (track,), _, _ = follow(images, detector)
    assert track.frames.tolist() == list(range(50))
    forwards, *windows = asked
    assert forwards == (0, None)
    assert max(stop - start for start, stop in windows) == RULES.window
    assert windows[0][1] == 41
    assert windows[-1][0] == 0


def test_an_object_back_in_time_keeps_its_name_and_one_too_late_does_not() -> None:
    def images(absent: range) -> list[np.ndarray]:
        return [
            picture((WHITE, 2, 2, 4)) if index in absent else picture((RED, 10, 10, 12))
            for index in range(60)
        ]

    soon, _, _ = follow(images(range(20, 30)), ColourDetector({RED: 0.9}))
    assert len(soon) == 1
    assert len(soon[0]) == 50
    late, _, _ = follow(images(range(20, 45)), ColourDetector({RED: 0.9}))
    # Given up and found again: two fragments, of which the second goes back as far as it can.
    assert [track.frames[0] for track in late] == [0, 45]


def test_no_more_are_followed_than_asked_for_and_places_become_free() -> None:
    images = [
        picture((RED, 4, 30, 8), (BLUE, 40, 5, 8), *([(GREEN, 20, 20, 8)] if index < 10 else []))
        for index in range(40)
    ]
    detector = ColourDetector({RED: 0.7, BLUE: 0.8, GREEN: 0.9})
    found, warnings, sessions = follow(images, detector, replace(RULES, max_objects=2))
    assert sessions[0].most == 2
    assert len(found) == 3, "when green was lost, red took its place"
    assert "max_objects" in warnings[0]


def test_doubled_detections_are_one_object() -> None:
    images = [picture((RED, 10, 10, 14)) for _ in range(10)]
    found, _, _ = follow(images, ColourDetector({RED: 0.9}, doubled=3))
    assert len(found) == 1
    # Also where overlap of boxes does not tell, because it may be as large as can be.
    found, _, _ = follow(images, ColourDetector({RED: 0.9}, doubled=3), replace(RULES, nms_iou=1.0))
    assert len(found) == 1


def test_frames_that_do_not_decode_are_left_out_and_detection_goes_on() -> None:
    images = [picture((RED, 10, 10, 12)) for _ in range(30)]
    detector = ColourDetector({RED: 0.9})
    (track,), _, _ = follow(images, detector, lost=(0, 1, 10))
    assert track.frames.tolist() == [index for index in range(30) if index not in (0, 1, 10)]
    assert detector.calls == 6, "at 2, 5, 11, 15, 20 and 25"


def test_nothing_found_is_no_track() -> None:
    found, warnings, sessions = follow([picture()] * 12, ColourDetector({RED: 0.9}))
    assert found == []
    assert warnings == []
    assert len(sessions) == 1


def fragment(frames: range, left: int, score: float = 0.9) -> Fragment:
    masks = {frame: mask_of(picture((RED, left, 10, 12)), RED) for frame in frames}
    record = MaskRecord(score, frames[0])
    for frame, mask in masks.items():
        record.add(frame, mask)
    return record.fragment()


def test_tracks_of_one_object_become_one_that_lasts_as_long_as_both() -> None:
    lost, found_again = fragment(range(12), 10), fragment(range(3, 30), 11)
    (merged,) = drop_echoes([found_again, lost], iou=0.7, merge=True)
    assert merged.frames.tolist() == list(range(30))
    assert merged.boxes_xyxy[:, 0].tolist() == [10] * 3 + [11] * 27
    assert sorted(merged.masks_rle) == list(range(30))
    apart = drop_echoes([fragment(range(30), 10), fragment(range(30), 18)], iou=0.7, merge=True)
    assert len(apart) == 2


def test_candidates_are_filled_ranked_and_capped() -> None:
    video = ArrayVideo(np.stack([picture()] * 40))
    gone = fragment(range(40), 10)
    gone = gone.take(~np.isin(gone.frames, [20, 21]))
    brief = fragment(range(1), 40)
    short = fragment(range(20), 40, score=0.5)
    tracks = Found([brief, short, gone], CHOICE).propose(video, "dog")
    assert [len(track.frame_indices) for track in tracks] == [40, 20]
    first = tracks.tracks[0]
    assert first.label == "dog"
    assert first.observed.tolist() == [index not in (20, 21) for index in range(40)]
    assert first.masks_rle is not None
    assert [index for index, mask in enumerate(first.masks_rle) if mask is None] == [20, 21]
    assert decode_mask(first.masks_rle[0]).shape == (48, 64)
    assert not tracks.warnings
    tracks = Found([short, gone], replace(CHOICE, max_objects=1)).propose(video, "dog")
    assert [len(track.frame_indices) for track in tracks] == [40]
    assert "1 of 2 candidates" in tracks.warnings[0]
