"""Are the attention rows that are read those of eager attention?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from zerotube.check.pictures import noise_clip
from zerotube.check.prompt import QUESTION
from zerotube.check.types import CheckLine, Subject
from zerotube.method.config import MethodSettings
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import layer_range
from zerotube.mllm.types import VisualContext, as_index

TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-3}
"""Largest sum of differences of a row, as a share of the row's sum. Eager attention takes its
softmax in float32 whatever the dtype."""

HALF_TOLERANCE = 0.2
"""In 16 bits, where two ways to the same layer differ by what rounding adds up to: a percent or so.
A row of another token, or cells that are mixed up, differ by about 1."""


def check_attention(subject: Subject) -> Iterator[CheckLine]:
    """Compare the first, middle and last layer that the method reads."""
    model = subject.model
    clip = noise_clip(model, 224, 280)
    layers = read_layers(model)
    context = model.encode(clip)
    prefix = model.prefill(context)
    positions, texts = model.tokens.candidates(QUESTION)
    rows = [prefix.length + position for position in positions]
    cells = context.visual_positions[
        as_index(context.layout.cells.reshape(-1), context.visual_positions.device)
    ]
    expected = eager_rows(model, context, layers, rows)
    worst = 0.0
    for layer in layers:
        one = range(layer, layer + 1)
        maps = model.ask(prefix, [QUESTION], layers=one, logits=False)[0].maps
        got = torch.as_tensor(maps).flatten(1).double().cpu()
        wanted = expected[layer][:, cells.cpu()]
        away = (got - wanted).abs().sum(dim=1) / wanted.sum(dim=1).clamp_min(1e-12)
        # max() of NaN and a number is the one that comes first: NaN must not pass.
        worst = max(worst, float(away.max()) if bool(away.isfinite().all()) else float("inf"))
    tolerance = TOLERANCE.get(model.model.dtype, HALF_TOLERANCE)
    yield CheckLine(
        "captured attention",
        "pass" if worst <= tolerance else "fail",
        f"differs by {worst:.1e} of a row from eager attention (at most {tolerance:g})",
        f"layers {', '.join(map(str, layers))} of {model.layer_count}, {len(texts)} rows, "
        f"{model.model.dtype}",
        values={"difference": worst, "tolerance": tolerance, "layers": layers},
    )


def read_layers(model: VideoMLLM) -> list[int]:
    """First, middle and last of the layers that the method averages by default."""
    settings = MethodSettings()
    asked = layer_range(model.layer_count, settings.layer_start, settings.layer_end)
    full = model.family.full_attention_layers(model.family.text_config(model.model))
    # A narrow range may hold none with full attention; any that has will do for the comparison.
    read = [layer for layer in asked if layer in full] or list(full)
    return sorted({read[0], read[len(read) // 2], read[-1]})


@torch.no_grad()
def eager_rows(
    model: VideoMLLM, context: VisualContext, layers: Sequence[int], rows: Sequence[int]
) -> dict[int, Tensor]:
    """Rows of eager attention of the whole prompt in one forward, as transformers runs it.

    Args:
        model: the loaded model; its weights are used as they are.
        context: the clip that it sees.
        layers: which layers.
        rows: positions in the whole prompt.

    Returns:
        Per layer float64 ``(rows, tokens)``, mean over heads, on the CPU.
    """
    tail = torch.tensor([model.tokens.tail(QUESTION)], device=model.device)
    inputs = dict(context.forward_inputs)
    if context.positions is not None:
        steps = torch.arange(tail.shape[1], device=model.device)
        after = context.positions[..., -1:] + steps
        inputs["position_ids"] = torch.cat([context.positions[..., :-1], after], dim=-1)
    output = model.family.place(context.output, context.features, None)
    config = model.family.text_config(model.model)
    with _attending(config, "eager"), _watching(model.model, config, layers, rows) as found:
        model.model(
            input_ids=torch.cat([context.head_ids, tail], dim=1),
            mm_encoder_outputs={model.family.encoder_key: output},
            use_cache=False,
            **inputs,
        )
    return found


@contextmanager
def _attending(text_config: Any, implementation: str) -> Iterator[None]:
    """Another attention in the language model inside the block; the weights stay as they are."""
    before = text_config._attn_implementation
    text_config._attn_implementation = implementation
    try:
        yield
    finally:
        text_config._attn_implementation = before


@contextmanager
def _watching(
    model: Any, text_config: Any, layers: Sequence[int], rows: Sequence[int]
) -> Iterator[dict[int, Tensor]]:
    """Collect rows of the attention weights that the language model's modules return.

    One layer's weights are in memory at a time: all of them would be gigabytes.
    """
    found: dict[int, Tensor] = {}

    def keep(layer: int, output: Any) -> None:
        weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
        if isinstance(weights, Tensor) and weights.ndim == 4:
            found[layer] = weights[0].double().mean(dim=0)[list(rows)].cpu()

    hooks = [
        module.register_forward_hook(
            lambda _, __, output, layer=module.layer_idx: keep(layer, output)
        )
        for module in model.modules()
        if getattr(module, "layer_idx", None) in layers
        and getattr(module, "config", None) is text_config
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
