"""Is the prompt the model's own, and which of its tokens are read?"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from zerotube.check.pictures import noise_clip
from zerotube.check.types import CheckLine, Subject
from zerotube.mllm.prompting import render
from zerotube.query.prompts import existence_prompt

QUESTION = existence_prompt("the red square")


def check_prompt(subject: Subject) -> Iterator[CheckLine]:
    """Head and question apart are the very tokens that the processor makes of the whole prompt.

    But for the visual placeholders: how many they have to be is compared with the features.
    """
    model = subject.model
    clip = noise_clip(model, 224, 280)
    text = render(model.processor, QUESTION, model.family.modality)
    whole = model.family.process(model.processor, text, clip)["input_ids"][0].tolist()
    context = model.encode(clip)
    ours = context.head_ids[0].tolist() + model.tokens.tail(QUESTION)
    visual = model.family.visual_token_id(model.model.config)
    same = [one for one in ours if one != visual] == [one for one in whole if one != visual]
    steps, height, width = context.layout.grid
    features = len(context.features)
    shown = f"{features} visual tokens of {len(clip)} frames in {steps} x {height} x {width} cells"
    yield CheckLine(
        "prompt",
        "pass" if same else "fail",
        shown if same else f"{shown}; other tokens than the processor makes of the whole prompt",
        repr(text),
        values={"visual_tokens": features, "grid": [steps, height, width], "prompt": text},
    )
    _, texts = model.tokens.candidates(QUESTION)
    yield CheckLine(
        "role tokens",
        "info",
        " ".join(repr(one) for one in texts),
        "candidates for the grounding token: the question's last sign, and what the chat template "
        "puts after it",
        values={"texts": list(texts)},
    )
    prefix = model.prefill(context)
    answers = model.preferred_answer(prefix, QUESTION)
    logits = model.ask(prefix, [QUESTION])[0].logits
    weight = torch.as_tensor(logits).softmax(dim=-1)
    mass = float(weight[answers.yes] + weight[answers.no])
    spellings = [one.text for one in model.tokens.answer_ids()]
    yield CheckLine(
        "yes / no tokens",
        "info",
        f"{answers.text!r} (ids {answers.yes}, {answers.no}), which get {mass:.1%} of the first "
        "answer token",
        f"spellings of one token each: {', '.join(repr(one) for one in spellings)}; on random "
        "pixels",
        values={"spelling": answers.text, "ids": [answers.yes, answers.no], "mass": mass},
    )
