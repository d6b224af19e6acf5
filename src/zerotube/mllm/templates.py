"""Rendering a checkpoint's chat template, which is a program that may not end.

jinja2's sandbox keeps a template from files and attributes, not from looping or filling memory,
and nothing in this process could stop it there. So each template is tried first in a process of
its own with limits, on the very conversation that is rendered afterwards.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import ProcessorMixin

from zerotube.errors import ModelError

LONGEST = 100_000
"""Characters of a prompt with one short question; published ones stay below 1,000."""
_CPU_S = 2
# A busy machine gives a process little of its processor: the clock decides only without limits.
_WALL_S = 30.0 if find_spec("resource") else 8.0
_BYTES = 1 << 30
_TRIAL = Path(__file__).with_name("template_trial.py")
_FIX = "check chat_template.jinja of this model, or use another one"

_OUT_OF_TIME = tuple(-getattr(signal, name, 0) for name in ("SIGXCPU", "SIGKILL"))

FINE = "fine"
_SAID = {
    "long": f"writes more than {LONGEST:,} characters for one short question",
    "memory": "fills the memory",
    "time": "does not come to an end",
}


def rendered(processor: Any, conversation: list[dict[str, Any]], *, open_turn: bool = True) -> str:
    """The model's own chat prompt of a conversation, up to where its answer begins.

    Args:
        processor: a Hugging Face processor with tokenizer and chat template.
        conversation: messages as chat templates take them, of plain JSON values.
        open_turn: whether the model's own turn is opened, so that it answers.

    Raises:
        ModelError: no template; or one that does not end, writes too much, or fails.
    """
    if processor.chat_template is None:
        raise ModelError(
            "a checkpoint without a chat template",
            wanted="chat_template.jinja or chat_template.json beside its config.json",
            fix="use an instruction-tuned model, or copy the template of the one it is made from",
        )
    values = {
        "messages": conversation,
        "tools": None,
        "documents": None,
        "add_generation_prompt": open_turn,
        **{name: str(text) for name, text in processor.tokenizer.special_tokens_map.items()},
    }
    template = _template(processor)
    said = FINE if template is None else _tried(template, json.dumps(values))
    # A processor with a rule of its own may render another template than the checkpoint's.
    own = type(processor).apply_chat_template is not ProcessorMixin.apply_chat_template
    if said in _SAID or (said != FINE and not own):
        raise ModelError(
            f"a chat template that {_SAID.get(said, f'cannot be rendered ({said[:160]})')}",
            wanted="one for messages that hold a video (or image) and a text",
            fix=_FIX,
        )
    try:
        text: str = processor.apply_chat_template(
            conversation, add_generation_prompt=open_turn, tokenize=False
        )
    # TypeError: a template for text alone joins strings, and a message with a video is a list.
    except (ValueError, TypeError, ArithmeticError, RecursionError, TemplateError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"a chat template that cannot be rendered ({reason[:160].rstrip('.')})",
            wanted="one for messages that hold a video (or image) and a text",
            fix=_FIX,
        ) from error
    return text


def _template(processor: Any) -> str | None:
    """What the processor renders, if it is one of the checkpoint's."""
    held = processor.chat_template
    chosen = held.get("default") if isinstance(held, dict) else held
    return chosen if isinstance(chosen, str) else None


@lru_cache(maxsize=256)
def _tried(template: str, values: str) -> str:
    """How rendering goes in a process with limits: a word of ``_SAID``, ``FINE``, or an error."""
    request = {
        "template": template,
        "values": json.loads(values),
        "longest": LONGEST,
        "seconds": _CPU_S,
        "bytes": _BYTES,
        "path": sys.path,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_TRIAL)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "time"
    if done.stdout:
        return " ".join(done.stdout.split())
    if done.returncode in _OUT_OF_TIME:
        return "time"
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"the trial ended with code {done.returncode}: {last}"
