"""What a proposer, a detector and a tracker have to offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.types import TrackSet

if TYPE_CHECKING:
    import supervision

    from zerotube.video.base import Video

Progress = Callable[[int, int], None]
"""Called with how many frames (or samples) are done and how many there are in all; the second may
be an estimate until the end."""


@runtime_checkable
class Detector(Protocol):
    """Finds objects in one picture."""

    def detect(self, image: NDArray[np.uint8]) -> supervision.Detections:
        """Boxes of the objects in sight.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.

        Returns:
            ``xyxy`` in pixels of ``image``, ``confidence`` in [0, 1].
        """
        ...


@runtime_checkable
class Tracker(Protocol):
    """Gives detections of successive frames names that last (any tracker of `trackers` fits)."""

    def update(
        self, detections: supervision.Detections, frame: NDArray[np.uint8] | None = None
    ) -> supervision.Detections:
        """The detections of the next frame with ``tracker_id`` set, -1 where there is none yet.

        Args:
            detections: of the frame.
            frame: uint8 ``(H, W, 3)`` BGR, for trackers that compensate for a moving camera.
        """
        ...


@runtime_checkable
class Proposer(Protocol):
    """Turns a video into candidate tracks."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    @property
    def settings(self) -> Any:
        """Its resolved settings, a frozen dataclass."""
        ...

    @property
    def uses_noun(self) -> bool:
        """Whether ``propose`` depends on the noun; if not, one call serves every query."""
        ...

    @property
    def revision(self) -> str | None:
        """What decides its tracks besides video, noun and settings, as short text.

        Weights: the commit hash of a repository, or a digest of a local checkpoint's files. Rules:
        a number that is raised when a change of the code changes the tracks. Tracks made at
        another revision are not taken from the proposal store. None: it cannot be told, and
        nothing is kept.
        """
        ...

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """Candidate tracks of a video.

        Args:
            video: an open video.
            noun: what to look for; a proposer that knows no words ignores it.
            progress: told how far it is.

        Returns:
            The candidates, best first; an empty set if nothing was found.

        Raises:
            VideoError: if the video cannot be decoded.
        """
        ...
