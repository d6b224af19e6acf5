"""Which heads look at objects: found on generated clips, without labels.

After Kang et al., "Your Large Vision-Language Model Only Needs A Few Attention Heads For Visual
Grounding" (arXiv 2503.06287): heads that look at the picture much, and at few places of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.grounder import Grounder
from zerotube.method.heads import ChosenHeads
from zerotube.method.kept import finite
from zerotube.method.recommended import settings_for
from zerotube.query.prompts import query_prompt
from zerotube.synth.candidates import SampleVideo
from zerotube.synth.draw import draw
from zerotube.synth.sets import set_stage

SET = "mixed"
"""The kind of clips that are looked at."""

SEED = 700_000
"""Their series: no test set, nor anything the bundled model was trained or its settings were
chosen on."""

CLIPS = 40
HEADS = 8

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class HeadFigures:
    """What was found of one head.

    Attributes:
        layer, head: which one, from 0.
        often: clips on which it is among the N heads of lowest entropy.
        entropy: mean over the clips of its map's spatial entropy, in nats.
        attention: mean over the clips of its attention to all visual tokens, in [0, 1].
    """

    layer: int
    head: int
    often: int
    entropy: float
    attention: float


@dataclass(frozen=True)
class HeadFindings:
    """The heads of one model.

    Attributes:
        chosen: what is written to the file.
        figures: of the chosen heads, in their order: the most frequent first.
    """

    chosen: ChosenHeads
    figures: tuple[HeadFigures, ...]


def find_heads(
    grounder: Grounder, clips: int = CLIPS, heads: int = HEADS, tell: Tell | None = None
) -> HeadFindings:
    """Choose heads of any layer that attends to all tokens.

    Of every head the mean of the role tokens' maps under a clip's own question is looked at. Heads
    count whose attention to the visual tokens, summed and averaged over the clips, lies above the
    elbow of all heads' sums; of these the ``heads`` of lowest spatial entropy are noted on every
    clip, and those that were noted most often are chosen.

    Args:
        grounder: a loaded model.
        clips: generated clips to look at.
        heads: heads to choose.
        tell: told about the stage "clips".

    Raises:
        UsageError: no clip, or more heads than the model has in such layers.
        NumericalError: attention that is not finite.
        ModelError: no layer attends to all tokens.
    """
    model, report = grounder.model, tell or (lambda stage, done, total: None)
    full = model.full_attention_layers
    count = len(full) * model.head_count
    if clips < 1:
        raise UsageError(f"{clips} clips", wanted="at least 1", fix="pass --clips 40")
    if not 1 <= heads <= count:
        raise UsageError(
            f"{heads} heads of {model.name!r}",
            wanted=f"1 to {count}, all that attend to all tokens",
            fix="pass another --heads",
        )
    sums, entropies = [], []
    for number in range(clips):
        report("clips", number, clips)
        maps = _head_maps(grounder, number)
        sums.append(maps.reshape(count, -1).sum(axis=1))
        entropies.append([spatial_entropy(one) for one in maps.reshape(count, *maps.shape[2:])])
    report("clips", clips, clips)
    attention, entropy = np.mean(sums, axis=0), np.array(entropies)
    often = frequencies(attention, entropy, heads)
    best = np.lexsort((entropy.mean(axis=0), -often))[:heads]
    figures = tuple(
        HeadFigures(
            full[place // model.head_count],
            int(place % model.head_count),
            int(often[place]),
            float(entropy[:, place].mean()),
            float(attention[place]),
        )
        for place in best
    )
    folder = Path(model.name)
    chosen = ChosenHeads(
        model=folder.resolve().name if folder.is_dir() else model.name,
        family=type(model.family).__name__,
        layers=model.layer_count,
        heads_per_layer=model.head_count,
        chosen=tuple((one.layer, one.head) for one in figures),
        clips=clips,
        version=version("zerotube"),
    )
    return HeadFindings(chosen, figures)


@torch.no_grad()
def _head_maps(grounder: Grounder, number: int) -> NDArray[np.float32]:
    """Maps of all heads on one clip, float32 ``(L, H, T, h, w)``."""
    model, sample = grounder.model, draw(set_stage(SET, number, SEED))
    settings = settings_for(model.name, changes={"heads": "all"})
    ready = grounder.prepare(SampleVideo(sample), sample.query, settings, candidates=None)
    question = query_prompt(ready.query, settings.wording)
    maps: NDArray[np.float32] = (
        finite(model.head_maps(model.prefill(ready.session.context), question))
        .float()
        .cpu()
        .numpy()
    )
    return maps


def frequencies(
    attention: NDArray[np.float64], entropy: NDArray[np.float64], heads: int
) -> NDArray[np.int64]:
    """On how many clips each head is among those of lowest entropy.

    Args:
        attention: float64 ``(n,)``, mean sum over the visual tokens. Heads up to the elbow of these
            are not counted, unless too few were left.
        entropy: float64 ``(clips, n)``.
        heads: how many are noted on a clip.

    Returns:
        int64 ``(n,)``; -1 for a head that does not count.
    """
    counted = attention > elbow(attention)
    if counted.sum() < heads:
        counted = np.zeros(len(attention), dtype=np.bool_)
        counted[np.argsort(-attention, kind="stable")[:heads]] = True
    lowest = np.argsort(np.where(counted, entropy, np.inf), axis=1, kind="stable")[:, :heads]
    often = np.bincount(lowest.ravel(), minlength=len(attention))
    return np.where(counted, often, -1).astype(np.int64)


def elbow(values: NDArray[np.float64]) -> float:
    """Where sorted values turn from flat to steep: the one farthest below the line between the
    least and the greatest."""
    ordered = np.sort(values)
    line = np.linspace(ordered[0], ordered[-1], len(ordered))
    return float(ordered[np.argmax(line - ordered)])


def spatial_entropy(one_map: NDArray[np.float32]) -> float:
    """How scattered a map is: 0 where each time step has one spot.

    Each step is binarised at its mean; the entropy is that of its connected parts' shares of the
    area above it.

    Args:
        one_map: float32 ``(T, h, w)``.

    Returns:
        Mean over the steps, in nats. A step that is the same everywhere counts as if every cell
        were a part of its own.
    """
    found = []
    for step in one_map:
        above = (step > step.mean()).astype(np.uint8)
        if not above.any():
            found.append(np.log(step.size))
            continue
        _, _, parts, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
        shares = parts[1:, cv2.CC_STAT_AREA] / above.sum()
        found.append(-float((shares * np.log(shares)).sum()))
    return float(np.mean(found))
