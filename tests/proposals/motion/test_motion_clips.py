"""The motion proposer on real footage: a sane number of tracks, and the objects one would name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zerotube.geometry.boxes import paired_iou
from zerotube.proposals.motion import MotionProposer, MotionSettings
from zerotube.video import open_video

LANDMARKS: dict[str, list[tuple[int, tuple[float, float, float, float]]]] = {
    # frame, box read off the picture by eye (1280 x 720)
    "cups": [
        (0, (366, 424, 438, 504)),  # the yellow ball
        (0, (575, 294, 732, 542)),  # the middle cup
    ],
    "coffee": [(140, (740, 350, 915, 545))],  # the blue mug
    "dog": [(216, (795, 395, 975, 555)), (72, (228, 82, 400, 530))],  # the dog; the woman
}


@pytest.mark.parametrize("name", ["cups", "coffee", "dog"])
def test_objects_one_would_name_are_found(name: str, real_clips: Path) -> None:
    path = real_clips / f"{name}.mp4"
    if not path.is_file():
        pytest.skip(f"no clip {path}")
    with open_video(path) as video:
        tracks = MotionProposer().propose(video)
        info = video.info
    assert 3 <= len(tracks) <= MotionSettings().max_tracks
    for track in tracks:
        assert (track.boxes_xyxy[:, 2] <= info.width).all()
        assert (track.boxes_xyxy[:, 3] <= info.height).all()
    for frame, box in LANDMARKS[name]:
        overlaps = [
            float(paired_iou(boxes, np.array([box]))[0])
            for track in tracks
            for boxes, visible in [track.boxes_at(np.array([frame]))]
            if visible[0]
        ]
        assert max(overlaps, default=0.0) >= 0.5, (frame, box, sorted(overlaps)[-3:])
