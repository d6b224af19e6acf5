"""Tracks of a whole video as candidates of a part of it, and those of a part as the whole's."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.boxes import interpolate_boxes
from zerotube.geometry.spans import Span
from zerotube.proposals.types import Track, TrackSet
from zerotube.video.thinned import ThinnedVideo


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


def of_whole(tracks: TrackSet, view: ThinnedVideo) -> TrackSet:
    """Tracks that were found in chosen frames, in the frames of the video they were chosen from.

    Between two frames of the view that follow each other and both show the object, its box is
    interpolated linearly in time and marked as not observed. Where the view itself misses the
    object nothing is filled in, and no track reaches beyond the view.

    Args:
        tracks: of the view.
        view: the chosen frames.

    Returns:
        The tracks, ids unchanged. ``settings["time_first"]`` says where they were looked for: first
        and last frame, and how many frames were seen.
    """
    times = view.whole.timestamps_s
    looked_at = {
        "start_frame": int(view.kept[0]),
        "end_frame": int(view.kept[-1]),
        "frames_seen": len(view.kept),
    }
    return replace(
        tracks,
        tracks=tuple(_spread(track, view.kept, times) for track in tracks),
        frame_count=view.whole.info.frame_count,
        settings={**tracks.settings, "time_first": looked_at},
    )


def _spread(track: Track, kept: NDArray[np.int64], times_s: NDArray[np.float64]) -> Track:
    held = kept[track.frame_indices]
    followed = np.flatnonzero(np.diff(track.frame_indices) == 1)
    between = [np.arange(held[row] + 1, held[row + 1], dtype=np.int64) for row in followed]
    frames = np.sort(np.concatenate([held, *between]))
    after = np.searchsorted(held, frames)
    own = held[after] == frames
    before = np.maximum(after - 1, 0)
    sooner = times_s[frames] - times_s[held[before]] <= times_s[held[after]] - times_s[frames]
    nearest = np.where(sooner & ~own, before, after)
    boxes = interpolate_boxes(times_s[held], track.boxes_xyxy, times_s[frames])
    masks = track.masks_rle
    return replace(
        track,
        frame_indices=frames,
        # The boxes that were found stay what they are, to the last bit.
        boxes_xyxy=np.where(own[:, None], track.boxes_xyxy[after], boxes).astype(np.float32),
        observed=own & track.observed[after],
        scores=track.scores[nearest],
        masks_rle=None
        if masks is None
        else tuple(masks[row] if mine else None for row, mine in zip(after, own, strict=True)),
    )
