"""Tracks of a whole video as candidates of a part of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

from zerotube.geometry.spans import Span
from zerotube.proposals.types import TrackSet


def within(tracks: TrackSet, span: Span) -> TrackSet:
    """What of the tracks lies in a run of frames, counted from its first.

    Args:
        tracks: of the whole video.
        span: frames of it, both ends included.

    Returns:
        The tracks with at least one frame there, ids unchanged; may be empty.
    """
    kept = []
    for track in tracks:
        inside = (track.frame_indices >= span.start_frame) & (track.frame_indices <= span.end_frame)
        if inside.any():
            masks = track.masks_rle
            part = replace(
                track,
                frame_indices=track.frame_indices[inside] - span.start_frame,
                boxes_xyxy=track.boxes_xyxy[inside],
                observed=track.observed[inside],
                scores=track.scores[inside],
                masks_rle=None if masks is None else tuple(compress(masks, inside)),
            )
            kept.append(part)
    return replace(tracks, tracks=tuple(kept), frame_count=span.frame_count)
