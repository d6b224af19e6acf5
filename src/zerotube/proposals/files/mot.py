"""Track files of MOTChallenge. How they are read is described in `zerotube.proposals.files`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from zerotube.geometry.boxes import short_numbers
from zerotube.proposals.files.checks import (
    MAX_NUMBER,
    checked_track,
    checked_track_set,
    malformed,
)
from zerotube.proposals.types import TrackSet
from zerotube.video.types import VideoInfo


def read_mot(path: Path, text: str, info: VideoInfo) -> TrackSet:
    """The tracks of a MOTChallenge text; see `zerotube.proposals.files.read_tracks`."""
    rows: dict[int, list[tuple[int, int, list[float], float]]] = {}
    ignored = 0
    for line, cells in enumerate(csv.reader(text.splitlines()), start=1):
        if not cells:
            continue
        place = f"line {line}"
        if len(cells) < 6:
            wanted = "frame, id, left, top, width, height, confidence"
            raise malformed(path, place, f"{len(cells)} columns", wanted)
        try:
            values = [float(cell) for cell in cells[:7]]
        except ValueError as error:
            wanted = "numbers, comma-separated and without a header"
            raise malformed(path, place, repr(",".join(cells[:7]))[:80], wanted) from error
        if not np.isfinite(values).all():
            raise malformed(path, place, "a number that is not finite", "finite numbers")
        frame, track_id, (left, top, width, height) = values[0], values[1], values[2:6]
        if frame != int(frame) or not 1 <= frame <= MAX_NUMBER:
            raise malformed(path, place, f"frame {frame:g}", "whole frame numbers from 1 on")
        if track_id != int(track_id) or not 1 <= track_id <= MAX_NUMBER:
            wanted = "a track id from 1 on (detections that nobody tracked have -1)"
            raise malformed(path, place, f"id {track_id:g}", wanted, "run a tracker on them first")
        confidence = values[6] if len(values) > 6 else -1.0
        if confidence == 0:
            ignored += 1
            continue
        score = 1.0 if confidence < 0 else min(1.0, confidence)
        box = [left, top, left + width, top + height]
        rows.setdefault(int(track_id), []).append((int(frame) - 1, line, box, score))
    if not rows:
        raise malformed(path, "the whole file", "no box that counts", "at least one track")
    tracks, clipped = [], 0
    for track_id, found in sorted(rows.items()):
        found.sort(key=lambda row: row[:2])
        track, cut = checked_track(
            path,
            [f"line {line}" for _, line, _, _ in found],
            track_id,
            np.array([frame for frame, _, _, _ in found], dtype=np.int64),
            np.array([box for _, _, box, _ in found]),
            info,
            observed=np.ones(len(found), dtype=np.bool_),
            scores=np.array([score for _, _, _, score in found]),
        )
        tracks.append(track)
        clipped += cut
    warnings = [f"{ignored} boxes with confidence 0 were left out"] if ignored else []
    return checked_track_set(tracks, info, "mot", clipped, warnings)


def mot_text(track_set: TrackSet) -> str:
    """One line per box, by frame."""
    rows = []
    for track in track_set:
        for frame, box, score in zip(
            track.frame_indices.tolist(), track.boxes_xyxy, track.scores, strict=True
        ):
            x1, y1, x2, y2 = short_numbers(box)
            # A score of exactly 0 would read as "ignore this box".
            confidence = max(float(str(score)), 1e-6)
            place = f"{x1},{y1},{x2 - x1:.6g},{y2 - y1:.6g},{confidence:g}"
            rows.append((frame, f"{frame + 1},{track.track_id},{place},-1,-1,-1"))
    rows.sort(key=lambda row: row[0])
    return "".join(f"{line}\n" for _, line in rows)
