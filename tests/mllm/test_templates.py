"""Chat templates are programs: they are tried with limits, and never see a question."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from types import SimpleNamespace

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from zerotube.errors import ModelError
from zerotube.mllm import templates
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.prompting import STAND_IN, PromptTokens, render
from zerotube.mllm.template_trial import trial

EVERYTHING = """\
{%- set found = namespace(count=0) %}
{%- for message in messages %}
    {%- if loop.index0 > 3 %}{% break %}{% endif %}
    {%- set found.count = found.count + 1 %}
<{{ message.role | capitalize }}>{{ message | tojson(indent=2) }}
    {%- generation %} {{ strftime_now('%Y')[:2] }}{% endgeneration %}
{%- endfor %}
{{ dict(a=found.count) }}{{ bos_token }}{{ '!' if tools is none and add_generation_prompt }}
{% if messages | length > 9 %}{{ raise_exception('too many') }}{% endif %}"""
MESSAGES = [{"role": "user", "content": [{"type": "text", "text": "ä"}]}]
VALUES = {
    "messages": MESSAGES,
    "tools": None,
    "documents": None,
    "add_generation_prompt": True,
    "bos_token": "<s>",
}


def test_the_trial_knows_all_that_transformers_offers_to_templates() -> None:
    assert trial({"template": EVERYTHING, "values": VALUES, "longest": 1000}) == "fine"
    made, _ = render_jinja_template(
        [MESSAGES], chat_template=EVERYTHING, add_generation_prompt=True, bos_token="<s>"
    )
    # As long as the real text is, and no longer.
    length = len(made[0])
    assert trial({"template": EVERYTHING, "values": VALUES, "longest": length}) == "fine"
    assert trial({"template": EVERYTHING, "values": VALUES, "longest": length - 1}) == "long"


def test_what_went_wrong_is_said(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy.processor, "chat_template", "{{ raise_exception('no videos here') }}")
    with pytest.raises(ModelError, match=r"cannot be rendered \(TemplateError: no videos here\)"):
        render(toy.processor, "?")
    monkeypatch.setattr(sys, "path", [])
    templates._tried.cache_clear()
    with pytest.raises(ModelError, match=r"ended with code 1: ModuleNotFoundError.*jinja2"):
        render(toy.processor, "?")
    templates._tried.cache_clear()


def test_a_template_cannot_tell_one_question_from_another(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that would loop at a certain word never meets it."""
    own = (
        "<video>{% set text = messages[0]['content'][1]['text'] %}"
        "{% if 'cat' in text %}{{ 'no' * 9 }}{% endif %}{{ text }}<role>"
    )
    monkeypatch.setattr(toy.processor, "chat_template", own)
    assert render(toy.processor, "a cat") == "<video>a cat<role>"
    calls: list[object] = []
    tokens = PromptTokens(toy.processor, "<video>")
    monkeypatch.setattr(toy.processor, "apply_chat_template", lambda *_, **__: calls.append(1))
    tokens.tail("a cat")
    assert not calls


def test_a_template_that_repeats_the_question(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = "<video>{% for part in [1, 2] %}{{ messages[0]['content'][1]['text'] }}{% endfor %}."
    monkeypatch.setattr(toy.processor, "chat_template", twice)
    with pytest.raises(ModelError, match="repeats"):
        render(toy.processor, "?")


def test_each_template_is_tried_once(toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    render(toy.processor, "?")
    monkeypatch.setattr(
        templates, "subprocess", SimpleNamespace(run=lambda *_, **__: pytest.fail("again"))
    )
    assert render(toy.processor, STAND_IN)


def _try_in_a_worker(pipe: object) -> None:
    pipe.send(templates._tried("{% for a in range(3) %}{{ a }}{% endfor %}", "{}"))


def test_workers_and_threads_may_try_too() -> None:
    """Daemons must not have children of ``multiprocessing``; this is none."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(templates._tried("{{ 1 }}", "{}")))
    thread.start()
    thread.join()
    assert found == [templates.FINE]
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_try_in_a_worker, args=(theirs,), daemon=True)
    worker.start()
    assert ours.poll(30)
    assert ours.recv() == templates.FINE
    worker.join()
