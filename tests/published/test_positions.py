"""Rotary positions of the Qwen families equal those of the makers' own code.

The rule is written here anew from `get_rope_index_2`, `_25` and `_3` of the makers (golden.json,
"positions"): text counts up on all axes at once; a cell stands at (time, row, column) from where
its block begins; the text behind a block begins one past the largest position in it, on any axis.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from published.case import Case
from published.clips import dog
from published.hub import QUESTION
from zerotube.mllm.types import VisualContext

QWEN2 = "qwen2_vl/Qwen2-VL-7B-Instruct"
QWEN25 = "qwen2_5_vl/Qwen2.5-VL-7B-Instruct"
QWEN3 = "qwen3_vl/Qwen3-VL-4B-Instruct"
# 308 x 196 is wider than long, and longer still in positions of Qwen2.5-VL's time.
SIZES = [(640, 360), (360, 640), (308, 196), (196, 308), (84, 56)]


@pytest.fixture(scope="module", params=[QWEN2, QWEN25, QWEN3])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(request.param, tmp_path_factory.mktemp("positions") / "checkpoint")


def makers_positions(
    ids: list[int], video_id: int, grid: tuple[int, int, int], interval: float
) -> NDArray[np.int64]:
    """Positions ``(3, length)`` of a prompt.

    Args:
        ids: the whole prompt.
        video_id: id of the placeholder.
        grid: steps, rows and columns of cells of each run of placeholders.
        interval: positions of time from step to step.
    """
    steps, rows, columns = grid
    parts: list[NDArray[np.int64]] = []
    start = 0
    for visual, run in groupby(ids, key=lambda token: token == video_id):
        count = len(list(run))
        if visual:
            assert count == steps * rows * columns
            t, y, x = np.indices(grid).reshape(3, -1)
            block = np.stack([np.floor(t * interval).astype(np.int64), y, x])
        else:
            block = np.tile(np.arange(count), (3, 1))
        parts.append(block + start)
        start = int(parts[-1].max()) + 1
    return np.concatenate(parts, axis=1)


def whole_prompt(case: Case, context: VisualContext) -> tuple[list[int], NDArray[np.int64]]:
    """Ids and positions of prefix and question as the model is fed them."""
    tail = case.model.tokens.tail(QUESTION)
    assert context.positions is not None
    suffix = context.positions_after(context.head_ids.shape[1], len(tail))
    positions = torch.cat([context.positions[..., :-1], suffix], dim=-1)[:, 0]
    return context.head_ids[0].tolist() + tail, positions.numpy()


@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
def test_positions_are_the_makers(case: Case, size: tuple[int, int]) -> None:
    clip = dog(*size)
    context = case.model.encode(clip)
    ids, positions = whole_prompt(case, context)
    steps, rows, columns = context.layout.grid
    assert steps == 10
    spacing_s = (clip.timestamps_s[-1] - clip.timestamps_s[0]) / (len(clip) - 1)
    interval, grid = 1.0, (steps, rows, columns)
    if case.name == QWEN25:
        interval = 2 * 2 * spacing_s  # tokens a second x frames a step x seconds a frame
    elif case.name == QWEN3:
        grid = (1, rows, columns)  # every step is a block of its own, with its time before it
    video_id = case.model.model.config.video_token_id
    np.testing.assert_array_equal(positions, makers_positions(ids, video_id, grid, interval))


def test_where_transformers_counts_otherwise(case: Case) -> None:
    """As docs/models.md says: not only where a clip is longer than wide."""
    for (width, height), differs in (((640, 360), set()), ((308, 196), {QWEN25})):
        clip = dog(width, height)
        inputs = case.model.family.process(case.model.processor, case.rendered, clip)
        theirs, _ = case.model.model.model.get_rope_index(
            **{
                key: inputs[key]
                for key in (
                    "input_ids",
                    "mm_token_type_ids",
                    "video_grid_thw",
                    "second_per_grid_ts",
                )
                if key in inputs
            }
        )
        _, ours = whole_prompt(case, case.model.encode(clip))
        assert (not np.array_equal(theirs[:, 0].numpy(), ours)) == (case.name in differs)
