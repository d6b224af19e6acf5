"""Whether an opened video is the one that its annotation speaks of."""

from __future__ import annotations

from zerotube.eval.types import Sample
from zerotube.video.types import VideoInfo

_SLACK_S = 1.0
"""Decoders and annotation tools differ by some frames at the end; a cut or another frame rate
makes a difference of seconds."""

_SLACK_SHARE = 0.05
"""The same for long videos, as a share of the annotated frames."""


def misfit(sample: Sample, info: VideoInfo) -> str | None:
    """Why a video cannot be judged by its annotation.

    A video with too few frames is damaged or cut; one of another size has the true boxes in other
    pixels; one with many more frames was made again at another frame rate, so that frame numbers
    mean other times.

    Args:
        sample: with the numbers of the annotation; those that it does not say are not checked.
        info: what the opened video says of itself.

    Returns:
        The reason in words; None if the video fits.
    """
    count = info.frame_count
    if sample.width is not None and sample.height is not None:
        annotated = (sample.width, sample.height)
        if annotated != (info.width, info.height):
            return (
                f"the video is {info.width}x{info.height}, annotated are "
                f"{sample.width}x{sample.height}: the true boxes are in other pixels"
            )
    if sample.truth.span.end_frame >= count:
        return (
            f"the video has {count} frames, the true tube lasts until frame "
            f"{sample.truth.span.end_frame} (from 0): damaged or cut"
        )
    if sample.segment is not None and sample.segment.start_frame >= count:
        return (
            f"the video has {count} frames, its segment begins at frame "
            f"{sample.segment.start_frame} (from 0): damaged or cut"
        )
    return _other_length(sample, info)


def _other_length(sample: Sample, info: VideoInfo) -> str | None:
    if sample.frame_count is None:
        return None
    slack = max(_SLACK_S * float(info.fps), _SLACK_SHARE * sample.frame_count)
    # What lies behind the segment is never looked at.
    needed = sample.frame_count if sample.segment is None else sample.segment.end_frame + 1
    if needed - info.frame_count > slack:
        return f"the video has {info.frame_count} frames, annotated are {needed}: damaged or cut"
    if info.frame_count - sample.frame_count > slack:
        return (
            f"the video has {info.frame_count} frames, annotated are {sample.frame_count}: "
            "frame numbers mean other times"
        )
    return None
