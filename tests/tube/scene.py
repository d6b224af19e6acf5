"""A small world with a known answer: two squares and the evidence for one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.method.config import preset
from zerotube.method.types import Evidence, TokenChoice
from zerotube.method.verdict import Presence
from zerotube.proposals.types import Track, TrackSet
from zerotube.query.types import Query
from zerotube.tube.decide import decide
from zerotube.tube.types import GroundingResult
from zerotube.video import open_video, write_video

NTSC = Fraction(30000, 1001)
GROUND = (120, 130, 125)


def make_track(
    track_id: int, frames: Sequence[int], boxes: Sequence[Sequence[float]], label: str = "object"
) -> Track:
    """A track whose boxes were all observed."""
    count = len(frames)
    return Track(
        track_id=track_id,
        frame_indices=np.asarray(frames, np.int64),
        boxes_xyxy=np.asarray(boxes, np.float32),
        observed=np.ones(count, np.bool_),
        scores=np.ones(count, np.float32),
        label=label,
    )


def make_evidence(
    frame_scores: Any,
    frame_indices: Sequence[int],
    *,
    track_scores: Any = None,
    track_ids: Sequence[int] | None = None,
    spatial_map: NDArray[np.float32] | None = None,
) -> Evidence:
    """Evidence with the given frame scores (P, N); the track scores are their maxima."""
    scores = np.asarray(frame_scores, np.float64)
    count = len(frame_indices)
    if spatial_map is None:
        spatial_map = np.ones((count, 4, 4), np.float32)
    token = TokenChoice((".", "<|im_end|>", "\n"), np.array([0.5, 4.0, 1.0]), np.eye(3)[1])
    return Evidence(
        frame_indices=np.asarray(frame_indices, np.int64),
        step_of_frame=np.arange(count),
        spatial_map=spatial_map,
        temporal_map=spatial_map,
        track_ids=tuple(range(1, len(scores) + 1) if track_ids is None else track_ids),
        track_scores=(
            scores.max(axis=1) if track_scores is None else np.asarray(track_scores, np.float64)
        ),
        frame_scores=scores,
        spatial_token=token,
        temporal_token=token,
        presence=0.75,
        consistency=0.9,
        losses={"spatial": (1.5, 0.5)},
    )


def square_boxes(width: int, height: int, count: int) -> dict[int, list[list[float]]]:
    """Boxes of two squares: 1 moves right in the upper half, 2 stays in the lower left."""
    side = height / 4
    steps = [i / max(count - 1, 1) for i in range(count)]
    left = [width * (0.1 + 0.5 * t) for t in steps]
    return {
        1: [[x, height * 0.2, x + side, height * 0.2 + side] for x in left],
        2: [[width * 0.1, height * 0.6, width * 0.1 + side, height * 0.6 + side]] * count,
    }


def write_squares(path: Path, width: int, height: int, count: int, fps: Fraction = NTSC) -> None:
    """A video of a red and a blue square."""
    boxes = square_boxes(width, height, count)

    def frames() -> Iterator[NDArray[np.uint8]]:
        for i in range(count):
            image = np.full((height, width, 3), GROUND, np.uint8)
            for track_id, color in ((1, (210, 40, 40)), (2, (40, 70, 210))):
                x1, y1, x2, y2 = (round(v) for v in boxes[track_id][i])
                image[y1:y2, x1:x2] = color
            yield image

    write_video(path, frames(), fps)


def make_result(
    path: Path,
    *,
    sampled: int = 8,
    top_k: int = 3,
    text: str = "the red square moves to the right",
    noun: str = "square",
    track_frames: range | None = None,
) -> GroundingResult:
    """A grounding of the red square in a video of `write_squares`, sharpest in the middle."""
    with open_video(path) as video:
        info, timestamps = video.info, video.timestamps_s
        indices = np.unique(np.linspace(0, info.frame_count - 1, sampled).round().astype(np.int64))
        clip = video.frames(indices)
    boxes = square_boxes(info.width, info.height, info.frame_count)
    seen = range(info.frame_count) if track_frames is None else track_frames
    tracks = TrackSet(
        tracks=(
            make_track(2, range(info.frame_count), boxes[2]),
            make_track(1, seen, [boxes[1][f] for f in seen]),
        ),
        frame_count=info.frame_count,
        width=info.width,
        height=info.height,
        source="test",
    )
    count = len(indices)
    bump = 1.0 + 5.0 * np.exp(-(((np.arange(count) - (count - 1) / 2) / 1.5) ** 2))
    visible = tracks.by_id(1).boxes_at(indices)[1]
    spatial_map = np.full((count, 8, 8), 0.1, np.float32)
    for step, frame in enumerate(indices):
        x1, y1, x2, y2 = boxes[1][frame]
        rows = slice(int(y1 / info.height * 8), int(np.ceil(y2 / info.height * 8)))
        columns = slice(int(x1 / info.width * 8), int(np.ceil(x2 / info.width * 8)))
        spatial_map[step, rows, columns] = bump[step]
    evidence = make_evidence(
        [np.full(count, 0.2), np.where(visible, bump, 0.0)],
        [int(i) for i in indices],
        track_ids=(2, 1),
        spatial_map=spatial_map,
    )
    query = Query(
        text=text,
        attribute="the red square",
        action="the square moves to the right",
        noun=noun,
        statement="the red square moves to the right",
        kind="declarative",
        source="rules",
    )
    return GroundingResult(
        video=info,
        timestamps_s=timestamps,
        clip=clip,
        query=query,
        model="toy",
        settings={"method": preset("gti", top_k=top_k).to_dict(), "device": "cpu"},
        tracks=tracks,
        evidence=evidence,
        tube=decide(evidence, tracks, preset("gti", top_k=top_k)),
        presence=Presence(1.1, "present"),
        timings_s={"decode": 0.25, "read": 1.5},
        warnings=("a word the model does not know: square",),
    )
