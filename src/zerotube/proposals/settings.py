"""The settings of the proposers that are asked for a noun, and how any settings are checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from zerotube.checkpoints import DTYPES, check_device
from zerotube.errors import UsageError

if TYPE_CHECKING:
    from zerotube.video.base import Video

_SHARES = (
    "box_threshold",
    "text_threshold",
    "nms_iou",
    "match_iou",
    "same_object_iou",
    "speck_share",
    "detection_threshold",
    "new_object_threshold",
)
"""Settings that are fractions between 0 and 1."""


def check_settings(settings: Any, name: str) -> None:
    """Refuse values that make no sense.

    Args:
        settings: a dataclass; a field with a default that is a whole number, a number or a text
            takes that kind of value, one with the default None a text.
        name: the proposer.

    Raises:
        UsageError: naming the first field that is wrong.
    """
    for field in fields(settings):
        value, default = getattr(settings, field.name), field.default
        if default is None or isinstance(default, str):
            right = isinstance(value, str) or (default is None and value is None)
            wanted = "a text"
        elif isinstance(default, int):
            right = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            wanted = "a whole number, at least 1"
        else:
            right = isinstance(value, int | float) and not isinstance(value, bool)
            right = right and math.isfinite(value) and value >= 0
            wanted = "a number, 0 or more"
            if field.name in _SHARES:
                right, wanted = right and value <= 1, "a number between 0 and 1"
        if field.name == "dtype":
            right, wanted = value in DTYPES, f"one of {', '.join(DTYPES)}"
        if right and field.name == "device":
            check_device(value)
        if not right:
            raise bad_setting(settings, field.name, name, wanted)


def bad_setting(settings: Any, field: str, name: str, wanted: str) -> UsageError:
    """The error for one field of a proposer's settings."""
    return UsageError(
        f"{field} = {getattr(settings, field)!r} for the proposer {name!r}",
        wanted=wanted,
        fix=f"change {field}",
    )


@dataclass(frozen=True)
class NamedSettings:
    """What every proposer has that is asked for a noun."""

    person: str = "person"
    """Word the model is asked for when the noun means people; empty: the noun itself."""

    max_objects: int = 20
    """Most objects followed at a time, and most candidates returned."""

    same_object_iou: float = 0.7
    """Two tracks that overlap by this on average are one object."""

    min_duration_s: float = 0.4
    """An object has to be seen for this long (or a third of the video, where that is less)."""

    fill_s: float = 0.5
    """Absences up to this long are interpolated."""

    lost_s: float = 10.0
    """How long an object that is out of sight is waited for."""

    device: str | None = None
    """cpu, cuda, cuda:1 or mps; default: the first GPU, else the CPU."""

    dtype: str = "auto"
    """Number format of the models; auto is float32 on a CPU and the checkpoint's own on a GPU."""


@dataclass(frozen=True)
class DetectionSettings(NamedSettings):
    """What to detect, with which model."""

    detector: str = "IDEA-Research/grounding-dino-base"
    """Id or folder of the detector: a Grounding DINO, an MM-Grounding-DINO or an OWLv2."""

    box_threshold: float = 0.4
    """Least score of a box."""

    text_threshold: float = 0.4
    """Least score of a word to count as what a box shows (Grounding DINO only)."""

    every: int = 10
    """The detector looks at every n-th frame of the video."""

    nms_iou: float = 0.7
    """Of two boxes in one frame that overlap by more than this, the weaker is dropped."""

    def step(self, video: Video) -> int:
        """Frames of a video from one detection to the next: of a thinned one fewer than ``every``,
        so that as many are made in the same time."""
        return max(1, round(self.every / video.spacing))


@dataclass(frozen=True)
class BoxSettings(DetectionSettings):
    """Settings of `gdino+bytetrack` and `gdino+botsort`."""

    lost_s: float = 2.0
    """How long the tracker waits for an object that it lost."""

    stitch_s: float = 3.0
    """Longest absence after which a like object near the same place is the same object."""


@dataclass(frozen=True)
class Sam2Settings(DetectionSettings):
    """Settings of `gdino+sam2`."""

    tracker: str = "facebook/sam2.1-hiera-large"
    """Id or folder of the mask tracker."""

    match_iou: float = 0.5
    """A detection whose mask overlaps that of a followed object by this is that object."""

    speck_share: float = 0.05
    """Pieces of a mask smaller than this fraction of its largest piece are dropped."""

    window: int = 32
    """Frames held at a time while objects are followed backwards."""


@dataclass(frozen=True)
class EdgeTamSettings(Sam2Settings):
    """Settings of `gdino+edgetam`."""

    tracker: str = "yonigozlan/EdgeTAM-hf"
    """Id or folder of the mask tracker."""


@dataclass(frozen=True)
class Sam3Settings(NamedSettings):
    """Settings of `sam3`."""

    model: str = "facebook/sam3"
    """Id or folder of the model (the published weights are gated: `hf auth login`)."""

    detection_threshold: float = 0.5
    """Least score of a detection."""

    new_object_threshold: float = 0.7
    """Least score of a detection that starts a new object."""

    speck_share: float = 0.05
    """Pieces of a mask smaller than this fraction of its largest piece are dropped."""
