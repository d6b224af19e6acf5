"""From fragments of tracks to the candidates that are returned: clean, merge, fill, rank, cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.masks import decode_mask
from zerotube.proposals import cleanup, selection
from zerotube.proposals.overlap import mask_ious
from zerotube.proposals.tracking import Fragment
from zerotube.proposals.types import Track

if TYPE_CHECKING:
    from zerotube.video.types import VideoInfo

_COMPARED = 12
"""Shared frames, spread evenly, at which two mask tracks are compared."""


@dataclass(frozen=True, eq=False)
class MaskFragment(Fragment):
    """A fragment whose object has masks.

    Attributes:
        masks_rle: by source frame, the COCO run-length encoding.
    """

    masks_rle: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, rows: NDArray[Any]) -> MaskFragment:
        """See `Fragment.take`; masks of the other frames go too."""
        taken = super().take(rows)
        kept = set(taken.frames.tolist())
        masks = {frame: mask for frame, mask in self.masks_rle.items() if frame in kept}
        return replace(self, **{**vars(taken), "masks_rle": masks})


@dataclass(frozen=True)
class FinishRules:
    """How fragments become candidates; durations in seconds.

    Attributes:
        step: source frames between processed ones.
        min_duration_s, fill_s, same_object_iou, max_tracks: see the settings of the proposers.
    """

    step: int
    min_duration_s: float
    fill_s: float
    same_object_iou: float
    max_tracks: int


def finish(
    fragments: Sequence[Fragment], info: VideoInfo, rules: FinishRules, *, label: str
) -> tuple[tuple[Track, ...], list[str]]:
    """The candidates, best first, and what a user should know.

    Args:
        fragments: in any order.
        info: of the video.
        rules: see `FinishRules`.
        label: of every track.
    """

    def in_frames(seconds: float) -> int:
        return max(rules.step, round(seconds * float(info.fps)))

    processed = -(-info.frame_count // rules.step)
    brief = min(in_frames(rules.min_duration_s) // rules.step, processed // 3)
    tracks = selection.drop_brief(list(fragments), min_frames=max(1, brief))
    picture = float(info.width * info.height)

    def rank(track: Fragment) -> float:
        return selection.rank(track, processed, picture, plain=True)

    tracks = merge_echoes(sorted(tracks, key=rank, reverse=True), iou=rules.same_object_iou)
    tracks = [
        cleanup.fill_gaps(track, max_gap=in_frames(rules.fill_s), step=rules.step)
        for track in tracks
    ]
    tracks = sorted(tracks, key=rank, reverse=True)
    warnings = []
    if len(tracks) > rules.max_tracks:
        warnings.append(
            f"{len(tracks) - rules.max_tracks} of {len(tracks)} candidates, the briefest and"
            f" smallest, were dropped (max_objects {rules.max_tracks})"
        )
    last = (processed - 1) * rules.step
    return (
        tuple(
            to_track(track, track_id, info, rules.step, last, label=label)
            for track_id, track in enumerate(tracks[: rules.max_tracks], start=1)
        ),
        warnings,
    )


def merge_echoes(fragments: list[Fragment], *, iou: float) -> list[Fragment]:
    """Join tracks that follow the same object into one that lasts as long as both.

    Args:
        fragments: best first; the better one's boxes hold where both have some.
        iou: two tracks are the same object if they overlap by this on average (masks where both
            have masks, else boxes), over at least 70% of the frames of the shorter one.
    """
    kept: list[Fragment] = []
    for track in fragments:
        for place, other in enumerate(kept):
            if _same(track, other, iou):
                kept[place] = _union(other, track)
                break
        else:
            kept.append(track)
    return kept


def _same(a: Fragment, b: Fragment, iou: float) -> bool:
    if not (isinstance(a, MaskFragment) and isinstance(b, MaskFragment)):
        return selection.same_object(a, b, iou)
    # Masks are dear to compare: their boxes must overlap at all before they are decoded.
    if not selection.same_object(a, b, 0.1):
        return False
    shared = np.array(sorted(a.masks_rle.keys() & b.masks_rle.keys()), dtype=np.int64)
    if len(shared) < 0.7 * min(len(a.masks_rle), len(b.masks_rle)):
        return False
    some = np.unique(np.linspace(0, len(shared) - 1, _COMPARED).round().astype(int))
    overlaps = [
        mask_ious(decode_mask(a.masks_rle[frame]), [decode_mask(b.masks_rle[frame])])[0]
        for frame in shared[some].tolist()
    ]
    return float(np.mean(overlaps)) >= iou


def _union(first: Fragment, second: Fragment) -> Fragment:
    """The first track, continued by the second where the first has no frames."""
    extra = second.take(~np.isin(second.frames, first.frames))
    if not len(extra):
        return first
    order = np.argsort(np.concatenate([first.frames, extra.frames]), kind="stable")

    def joined(name: str) -> Any:
        return np.concatenate([getattr(first, name), getattr(extra, name)])[order]

    merged = replace(
        first,
        **{name: joined(name) for name in ("frames", "boxes_xyxy", "observed", "scores", "fill")},
    )
    if isinstance(merged, MaskFragment) and isinstance(second, MaskFragment):
        return replace(merged, masks_rle={**second.masks_rle, **merged.masks_rle})
    return merged


def to_track(
    track: Fragment,
    track_id: int,
    info: VideoInfo,
    step: int,
    last_processed: int,
    *,
    label: str = "object",
) -> Track:
    """The track on every source frame; the frames after the last processed one hold its box.

    Args:
        track: on the processed frames.
        track_id: number of the track.
        info: of the video.
        step: source frames between processed ones.
        last_processed: the last processed frame of the video.
        label: noun of the track.
    """
    from supervision import clip_boxes

    runs = [track.frames]
    if step > 1:
        near = np.flatnonzero(np.diff(track.frames) == step)
        runs += [track.frames[near] + offset for offset in range(1, step)]
        if track.frames[-1] == last_processed:
            runs.append(np.arange(last_processed + 1, info.frame_count, dtype=np.int64))
    full = cleanup.at_frames(track, np.sort(np.concatenate(runs)))
    boxes = clip_boxes(full.boxes_xyxy, (info.width, info.height))
    masks = None
    if isinstance(track, MaskFragment):
        masks = tuple(track.masks_rle.get(frame) for frame in full.frames.tolist())
    return Track(
        track_id=track_id,
        frame_indices=full.frames,
        boxes_xyxy=boxes.astype(np.float32),
        observed=full.observed,
        scores=full.scores,
        masks_rle=masks,
        label=label,
    )
