"""Every family, on a toy checkpoint written to disk and loaded as a real one.

A layout that is off by one gives plausible, wrong tubes, and random weights cannot show it by
parity of logits or attention. The planted-object test can: it changes the pixels of one cell and
looks for the feature that changes most.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from toy import load_toy, make_clip
from toys import QUESTION, toys
from zerotube.method.config import preset
from zerotube.method.session import ClipSession
from zerotube.method.tuning import start, tune
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import render
from zerotube.mllm.registry import FAMILIES
from zerotube.mllm.types import VisualContext
from zerotube.video.types import Clip

TOYS = toys()
ATOL = 5e-8  # eager attention takes its softmax in float32 whatever the dtype


class Case:
    """One family's toy on disk, loaded, and a clip of noise encoded by it."""

    def __init__(self, module: ModuleType, folder: Path) -> None:
        self.module = module
        self.folder = module.write(folder)
        self.model: VideoMLLM = load_toy(self.folder)
        self.clip: Clip = noise(self.model, getattr(module, "FRAME", (84, 112)))
        self.context: VisualContext = self.model.encode(self.clip)

    def inputs(self, question: str = QUESTION) -> dict[str, torch.Tensor]:
        """What the processor makes of clip and question, in the model's dtype."""
        text = render(self.model.processor, question, self.model.family.modality)
        made = self.model.family.process(self.model.processor, text, self.clip)
        return {
            name: value.double()
            if isinstance(value, torch.Tensor) and value.is_floating_point()
            else value
            for name, value in made.items()
        }


def noise(model: VideoMLLM, size: tuple[int, int]) -> Clip:
    """Four frames that are not square, or as many as the family takes."""
    rng = np.random.default_rng(0)
    count = min(4, model.family.frame_limit or 4)
    return make_clip(rng.integers(0, 256, (count, *size, 3), dtype=np.uint8))


@pytest.fixture(scope="module", params=sorted(TOYS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(TOYS[request.param], tmp_path_factory.mktemp(request.param) / "toy")


def test_every_registered_family_has_a_toy() -> None:
    assert set(TOYS) == set(FAMILIES)


def test_golden_prompt(case: Case) -> None:
    model = case.model
    assert render(model.processor, QUESTION, model.family.modality) == case.module.GOLDEN


def test_captured_rows_equal_eager_attention_in_every_layer(case: Case) -> None:
    model = case.model
    eager = AutoModelForImageTextToText.from_pretrained(
        case.folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        reference = eager(**case.inputs(), output_attentions=True).attentions
    prefix = model.prefill(case.context)
    positions, texts = model.tokens.candidates(QUESTION)
    rows = [prefix.length + position for position in positions]
    cells = case.context.visual_positions[
        torch.from_numpy(case.context.layout.cells.reshape(-1).copy())
    ]
    for layer in range(model.layer_count):
        answer = model.ask(prefix, [QUESTION], layers=range(layer, layer + 1))[0]
        expected = reference[layer][0].mean(dim=0)[rows][:, cells]
        assert answer.maps is not None
        assert answer.maps.shape == (len(texts), *case.context.layout.grid)
        torch.testing.assert_close(
            answer.maps.flatten(1).double(), expected.double(), atol=ATOL, rtol=0
        )


def test_zero_prompt_leaves_the_plain_models_logits(case: Case) -> None:
    """Bit-equal through the model's own forward; prefix and question apart, to 1e-5."""
    model, context = case.model, case.context
    inputs = case.inputs()
    zero = torch.zeros_like(context.features)
    with torch.no_grad():
        plain = model.model(**inputs).logits[0, -1]
        output = model.family.place(context.output, context.features + zero, None)
        text = {k: v for k, v in inputs.items() if not k.startswith("pixel")}
        whole = model.model(**text, mm_encoder_outputs={model.family.encoder_key: output})
        answer = model.ask(model.prefill(context, zero), [QUESTION])[0]
    assert torch.equal(whole.logits[0, -1], plain)
    assert answer.logits is not None
    torch.testing.assert_close(answer.logits.double(), plain, atol=1e-5, rtol=0)


def test_a_planted_object_is_found_at_its_cell(case: Case) -> None:
    """Changing the pixels of one cell changes the features of that very cell most."""
    model, layout = case.model, case.context.layout
    steps, height, width = layout.grid
    left, top, right, bottom = layout.view_xyxy
    grey = np.full_like(case.clip.frames, 127)
    count, rows, columns, _ = grey.shape
    before = model.encode(replace(case.clip, frames=grey)).features
    rng = np.random.default_rng(1)
    spots = {(0, 0, 0), (steps - 1, height - 1, width - 1)}
    while len(spots) < min(8, steps * height * width):
        spots.add(tuple(int(rng.integers(n)) for n in layout.grid))
    for step, y, x in sorted(spots):
        frames = grey.copy()
        # Only the middle of the cell, so that resizing does not spill into the neighbours.
        y1, y2 = ((top + (bottom - top) * (y + part) / height) * rows for part in (0.15, 0.85))
        x1, x2 = ((left + (right - left) * (x + part) / width) * columns for part in (0.15, 0.85))
        y1, x1 = max(y1, 0), max(x1, 0)  # a padded grid reaches past the frame
        window = (slice(round(y1), max(round(y2), round(y1) + 1)),
                  slice(round(x1), max(round(x2), round(x1) + 1)))  # fmt: skip
        for frame in range(count):
            if layout.step_of_frame[frame] == step:
                frames[(frame, *window)] = (255, 0, 40)
        after = model.encode(replace(case.clip, frames=frames)).features
        moved = int((after - before).norm(dim=-1).argmax())
        where = np.argwhere(layout.cells == moved).tolist()
        assert moved == layout.cells[step, y, x], f"planted at {(step, y, x)}, found at {where}"


def test_tuning_lowers_its_loss_for_a_small_step(case: Case) -> None:
    model = case.model
    answers = model.tokens.answer_ids()[0]
    for objective in ("exp", "margin", "entropy"):
        settings = preset("paper", objective=objective, lr=1e-3, iterations=3)
        for reverse in (False, True):
            started = start(model, case.context, reverse=reverse)
            prompt, losses = tune(model, QUESTION, started, settings, answers)
            assert prompt.shape == case.context.features.shape
            assert losses[0] > losses[1] > losses[2]


def test_reversing_the_frames_twice_changes_nothing(case: Case) -> None:
    model, context = case.model, case.context
    order = torch.from_numpy(context.layout.reversed_order())
    assert torch.equal(order[order], torch.arange(len(order)))
    once = model.family.place(context.output, context.features[order], order)
    twice = model.family.place(once, model.family.features(once)[order], order)
    torch.testing.assert_close(model.family.features(twice), context.features, atol=0, rtol=0)
    with torch.no_grad():
        direct = model.prefill(context)
        again = model.prefill(replace(context, features=context.features, output=twice))
    for one, other in zip(direct.keys, again.keys, strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_reversed_prefix_equals_the_reversed_features(case: Case) -> None:
    """The frames change places, the tokens inside a frame and all other tokens do not."""
    context = case.context
    cells = torch.from_numpy(context.layout.cells.copy())
    swapped = context.features.clone()
    swapped[cells] = context.features[cells.flip(0)]
    if context.layout.beside is not None:
        beside = torch.from_numpy(context.layout.beside.copy())
        swapped[beside] = context.features[beside.flip(0)]
    order = torch.from_numpy(context.layout.reversed_order())
    assert torch.equal(context.features[order], swapped)


def test_the_whole_method_runs(case: Case) -> None:
    """Every branch of the full method gives finite maps of the grid."""
    session = ClipSession(case.model, case.context, preset("paper", lr=0.01))
    for phrase, reverse in (("the red square", False), ("the red square", True), ("moves", False)):
        found, token = session.read(QUESTION, phrase, reverse=reverse)
        assert found.shape == case.context.layout.grid
        assert torch.isfinite(found).all()
        assert token.text
    assert 0.0 <= session.presence(QUESTION) <= 1.0
