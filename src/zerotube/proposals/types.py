"""Candidate object tracks: what every proposer returns and the method chooses from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import TracksError
from zerotube.geometry.masks import decode_mask, moved_mask


@dataclass(frozen=True, eq=False)
class Track:
    """One object followed through the video.

    Attributes:
        track_id: positive number, unique inside a ``TrackSet``.
        frame_indices: int64 ``(n,)``, original 0-based frames, strictly increasing, n >= 1. A frame
            that is missing means that the object is not visible there.
        boxes_xyxy: float32 ``(n, 4)``, pixels of the original video, ``x1 < x2`` and ``y1 < y2``.
        observed: bool ``(n,)``, False where the box was filled in (interpolated over a gap).
        scores: float32 ``(n,)`` detector confidence in [0, 1].
        masks_rle: None, or one COCO run-length encoding ``{"size": [h, w], "counts": str}`` (or
            None) per frame of ``frame_indices``.
        label: noun the track was proposed for; "object" when the proposer knows none.
    """

    track_id: int
    frame_indices: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float32]
    observed: NDArray[np.bool_]
    scores: NDArray[np.float32]
    masks_rle: tuple[dict[str, Any] | None, ...] | None = None
    label: str = "object"

    def __post_init__(self) -> None:
        count = self.frame_indices.shape[0]
        if count == 0:
            raise self._error("no frames", "at least one frame")
        if self.frame_indices.ndim != 1 or np.any(np.diff(self.frame_indices) <= 0):
            raise self._error("frames out of order or repeated", "strictly increasing frames")
        if self.frame_indices[0] < 0:
            raise self._error(f"frame {self.frame_indices[0]}", "frames counted from 0")
        if self.boxes_xyxy.shape != (count, 4):
            raise self._error(f"boxes of shape {self.boxes_xyxy.shape}", f"shape ({count}, 4)")
        if not np.isfinite(self.boxes_xyxy).all():
            raise self._error("a box that is not finite", "four finite pixel coordinates")
        if np.any(self.boxes_xyxy[:, 2:] <= self.boxes_xyxy[:, :2]):
            bad = int(np.argmax((self.boxes_xyxy[:, 2:] <= self.boxes_xyxy[:, :2]).any(axis=1)))
            raise self._error(
                f"box {self.boxes_xyxy[bad].tolist()} at frame {int(self.frame_indices[bad])}",
                "x1 < x2 and y1 < y2",
            )
        if self.observed.shape != (count,) or self.scores.shape != (count,):
            raise self._error("flags or scores of another length", f"{count} values each")
        if self.masks_rle is not None and len(self.masks_rle) != count:
            raise self._error(f"{len(self.masks_rle)} masks", f"{count} masks (None where absent)")

    def _error(self, got: str, wanted: str) -> TracksError:
        return TracksError(
            f"track {self.track_id} with {got}",
            wanted=wanted,
            fix="correct the track file or the proposer that wrote it",
        )

    def boxes_at(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Boxes at the asked frames.

        Args:
            frames: int64 ``(k,)``.

        Returns:
            float32 ``(k, 4)``, NaN where the object is not visible, and bool ``(k,)``, True where
            it is.
        """
        position = np.searchsorted(self.frame_indices, frames)
        clipped = np.minimum(position, len(self.frame_indices) - 1)
        visible = self.frame_indices[clipped] == frames
        boxes = np.where(visible[:, None], self.boxes_xyxy[clipped], np.float32(np.nan))
        return boxes.astype(np.float32), visible

    @cached_property
    def _own_masks(self) -> tuple[NDArray[np.int64], tuple[dict[str, Any], ...]]:
        """Rows that have a mask of their own, int64 ``(m,)``, ascending, and the m masks."""
        held = [(row, rle) for row, rle in enumerate(self.masks_rle or ()) if rle is not None]
        return np.array([row for row, _ in held], dtype=np.int64), tuple(rle for _, rle in held)

    def mask_at(self, frame: int) -> NDArray[np.bool_] | None:
        """The object's mask at a frame.

        Published proposals have a mask at every tenth frame. Between them the mask nearest in time
        (of two equally near ones the earlier) is moved with the box.

        Args:
            frame: original frame.

        Returns:
            bool ``(height, width)`` of the video: the frame's own mask, unchanged, or the nearest
            one, translated and scaled as the box was. None where the object is not visible, or if
            the track has no mask at all.

        Raises:
            TracksError: the mask cannot be decoded.
        """
        row = int(np.searchsorted(self.frame_indices, frame))
        visible = row < len(self.frame_indices) and self.frame_indices[row] == frame
        rows, masks = self._own_masks
        if not visible or not masks:
            return None
        after = int(np.searchsorted(rows, row))
        beside = range(max(after - 1, 0), min(after + 1, len(rows)))
        # The first of equal ones is the earlier.
        place = min(beside, key=lambda one: abs(int(self.frame_indices[rows[one]]) - frame))
        nearest, mask = int(rows[place]), decode_mask(masks[place])
        if nearest == row:
            return mask
        return moved_mask(mask, self.boxes_xyxy[nearest], self.boxes_xyxy[row])


@dataclass(frozen=True, eq=False)
class TrackSet:
    """The candidates of one video.

    Attributes:
        tracks: the candidates; may be empty (the grounder refuses an empty set).
        frame_count, width, height: of the video that the tracks belong to (pixels).
        source: which proposer or file made them, for the record.
        settings: the proposer's resolved settings, plain JSON values.
        warnings: what a user should know (objects dropped by the cap, say).
    """

    tracks: tuple[Track, ...]
    frame_count: int
    width: int
    height: int
    source: str
    settings: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ids = [track.track_id for track in self.tracks]
        if len(set(ids)) != len(ids):
            repeated = next(i for i in ids if ids.count(i) > 1)
            raise TracksError(
                f"track id {repeated} twice",
                wanted="one id per track",
                fix="number the tracks anew",
            )
        for track in self.tracks:
            if track.frame_indices[-1] >= self.frame_count:
                raise TracksError(
                    f"track {track.track_id} at frame {int(track.frame_indices[-1])}",
                    wanted=f"frames below {self.frame_count}, the length of the video",
                    fix="check that the tracks were made from this very video",
                )

    def __len__(self) -> int:
        return len(self.tracks)

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    def by_id(self, track_id: int) -> Track:
        """The track of that id.

        Raises:
            TracksError: if there is none.
        """
        for track in self.tracks:
            if track.track_id == track_id:
                return track
        raise TracksError(
            f"track id {track_id}",
            wanted=f"one of {[track.track_id for track in self.tracks]}",
            fix="choose an id that the track set holds",
        )
