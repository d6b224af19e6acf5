"""A sample for measuring grounding: a clip, a query with one right answer, and the true tube.

Seeds: samples are numbered within a seed, and sample `index` of `seed` is the same however many
are drawn. Training uses its own generator with seeds below 1,000; measure with seeds from
`HELD_OUT_SEED` on, which training never touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SEED = 1_000_000
"""Seeds from here on are for measuring."""


@dataclass(frozen=True, eq=False)
class SynthSample:
    """One clip with a query and its answer.

    Attributes:
        sample_id: unique name made of set, seed and index.
        kind: the test set, one of `zerotube.synth.SETS`.
        query: the sentence, for example "the red square moves left".
        attribute: who, for example "the red square".
        action: what it does, for example "the square moves left".
        noun: the target's shape word.
        frames: RGB, uint8 (T, height, width, 3).
        fps: frames per second.
        boxes_xyxy: float32 (P, T, 4), pixels, tight around each object in each frame.
        labels: colour and shape of each object, P of them.
        target: index of the object meant.
        start_frame: first frame of the action.
        end_frame: last frame of the action, inclusive.
        tags: what the set records of the sample besides.
    """

    sample_id: str
    kind: str
    query: str
    attribute: str
    action: str
    noun: str
    frames: NDArray[np.uint8]
    fps: Fraction
    boxes_xyxy: NDArray[np.float32]
    labels: tuple[str, ...]
    target: int
    start_frame: int
    end_frame: int
    tags: Mapping[str, str] = field(default_factory=dict)
