"""Logit-guided re-attention (method section 6): tune a visual prompt towards "yes"."""

from __future__ import annotations

import torch
from torch import Tensor

from zerotube.errors import NumericalError
from zerotube.method.config import MethodSettings, Objective
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import AnswerIds
from zerotube.mllm.types import Prefix, VisualContext
from zerotube.query.prompts import CAPTION_PROMPT


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


def tune(
    model: VideoMLLM,
    question: str,
    started: tuple[Tensor, Prefix],
    settings: MethodSettings,
    answers: AnswerIds,
) -> tuple[Tensor, tuple[float, ...]]:
    """Tune a visual prompt on one sub-query by plain gradient descent; the weights never change.

    Args:
        model: the MLLM.
        question: the sub-query as asked.
        started: what ``start`` returned; its graph is kept for the next sub-query.
        settings: objective, lr, iterations, ema.
        answers: ids of yes and no.

    Returns:
        The prompt to feed, shaped like the features and in the prefix's frame order, and the loss
        before each step.

    Raises:
        NumericalError: if a loss or gradient is not finite.
    """
    leaf, prefix = started
    prompt = fed = leaf.detach()
    losses = []
    for step in range(settings.iterations):
        if step:
            leaf = fed.clone().requires_grad_(True)
            with torch.enable_grad():
                prefix = model.prefill(prefix.context, leaf, reverse=prefix.reverse)
        loss = _loss(model, question, prefix, settings.objective, answers)
        (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=step == 0)
        if not (torch.isfinite(loss) and torch.isfinite(gradient).all()):
            raise NumericalError(
                f"a non-finite gradient while tuning on {question[:60]!r} (step {step + 1})",
                wanted="finite numbers",
                fix="lower --lr, choose --objective margin, or load with --dtype float32",
            )
        losses.append(float(loss.detach()))
        previous, prompt = prompt, prompt - settings.lr * gradient
        fed = settings.ema * previous + (1 - settings.ema) * prompt
    return fed, tuple(losses)


def _loss(
    model: VideoMLLM, question: str, prefix: Prefix, objective: Objective, answers: AnswerIds
) -> Tensor:
    questions = [question, CAPTION_PROMPT] if objective == "margin" else [question]
    with torch.enable_grad():
        logits = [item.logits for item in model.ask(prefix, questions) if item.logits is not None]
        generic = logits[1] if len(logits) > 1 else None
        return loss_of(objective, logits[0], generic, answers)
