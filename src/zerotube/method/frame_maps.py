"""Maps of short windows shown alone, fused with the map of the whole clip.

After an idea of DecAF (arXiv 2510.19592), which fuses a video's attention with that of its frames:
among few frames the attention has fewer places to go, and is sharper.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zerotube.method.scan import scan_windows
from zerotube.method.session import ClipSession
from zerotube.method.tokens import choose_token
from zerotube.method.types import TokenChoice
from zerotube.video.types import Clip


@torch.no_grad()
def with_frame_maps(
    session: ClipSession,
    clip: Clip,
    question: str,
    whole: Tensor,
    token: TokenChoice,
    without: str | None = None,
) -> Tensor:
    """The map of the clip, fused with that of its windows as the settings say.

    The windows are read without a visual prompt, in the contrast of the settings, each against
    itself under the other prompt.

    Args:
        session: the encoded clip.
        clip: its frames.
        question: what is asked.
        whole: ``(T, h, w)``, the map of the clip.
        token: whose map that is: the windows' is of the same.
        without: see `ClipSession.role_maps`.

    Returns:
        ``(T, h, w)``: ``whole`` where the settings want no other map, or the clip is one step.

    Raises:
        NumericalError: the attention is not finite.
    """
    rule, steps = session.settings.frame_maps, session.context.layout.grid[0]
    if rule == "none" or steps < 2:
        return whole
    windows = [range(step, step + 1) for step in range(steps)]
    if rule == "windows":
        windows = scan_windows(session)
    other = session.other_prompt(without)
    texts = session.model.tokens.candidates(question)[1]
    own = session.window_maps(clip, windows, question)
    generic = None if other is None else session.window_maps(clip, windows, other)
    maps = []
    for place, one in enumerate(own):
        against = None if generic is None else generic[place]
        found, kept = session.against(one, against, texts)
        maps.append(choose_token(found, kept, session.settings.token_rule, like=token)[0])
    return fused(whole, over_time(windows, maps, session.context.layout.grid))


def over_time(
    windows: Sequence[range], maps: Sequence[Tensor], grid: tuple[int, int, int]
) -> Tensor:
    """The mean, at every step, of the maps of the windows that show it.

    Args:
        windows: runs of time steps, which together hold every step.
        maps: of each ``(t, y, x)``, t its steps; scaled to the grid by area where y and x are
            others.
        grid: (T, h, w) of the clip.

    Returns:
        ``(T, h, w)``.
    """
    total = maps[0].new_zeros(grid)
    count = maps[0].new_zeros(grid[0], 1, 1)
    for window, one in zip(windows, maps, strict=True):
        if one.shape[1:] != grid[1:]:
            one = torch.nn.functional.adaptive_avg_pool2d(one, grid[1:])
        total[window.start : window.stop] += one
        count[window.start : window.stop] += 1
    return total / count


def fused(whole: Tensor, windows: Tensor) -> Tensor:
    """Geometric mean of two maps, cell by cell: high where both are."""
    return (whole * windows).sqrt()
