"""Attention of the role tokens to short windows of a clip, each as if it were a clip of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import Heads, Recorder, recording
from zerotube.mllm.types import VisualContext
from zerotube.mllm.windows import (
    MAX_TOKENS,
    check_windows,
    cuts_out,
    encode_window,
    forward_windows,
    window_prompt,
)
from zerotube.video.types import Clip


@dataclass(frozen=True)
class MapsRead:
    """What of the attention is read.

    Attributes:
        layers, heads: see `VideoMLLM.ask`.
    """

    layers: range
    heads: Heads = "all"


@torch.no_grad()
def window_maps(
    model: VideoMLLM,
    context: VisualContext,
    clip: Clip,
    windows: Sequence[range],
    questions: Sequence[str],
    read: MapsRead,
    *,
    max_tokens: int = MAX_TOKENS,
) -> list[list[Tensor]]:
    """Attention of every candidate token to each window alone.

    Where the family allows it, windows are cut out of the clip's encoding and those of one length
    go through the language model together, as far as the maps are read; elsewhere each is encoded
    anew, once for all questions.

    Args:
        model: the MLLM.
        context: the encoded clip.
        clip: its frames.
        windows: runs of time steps of ``context.layout``.
        questions: user texts.
        read: layers and heads.
        max_tokens: most tokens of one forward.

    Returns:
        Per question and window float32 ``(n_role, t, h, w)``, t the steps of the window. Where
        windows are encoded anew the grid may be finer than the clip's (ShareGPT4Video).

    Raises:
        UsageError: a window that is empty or reaches over the clip.
        ModelError: no layer of those asked for attends to all tokens.
    """
    check_windows(context, windows)
    if cuts_out(model, context):
        return [_cut_out(model, context, windows, one, read, max_tokens) for one in questions]
    found: list[list[Tensor]] = [[] for _ in questions]
    for window in windows:
        part = encode_window(model, context, clip, window)
        prefix = model.prefill(part, layers=read.layers.stop)
        answers = model.ask(prefix, questions, layers=read.layers, heads=read.heads, logits=False)
        for maps, answer in zip(found, answers, strict=True):
            maps += [] if answer.maps is None else [answer.maps]
    return found


def _cut_out(
    model: VideoMLLM,
    context: VisualContext,
    windows: Sequence[range],
    question: str,
    read: MapsRead,
    max_tokens: int,
) -> list[Tensor]:
    """Features and prompt of every window, cut out of those of the clip."""
    positions, _ = model.tokens.candidates(question)
    rows = torch.tensor(positions, device=model.device) - len(model.tokens.tail(question))
    _, height, width = context.layout.grid
    first, cells = int(context.visual_positions[0]), height * width
    layers = model.layers_to_read(read.layers, read.heads)
    found: dict[int, Tensor] = {}
    for length in sorted({len(window) for window in windows}):
        places = [place for place, window in enumerate(windows) if len(window) == length]
        ids, at = window_prompt(model, context, length, question)
        columns = first + torch.arange(length * cells, device=model.device)
        at_once = max(1, max_tokens // ids.shape[1])
        for start in range(0, len(places), at_once):
            group = places[start : start + at_once]
            recorder = Recorder(
                rows=ids.shape[1] + rows,
                columns=columns,
                layers=layers,
                stop_layer=layers[-1],
                heads=read.heads,
            )
            with recording(model.text_config, recorder):
                forward_windows(model, context, [windows[place] for place in group], ids, at)
            maps = recorder.mean().reshape(len(group), len(positions), length, height, width)
            found.update(zip(group, maps, strict=True))
    return [found[place] for place in range(len(windows))]
