"""Ask about many short windows of an encoded clip, each as if it were a clip of its own.

Where the vision encoder treats time steps separately and the prompt has nothing between them, the
features of a window are cut out of the clip's own encoding, and windows of one length go through
the language model together: a scan of the clip costs about as much as two questions about it.
Elsewhere every window is encoded anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zerotube.errors import ModelError, UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.types import VisualContext, as_index
from zerotube.video.types import Clip

MAX_TOKENS = 16_384
"""Most tokens of one forward over several windows."""


def windows_over(step_count: int, length: int, stride: int) -> list[range]:
    """Runs of time steps, ``stride`` from one to the next; the last one ends with the last step.

    Args:
        step_count: time steps of the clip, >= 1.
        length: steps of a window; a shorter clip is one window.
        stride: steps from one window to the next.

    Raises:
        UsageError: a number below 1.

    >>> windows_over(6, 2, 3)
    [range(0, 2), range(3, 5), range(4, 6)]
    """
    for name, value in (("step_count", step_count), ("length", length), ("stride", stride)):
        if value < 1:
            raise UsageError(f"{name}={value}", wanted="at least 1", fix="raise it")
    length = min(length, step_count)
    last = step_count - length
    return [range(start, start + length) for start in [*range(0, last, stride), last]]


@torch.no_grad()
def window_logits(
    model: VideoMLLM,
    context: VisualContext,
    clip: Clip,
    windows: Sequence[range],
    questions: Sequence[str],
    *,
    token_ids: Sequence[int] | None = None,
    max_tokens: int = MAX_TOKENS,
) -> Tensor:
    """Next-token logits after each question about each window alone.

    Args:
        model: the MLLM.
        context: the encoded clip.
        clip: its frames.
        windows: runs of time steps of ``context.layout``.
        questions: user texts.
        token_ids: the tokens whose logits are wanted; None: the whole vocabulary.
        max_tokens: most tokens of one forward.

    Returns:
        float32 ``(len(windows), len(questions), tokens)``.

    Raises:
        UsageError: a window that is empty or reaches over the clip.
    """
    check_windows(context, windows)
    if cuts_out(model, context):
        found = _cut_out(model, context, windows, questions, token_ids, max_tokens)
    else:
        found = [_encoded_anew(model, context, clip, w, questions, token_ids) for w in windows]
    return torch.stack(found)


def check_windows(context: VisualContext, windows: Sequence[range]) -> None:
    """Refuse what is not a run of time steps of a clip.

    Raises:
        UsageError: a window that is empty or reaches over the clip.
    """
    steps = context.layout.grid[0]
    for window in windows:
        if not len(window) or window.step != 1 or window.start < 0 or window.stop > steps:
            raise UsageError(
                f"window {window}", wanted=f"a run of the steps 0..{steps - 1}", fix="correct it"
            )


def cuts_out(model: VideoMLLM, context: VisualContext) -> bool:
    """Whether the features of a window are those that it has in the clip's own encoding.

    The encoder treats time steps separately, and the visual tokens stand in one run, step after
    step, with nothing between steps. Rows after the last step (a newline) belong to any clip,
    however long.
    """
    if not model.family.separate_steps:
        return False
    layout, places = context.layout, context.visual_positions
    count = layout.cells.size
    in_order = np.array_equal(layout.cells.reshape(-1), np.arange(count))
    in_one_run = int(places[-1] - places[0]) + 1 == len(places)
    return layout.beside is None and in_order and in_one_run


def _cut_out(
    model: VideoMLLM,
    context: VisualContext,
    windows: Sequence[range],
    questions: Sequence[str],
    token_ids: Sequence[int] | None,
    max_tokens: int,
) -> list[Tensor]:
    """Features and prompt of every window, cut out of those of the clip."""
    answers: dict[int, list[Tensor]] = {}
    for length in sorted({len(window) for window in windows}):
        places = [place for place, window in enumerate(windows) if len(window) == length]
        for question in questions:
            ids, positions = window_prompt(model, context, length, question)
            at_once = max(1, max_tokens // ids.shape[1])
            for start in range(0, len(places), at_once):
                group = places[start : start + at_once]
                result = forward_windows(
                    model, context, [windows[place] for place in group], ids, positions
                )
                logits = result.logits[:, -1].float()
                for place, row in zip(group, logits, strict=True):
                    answers.setdefault(place, []).append(
                        row if token_ids is None else row[token_ids]
                    )
    return [torch.stack(answers[place]) for place in range(len(windows))]


def window_prompt(
    model: VideoMLLM, context: VisualContext, length: int, question: str
) -> tuple[Tensor, Tensor]:
    """Tokens ``(1, n)`` and positions of a prompt about so many steps.

    A window counts its time from its own begin, with the spacing of the clip's frames: its
    positions are those of the clip's first steps. The text goes on behind all of them.
    """
    head, visual = context.head_ids, context.visual_positions
    before, after = int(visual[0]), int(visual[-1]) + 1
    per_step = context.layout.cells[0].size
    kept = length * per_step + context.layout.feature_count - context.layout.cells.size
    tail = torch.tensor([model.tokens.tail(question)], device=head.device)
    text = torch.cat([head[:, after:], tail], dim=1)
    ids = torch.cat([head[:, : before + kept], text], dim=1)
    if context.positions is None:
        return ids, torch.arange(ids.shape[1], device=head.device)[None]
    begun = context.positions[..., : before + length * per_step]
    counted = begun.amax() + 1 + torch.arange(ids.shape[1] - begun.shape[-1], device=head.device)
    return ids, torch.cat([begun, counted.expand(*begun.shape[:-1], -1)], dim=-1)


def forward_windows(
    model: VideoMLLM,
    context: VisualContext,
    windows: Sequence[range],
    ids: Tensor,
    positions: Tensor,
) -> Any:
    """The model's output after a prompt about windows of one length, which lie side by side.

    Args:
        model: the MLLM.
        context: the encoded clip, which ``cuts_out`` allows to be cut.
        windows: of one length.
        ids, positions: of ``window_prompt``.
    """
    layout = context.layout
    behind = np.arange(layout.cells.size, layout.feature_count)
    rows = np.concatenate(
        [
            np.append(layout.cells[window.start : window.stop].reshape(-1), behind)
            for window in windows
        ]
    )
    order = as_index(rows, model.device)
    output = model.family.place_rows(context.output, context.features[order], order)
    count = len(windows)
    return model.model(
        input_ids=ids.expand(count, -1),
        position_ids=positions.expand(*positions.shape[:-2], count, -1),
        mm_encoder_outputs={model.family.encoder_key: output},
        use_cache=False,
        logits_to_keep=1,
    )


def _encoded_anew(
    model: VideoMLLM,
    context: VisualContext,
    clip: Clip,
    window: range,
    questions: Sequence[str],
    token_ids: Sequence[int] | None,
) -> Tensor:
    """The frames of a window as a clip."""
    return _told(model, encode_window(model, context, clip, window), questions, token_ids)


def _told(
    model: VideoMLLM,
    alone: VisualContext,
    questions: Sequence[str],
    token_ids: Sequence[int] | None,
) -> Tensor:
    """Logits ``(len(questions), tokens)`` about a short clip."""
    prefix = model.prefill(alone)
    rows = [answer.logits for answer in model.ask(prefix, questions) if answer.logits is not None]
    if len(rows) != len(questions):  # ask(logits=True) always fills them; this narrows the type
        raise ModelError("no logits", wanted="next-token logits", fix="please report it")
    found = torch.stack(rows)
    return found if token_ids is None else found[:, token_ids]


@torch.no_grad()
def part_logits(
    model: VideoMLLM,
    context: VisualContext,
    parts: Sequence[Clip],
    question: str,
    *,
    token_ids: Sequence[int] | None = None,
) -> Tensor:
    """Next-token logits after a question about each of some short clips of the same video.

    Where windows of a clip can be cut out of its encoding, the parts are laid end to end, encoded
    as one clip, no longer than the clip itself, and cut apart again.

    Args:
        model: the MLLM.
        context: the encoded clip, which says how large the frames are shown.
        parts: of one number of frames, in whole time steps of the model.
        question: user text.
        token_ids: as of ``window_logits``.

    Returns:
        float32 ``(len(parts), tokens)``.

    Raises:
        UsageError: the parts differ in length.
    """
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        raise UsageError(
            f"parts of {sorted(lengths)} frames", wanted="one length", fix="split them"
        )
    length, per_step = lengths.pop(), context.layout.frames_per_step
    if not (cuts_out(model, context) and length % per_step == 0):
        alone = [encode_part(model, context, part) for part in parts]
        return torch.stack([_told(model, one, [question], token_ids)[0] for one in alone])
    steps = length // per_step
    at_once = max(1, len(context.layout.step_of_frame) // length)
    rows: list[Tensor] = []
    for start in range(0, len(parts), at_once):
        group = parts[start : start + at_once]
        together = encode_part(model, context, _end_to_end(group))
        windows = [range(place * steps, (place + 1) * steps) for place in range(len(group))]
        found = _cut_out(model, together, windows, [question], token_ids, MAX_TOKENS)
        rows += [row[0] for row in found]
    return torch.stack(rows)


def _end_to_end(parts: Sequence[Clip]) -> Clip:
    """Clips of one video as one, its frames numbered anew and as far apart as in the first."""
    first, count = parts[0], sum(map(len, parts))
    spacing_s = float(np.diff(first.timestamps_s).mean()) if len(first) > 1 else 1.0
    return replace(
        first,
        info=replace(first.info, frame_count=max(count, first.info.frame_count)),
        frames=np.concatenate([part.frames for part in parts]),
        frame_indices=np.arange(count, dtype=np.int64),
        timestamps_s=np.arange(count, dtype=np.float64) * spacing_s,
    )


def frames_of(clip: Clip, context: VisualContext, window: range) -> Clip:
    """The frames of a window."""
    return picked(clip, np.isin(context.layout.step_of_frame, np.array(window)))


def picked(clip: Clip, chosen: NDArray[np.bool_]) -> Clip:
    """Some frames of a clip, ``chosen`` being bool ``(N,)``."""
    return replace(
        clip,
        frames=clip.frames[chosen],
        frame_indices=clip.frame_indices[chosen],
        timestamps_s=clip.timestamps_s[chosen],
    )


def encode_window(
    model: VideoMLLM, context: VisualContext, clip: Clip, window: range
) -> VisualContext:
    """The frames of a window as a clip of their own.

    Where the encoder treats time steps separately their features are those of the clip.
    """
    part, layout = frames_of(clip, context, window), context.layout
    apart = model.family.steps_in_text and layout.feature_count == layout.cells.size
    if not apart:
        return encode_part(model, context, part)
    rows = as_index(layout.cells[window.start : window.stop].reshape(-1), model.device)
    return encode_part(model, context, part, (context, rows))


def encode_part(
    model: VideoMLLM,
    context: VisualContext,
    part: Clip,
    known: tuple[VisualContext, Tensor] | None = None,
) -> VisualContext:
    """Encode a few frames as large as they are shown in the whole clip.

    Families whose grid follows the frame give few frames more pixels each than many: they are
    allowed as many visual tokens as these frames have in the clip, and half a cell a side, since
    the processors round down to whole cells. ShareGPT4Video, which lays the frames of a clip out in
    one picture, shows fewer frames larger all the same.

    Args:
        model, context: as of ``part_logits``.
        part: the frames.
        known: see `VideoMLLM.encode`.
    """
    options, layout = context.options, context.layout
    if model.family.clip_size(model.processor, part, options) is not None:
        _, height, width = layout.grid
        cells = int((height + 0.5) * (width + 0.5))
        shown = -(-len(part) // layout.frames_per_step) * cells
        options = replace(options, max_visual_tokens=shown)
    return model.encode(part, options, known)
