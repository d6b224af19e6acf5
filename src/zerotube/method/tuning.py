"""Logit-guided re-attention (method section 6): tune a visual prompt towards "yes"."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zerotube.errors import NumericalError
from zerotube.method.config import MethodSettings, Objective, Step
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import Prefix, VisualContext
from zerotube.query.prompts import caption_prompt


def loss_of(
    objective: Objective, logits: Tensor, generic_logits: Tensor | None, answers: AnswerIds
) -> Tensor:
    """What one tuning step lowers.

    Args:
        objective: ``exp`` is Eq. 4, -exp(log p_yes - log p_no); ``margin`` is the reference's
            1 - [(yes - no)(question) - (yes - no)(content-free prompt)]; ``entropy`` is -log p_yes.
        logits: ``(vocabulary,)`` after the sub-query.
        generic_logits: the same after the content-free prompt; only ``margin`` needs them.
        answers: ids of yes and no.

    Returns:
        A scalar.
    """
    margin = logits[answers.yes] - logits[answers.no]
    if objective == "exp":
        return -margin.exp()
    if objective == "entropy":
        return -logits.log_softmax(dim=-1)[answers.yes]
    if generic_logits is None:
        raise ValueError("the margin objective needs the logits of the content-free prompt")
    return 1 - (margin - (generic_logits[answers.yes] - generic_logits[answers.no]))


def start(model: VideoMLLM, context: VisualContext, *, reverse: bool) -> tuple[Tensor, Prefix]:
    """A zero prompt that takes gradients, and the plain prefix that depends on it.

    The first step of every prompt starts at V = 0, so all sub-queries (and all queries) of one
    video share this prefix with its autograd graph: only the backward passes are their own.

    Args:
        model: the MLLM.
        context: the encoded clip.
        reverse: feed the frames in reverse order.
    """
    features = context.features
    half = features.dtype in (torch.float16, torch.bfloat16)
    zero = torch.zeros_like(features, dtype=torch.float32 if half else features.dtype)
    zero.requires_grad_(True)
    with torch.enable_grad():
        return zero, model.prefill(context, zero, reverse=reverse)


def margin_gradient(
    model: VideoMLLM, question: str, started: tuple[Tensor, Prefix], answers: AnswerIds
) -> Tensor:
    """Gradient of the logit of yes less that of no with respect to the visual tokens, ``(M, d)``.

    Args:
        model: the MLLM.
        question: the sub-query as asked.
        started: a prompt that takes gradients, and the prefix that depends on it; its graph stays.
        answers: ids of yes and no.

    Raises:
        NumericalError: if the gradient is not finite.
    """
    leaf, prefix = started
    with torch.enable_grad():
        logits = model.ask(prefix, [question])[0].logits
    if logits is None:  # asked for above; this narrows the type
        raise ValueError("an answer without logits")
    (gradient,) = torch.autograd.grad(
        logits[answers.yes] - logits[answers.no], leaf, retain_graph=True
    )
    if not torch.isfinite(gradient).all():
        raise NumericalError(
            f"a gradient of {question[:60]!r} that is not finite",
            wanted="finite numbers",
            fix="load the model with --dtype float32, or take --track-maps attention",
        )
    return gradient


@dataclass(frozen=True, eq=False)
class Slope:
    """Loss and gradient of a sub-query at some prompt.

    Attributes:
        loss: value of the objective.
        gradient: shaped like the prompt.
    """

    loss: float
    gradient: Tensor


def slope(
    model: VideoMLLM,
    question: str,
    started: tuple[Tensor, Prefix],
    settings: MethodSettings,
    answers: AnswerIds,
    *,
    keep_graph: bool,
) -> Slope:
    """How the objective changes with the prompt, at the prompt that the prefix was made with.

    At V = 0 this depends on neither the step nor the number of steps: settings share it.

    Args:
        model: the MLLM.
        question: the sub-query as asked.
        started: a prompt that takes gradients, and the prefix that depends on it.
        settings: objective and wording.
        answers: ids of yes and no.
        keep_graph: whether other sub-queries will use the same prefix.

    Raises:
        NumericalError: if loss or gradient is not finite.
    """
    leaf, prefix = started
    loss = _loss(model, question, prefix, settings, answers)
    (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=keep_graph)
    if not (torch.isfinite(loss) and torch.isfinite(gradient).all()):
        raise NumericalError(
            f"a non-finite gradient while tuning on {question[:60]!r}",
            wanted="finite numbers",
            fix="lower --lr, choose --objective margin, or load with --dtype float32",
        )
    return Slope(float(loss.detach()), gradient)


def tune(
    model: VideoMLLM,
    question: str,
    started: tuple[Tensor, Prefix],
    settings: MethodSettings,
    answers: AnswerIds,
    *,
    first: Slope | None = None,
) -> tuple[Tensor, tuple[float, ...]]:
    """Tune a visual prompt on one sub-query by plain gradient descent; the weights never change.

    Args:
        model: the MLLM.
        question: the sub-query as asked.
        started: what ``start`` returned; its graph is kept for the next sub-query.
        settings: objective, step, lr, iterations, ema, wording.
        answers: ids of yes and no.
        first: the slope there, if it is known.

    Returns:
        The prompt to feed, shaped like the features and in the prefix's frame order, and the loss
        before each step.

    Raises:
        NumericalError: if a loss or gradient is not finite.
    """
    leaf, prefix = started
    prompt = fed = leaf.detach()
    now = first or slope(model, question, started, settings, answers, keep_graph=True)
    losses = [now.loss]
    for step in range(settings.iterations):
        if step:
            leaf = fed.clone().requires_grad_(True)
            with torch.enable_grad():
                prefix = model.prefill(prefix.context, leaf, reverse=prefix.reverse)
            now = slope(model, question, (leaf, prefix), settings, answers, keep_graph=False)
            losses.append(now.loss)
        size = settings.lr * _unit(now.gradient, prefix.context.features, settings.step)
        if step and settings.step == "gradient":
            # The prompt reaches the loss through the average that is fed, so that its gradient is
            # its weight there times the one at the average. Before the first step both are one.
            size *= 1 - settings.ema
        previous, prompt = prompt, prompt - size * now.gradient
        fed = settings.ema * previous + (1 - settings.ema) * prompt
    return fed, tuple(losses)


def _unit(gradient: Tensor, features: Tensor, step: Step) -> float:
    """What a learning rate of 1 stands for.

    A gradient's length says how sure the model is, not how far its features may be moved: that of
    Eq. 4 grows with p_yes / p_no, so that one step of fixed size leaves the features of a sure
    model far behind and hardly moves those of an unsure one. In units of the tokens' norm it does
    neither.
    """
    if step == "gradient":
        return 1.0
    longest = float(gradient.norm(dim=-1).max())
    return float(features.float().norm(dim=-1).mean()) / longest if longest else 0.0


def _loss(
    model: VideoMLLM, question: str, prefix: Prefix, settings: MethodSettings, answers: AnswerIds
) -> Tensor:
    questions = [question]
    if settings.objective == "margin":
        questions.append(caption_prompt(settings.wording))
    with torch.enable_grad():
        logits = [item.logits for item in model.ask(prefix, questions) if item.logits is not None]
        generic = logits[1] if len(logits) > 1 else None
        return loss_of(settings.objective, logits[0], generic, answers)
