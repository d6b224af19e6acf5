"""What families share that encode every frame on its own and write text between the frames."""

from __future__ import annotations

import numpy as np
from transformers.video_utils import VideoMetadata

from zerotube.errors import ModelError
from zerotube.mllm.types import TokenLayout
from zerotube.video.types import Clip


def clip_metadata(clip: Clip) -> VideoMetadata:
    """Times of the sampled frames, for processors that write them into the prompt.

    Processors write ``index / fps``, which is not when a frame is shown where the rate varies.
    Counted in seconds instead of frames, the quotient is the clip's own time.
    """
    return VideoMetadata(
        total_num_frames=clip.info.frame_count,
        fps=1.0,
        width=clip.info.width,
        height=clip.info.height,
        duration=clip.info.duration_s,
        frames_indices=clip.timestamps_s.tolist(),
    )


def check_frames(steps: int, clip: Clip) -> None:
    """Refuse a processor that drops or repeats frames: every map would be of other times.

    Args:
        steps: frames that came out of the processor.
        clip: those that went in.

    Raises:
        ModelError: if the two differ.
    """
    if steps != len(clip):
        raise ModelError(
            f"{steps} frames from the processor for {len(clip)} sampled ones",
            wanted="every sampled frame, once",
            fix="use a checkpoint whose video processor samples no frames by itself",
        )


def frame_by_frame(
    clip: Clip,
    grid: tuple[int, int, int],
    feature_count: int,
    view_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> TokenLayout:
    """Layout of a model whose features are the cells of every frame in reading order, no more.

    Args:
        clip: the sampled frames.
        grid: steps, rows and columns as the processor's output says.
        feature_count: features that the encoder gave.
        view_xyxy: the part of the frame that the grid covers.

    Raises:
        ModelError: if the features are not one grid per sampled frame.
    """
    steps, rows, columns = grid
    check_frames(steps, clip)
    if steps * rows * columns != feature_count:
        raise ModelError(
            f"{feature_count} visual features for {len(clip)} frames",
            wanted=f"{steps} frames of {rows} x {columns} cells",
            fix="this checkpoint's processor drops cells; please report it",
        )
    cells = np.arange(feature_count, dtype=np.int64).reshape(grid)
    return TokenLayout(cells, feature_count, np.arange(steps), view_xyxy)


def square_side(height: int, width: int) -> int:
    """Side of the patch grid in models whose pixel shuffle takes it to be square.

    Raises:
        ModelError: if it is not: the shuffle would mix cells of different places silently.
    """
    if height != width:
        raise ModelError(
            f"frames of {height} x {width} patches",
            wanted="a square",
            fix="set the same height and width in this checkpoint's video processor",
        )
    return height
