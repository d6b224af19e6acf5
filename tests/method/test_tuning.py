"""LRA: gradients against finite differences in float64, objectives, averaging, bad numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from toy import load_toy, noise_clip
from toys import llava_onevision
from zerotube.errors import NumericalError
from zerotube.method.config import preset
from zerotube.method.tuning import Slope, loss_of, slope, start, tune
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import VisualContext
from zerotube.query.prompts import CAPTION_PROMPT

QUESTION = "Is there the red square in this video?"


@pytest.fixture(scope="module")
def answers(toy: VideoMLLM) -> AnswerIds:
    return toy.tokens.answer_ids()[0]


def loss_at(toy, context, prompt, objective, answers) -> float:
    """Loss of one prompt through the model's ordinary whole-sequence forward, in float64."""
    logits = []
    for question in (QUESTION, CAPTION_PROMPT):
        tail = torch.tensor([toy.tokens.tail(question)])
        output = toy.family.place(context.output, context.features + prompt, None)
        with torch.no_grad():
            logits.append(
                toy.model(
                    input_ids=torch.cat([context.head_ids, tail], dim=1),
                    mm_encoder_outputs={"video": output},
                ).logits[0, -1]
            )
    return float(loss_of(objective, logits[0], logits[1], answers))


def norms_in_float64(model: torch.nn.Module) -> None:
    """Qwen2's own norms round to float32 whatever the dtype, which would drown the differences."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Qwen2RMSNorm):
                exact = torch.nn.RMSNorm(
                    child.weight.shape, eps=child.variance_epsilon, dtype=torch.float64
                )
                exact.weight.data.copy_(child.weight)
                setattr(module, name, exact.requires_grad_(False))


@pytest.mark.parametrize("objective", ["exp", "margin", "entropy"])
def test_gradient_equals_finite_differences(tmp_path: Path, objective: str) -> None:
    toy = load_toy(llava_onevision.write(tmp_path / "two-layers", layers=2))
    norms_in_float64(toy.model)
    context = toy.encode(noise_clip(2))
    answers = toy.tokens.answer_ids()[0]
    settings = preset("paper", objective=objective, lr=1.0)
    prompt, _ = tune(toy, QUESTION, start(toy, context, reverse=False), settings, answers)
    gradient = -prompt  # one step of lr 1 from zero
    torch.manual_seed(0)
    for _ in range(4):
        direction = torch.randn_like(prompt)
        direction /= direction.norm()

        def slope(step: float, direction: torch.Tensor = direction) -> float:
            ahead = loss_at(toy, context, step * direction, objective, answers)
            behind = loss_at(toy, context, -step * direction, objective, answers)
            return (ahead - behind) / (2 * step)

        assert float((gradient * direction).sum()) == pytest.approx(slope(1e-5), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("objective", ["exp", "margin", "entropy"])
@pytest.mark.parametrize("reverse", [False, True])
def test_small_steps_lower_the_loss(
    toy: VideoMLLM, context: VisualContext, answers: AnswerIds, objective: str, reverse: bool
) -> None:
    settings = preset("paper", objective=objective, lr=1e-3, iterations=4)
    _, losses = tune(toy, QUESTION, start(toy, context, reverse=reverse), settings, answers)
    assert len(losses) == 4
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_objectives_are_their_formulas() -> None:
    logits = torch.tensor([1.0, -0.5, 2.0])
    generic = torch.tensor([0.25, 0.5, 0.0])
    answers = AnswerIds("yes", yes=0, no=1)
    total = sum(math.exp(value) for value in (1.0, -0.5, 2.0))
    p_yes, p_no = math.exp(1.0) / total, math.exp(-0.5) / total
    assert float(loss_of("exp", logits, None, answers)) == pytest.approx(
        -math.exp(math.log(p_yes) - math.log(p_no))
    )
    assert float(loss_of("entropy", logits, None, answers)) == pytest.approx(-math.log(p_yes))
    assert float(loss_of("margin", logits, generic, answers)) == pytest.approx(1 - (1.5 - -0.25))
    with pytest.raises(ValueError, match="content-free"):
        loss_of("margin", logits, None, answers)


def test_average_feeds_current_and_previous_prompt(
    toy: VideoMLLM, context: VisualContext, answers: AnswerIds
) -> None:
    started = start(toy, context, reverse=False)
    newest, _ = tune(toy, QUESTION, started, preset("paper", lr=0.5), answers)
    averaged, _ = tune(toy, QUESTION, started, preset("paper", lr=0.5, ema=0.5), answers)
    torch.testing.assert_close(averaged, newest / 2)


def test_the_second_step_goes_through_the_average(
    toy: VideoMLLM, context: VisualContext, answers: AnswerIds
) -> None:
    """By autograd on the average itself: V2 = V1 - lr d/dV1 L(ema V0 + (1 - ema) V1), V0 fixed."""
    settings = preset("paper", objective="margin", lr=0.5, iterations=2, ema=0.25)
    fed, losses = tune(toy, QUESTION, start(toy, context, reverse=False), settings, answers)

    def loss(prompt: torch.Tensor) -> torch.Tensor:
        prefix = toy.prefill(context, prompt)
        logits = [item.logits for item in toy.ask(prefix, [QUESTION, CAPTION_PROMPT])]
        return loss_of("margin", logits[0], logits[1], answers)

    older = torch.zeros_like(context.features, requires_grad=True)
    with torch.enable_grad():
        (first,) = torch.autograd.grad(loss(older), older)
        current = (older - 0.5 * first).detach().requires_grad_(True)
        average = 0.25 * older.detach() + 0.75 * current
        second_loss = loss(average)
        (second,) = torch.autograd.grad(second_loss, current)
    newest = (current - 0.5 * second).detach()
    torch.testing.assert_close(fed, 0.25 * current.detach() + 0.75 * newest)
    assert losses[1] == pytest.approx(second_loss.item())


def test_model_weights_never_change(
    toy: VideoMLLM, context: VisualContext, answers: AnswerIds
) -> None:
    before = [weight.clone() for weight in toy.model.parameters()]
    tune(toy, QUESTION, start(toy, context, reverse=False), preset("paper", iterations=2), answers)
    for old, new in zip(before, toy.model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None


def test_non_finite_gradient_is_refused(
    toy: VideoMLLM, context: VisualContext, answers: AnswerIds
) -> None:
    settings = preset("paper", lr=1e300, iterations=3)
    with pytest.raises(NumericalError, match=r"lower --lr"):
        tune(toy, QUESTION, start(toy, context, reverse=False), settings, answers)


@pytest.mark.parametrize("scale", [1.0, 1e3], ids=["as it is", "a thousand times as steep"])
def test_a_step_in_units_of_the_token_norm_does_not_depend_on_the_slope(
    toy: VideoMLLM, context: VisualContext, scale: float
) -> None:
    started = start(toy, context, reverse=False)
    answers = toy.tokens.answer_ids()[0]
    settings = preset("paper", step="token-norm", lr=0.25)
    first = slope(toy, QUESTION, started, settings, answers, keep_graph=True)
    steeper = Slope(first.loss, scale * first.gradient)
    prompt, _ = tune(toy, QUESTION, started, settings, answers, first=steeper)
    moved = prompt.norm(dim=-1)
    norm = context.features.norm(dim=-1).mean()
    assert float(moved.max()) == pytest.approx(0.25 * float(norm), rel=1e-4)
    # Downhill, along the gradient and nowhere else.
    cosine = torch.nn.functional.cosine_similarity(
        prompt.flatten(), -first.gradient.flatten(), dim=0
    )
    assert float(cosine) == pytest.approx(1.0, abs=1e-5)


def test_where_nothing_slopes_nothing_moves(toy: VideoMLLM, context: VisualContext) -> None:
    started = start(toy, context, reverse=False)
    flat = Slope(1.0, torch.zeros_like(started[0]))
    settings = preset("paper", step="token-norm", lr=0.25)
    answers = toy.tokens.answer_ids()[0]
    prompt, losses = tune(toy, QUESTION, started, settings, answers, first=flat)
    assert not prompt.any()
    assert losses == (1.0,)
