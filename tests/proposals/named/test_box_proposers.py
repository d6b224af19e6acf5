"""ByteTrack and BoT-SORT on detections: linked, interpolated, named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proposals.shape_video import ArrayVideo
from proposals.tracking.colour_tracker import BLUE, RED, ColourDetector, picture
from zerotube.geometry.boxes import paired_iou
from zerotube.proposals import Proposer
from zerotube.proposals.named.boxes import BotSortProposer, ByteTrackProposer
from zerotube.proposals.segment import of_whole
from zerotube.proposals.settings import BoxSettings
from zerotube.video import ThinnedVideo
from zerotube.video.sampling import indices_at_rate

IMAGES = [picture((RED, 2 + index, 6, 14), (BLUE, 44 - index, 28, 14)) for index in range(41)]
BOTH = pytest.mark.parametrize("make", [ByteTrackProposer, BotSortProposer])


@BOTH
@pytest.mark.parametrize("every", [1, 5])
def test_two_objects_on_every_frame(make: type, every: int) -> None:
    detector = ColourDetector({RED: 0.9, BLUE: 0.6})
    proposer = make(BoxSettings(every=every), detector=detector)
    assert isinstance(proposer, Proposer)
    tracks = proposer.propose(ArrayVideo(np.stack(IMAGES)), "dog")
    assert detector.calls == len(range(0, 41, every))
    assert len(tracks) == 2
    assert tracks.source == proposer.name
    red, blue = sorted(tracks, key=lambda track: track.boxes_xyxy[0, 0])
    frames = np.arange(41)
    for track, left, top, step in ((red, 2, 6, 1), (blue, 44, 28, -1)):
        assert track.frame_indices.tolist() == frames.tolist()
        assert track.observed.tolist() == [frame % every == 0 for frame in frames.tolist()]
        assert track.label == "dog"
        assert track.masks_rle is None
        x = left + step * frames
        truth = np.stack([x, np.full(41, top), x + 14, np.full(41, top + 14)], axis=1)
        inside = truth.clip(0, [64, 48, 64, 48])
        assert paired_iou(track.boxes_xyxy, inside).min() > 0.9
    assert float(red.scores[0]) == pytest.approx(0.9)


@BOTH
def test_an_absence_longer_than_asked_for_stays_one(make: type) -> None:
    images = [picture((RED, 20, 6, 14)) if not 10 <= i < 22 else picture() for i in range(40)]
    video = ArrayVideo(np.stack(images))
    detector = ColourDetector({RED: 0.9})
    (track,) = make(BoxSettings(every=2), detector=detector).propose(video)
    assert not {15, 18} & set(track.frame_indices.tolist())
    (filled,) = make(BoxSettings(every=2, fill_s=3.0), detector=detector).propose(video)
    assert filled.frame_indices.tolist() == list(range(40))
    assert not filled.observed[15]


@BOTH
def test_with_a_detector_from_a_checkpoint(make: type, checkpoints: Path) -> None:
    settings = BoxSettings(
        detector=str(checkpoints / "owlv2"), box_threshold=0.0, every=4, device="cpu", max_objects=2
    )
    # A still picture, because a toy finds other things in every other one, and of noise, because
    # in plain ones its boxes have no width.
    noise = np.random.default_rng(3).integers(0, 256, (1, 48, 80, 3), dtype=np.uint8)
    tracks = make(settings).propose(ArrayVideo(noise.repeat(9, axis=0)), "dog")
    assert 1 <= len(tracks) <= 2


@BOTH
def test_a_low_threshold_is_not_overruled_by_the_tracker(make: type) -> None:
    detector = ColourDetector({RED: 0.06})
    (track,) = make(BoxSettings(every=5), detector=detector).propose(ArrayVideo(np.stack(IMAGES)))
    assert len(track.frame_indices) == 41
    assert float(track.scores[0]) == pytest.approx(0.06)


def test_a_video_of_one_frame() -> None:
    video = ArrayVideo(np.stack(IMAGES[:1]))
    tracks = ByteTrackProposer(detector=ColourDetector({RED: 0.9})).propose(video)
    assert [track.frame_indices.tolist() for track in tracks] == [[0]]
    assert len(ByteTrackProposer(detector=ColourDetector({})).propose(video)) == 0


@pytest.mark.parametrize("every", [1, 4, 10])
def test_of_a_thinned_video_as_many_frames_are_looked_at_in_the_same_time(every: int) -> None:
    video = ArrayVideo(np.stack(IMAGES))
    kept = indices_at_rate(video.timestamps_s, 8, 32, 5.0)
    view = ThinnedVideo(video, kept)
    assert view.spacing == 2.0
    detector = ColourDetector({RED: 0.9, BLUE: 0.6})
    proposer = ByteTrackProposer(BoxSettings(every=every), detector=detector)
    tracks = of_whole(proposer.propose(view, "dog"), view)
    assert detector.calls == len(range(0, 25, max(every, 2)))
    red, blue = sorted(tracks, key=lambda track: track.boxes_xyxy[0, 0])
    for track, left, top, step in ((red, 2, 6, 1), (blue, 44, 28, -1)):
        assert track.frame_indices.tolist() == list(range(8, 33))
        x = left + step * track.frame_indices
        truth = np.stack([x, 0 * x + top, x + 14, 0 * x + top + 14], axis=1)
        # What follows the last detection holds its box, to the end of the view.
        followed = track.frame_indices <= track.frame_indices[track.observed][-1]
        overlaps = paired_iou(track.boxes_xyxy, truth.clip(0, [64, 48, 64, 48]))
        assert overlaps[followed].min() > 0.8
