"""Scan: ask about short windows of the clip, one by one, whether they show it (docs/method.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zerotube.method.session import ClipSession, FrameReader
from zerotube.method.types import Scan
from zerotube.mllm.types import TokenLayout
from zerotube.mllm.windows import windows_over
from zerotube.query.prompts import existence_prompt
from zerotube.video.types import Clip

END_SPACING = 0.5
"""Distance of the further windows around an end, in sampling steps."""


def scan_clip(session: ClipSession, clip: Clip, phrase: str) -> Scan | None:
    """Windows over the sampled frames.

    Args:
        session: the encoded clip; its settings give length and stride of the windows, which are
            rounded to whole time steps of the model.
        clip: its frames.
        phrase: what is asked about every window.

    Returns:
        One margin per window; None where there is but one time step, or no scan is wanted.

    Raises:
        NumericalError: a logit is not finite.
    """
    layout, settings = session.context.layout, session.settings
    if not settings.scan_window or layout.grid[0] < 2:
        return None
    windows = scan_windows(session)
    margins = session.window_margins(clip, windows, existence_prompt(phrase))
    shown = [clip.frame_indices[np.isin(layout.step_of_frame, window)] for window in windows]
    return Scan(
        first_frames=np.array([frames[0] for frames in shown], dtype=np.int64),
        last_frames=np.array([frames[-1] for frames in shown], dtype=np.int64),
        margins=margins,
    )


def scan_windows(session: ClipSession) -> list[range]:
    """Windows over the sampled frames as the settings want them, as runs of time steps."""
    layout, settings = session.context.layout, session.settings
    length, stride = (_steps(layout, n) for n in (settings.scan_window, settings.scan_stride))
    return windows_over(layout.grid[0], length, stride)


def scan_ends(
    session: ClipSession, clip: Clip, phrase: str, span: tuple[int, int], read: FrameReader
) -> Scan | None:
    """Further windows around the two ends of a span, of frames between the sampled ones.

    Their frames are as far from each other as the sampled ones, so that motion looks as fast in
    them; the windows are half a sampling step from each other. What does not fit into the video is
    left out.

    Args:
        session, clip, phrase: as of ``scan_clip``.
        span: first and last original frame.
        read: reads the frames.

    Returns:
        The windows in the order of their middles; None where none is wanted or fits.

    Raises:
        NumericalError: a logit is not finite.
        VideoError: a frame cannot be read.
    """
    layout, settings = session.context.layout, session.settings
    count = settings.end_windows
    if len(clip) < 2 or not count or not settings.scan_window:
        return None
    first, last = int(clip.frame_indices[0]), int(clip.frame_indices[-1])
    spacing = (last - first) / (len(clip) - 1)
    if spacing <= 1.0:  # every frame was sampled
        return None
    length = _steps(layout, settings.scan_window) * layout.frames_per_step
    offsets = (np.arange(count) - (count - 1) / 2) * END_SPACING
    inside = (np.arange(length) - (length - 1) / 2) * spacing
    wanted: dict[float, NDArray[np.int64]] = {}
    for middle in sorted({float(end + step * spacing) for end in span for step in offsets}):
        frames = np.floor(middle + inside + 0.5).astype(np.int64)
        if frames[0] >= first and frames[-1] <= last and (np.diff(frames) > 0).all():
            wanted.setdefault(float(frames[0] + frames[-1]), frames)
    if not wanted:
        return None
    windows = list(wanted.values())
    margins = session.margins_of(windows, existence_prompt(phrase), read)
    return Scan(
        first_frames=np.array([frames[0] for frames in windows], dtype=np.int64),
        last_frames=np.array([frames[-1] for frames in windows], dtype=np.int64),
        margins=margins,
    )


def _steps(layout: TokenLayout, frames: int) -> int:
    """A number of frames in whole time steps of the model, at least one, at most all."""
    return min(max(1, round(frames / layout.frames_per_step)), layout.grid[0])
