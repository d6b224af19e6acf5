"""Rendering a checkpoint's chat template, which is a program that may not end.

jinja2's sandbox keeps a template from files and attributes, not from looping or filling memory,
and nothing in this process could stop it there. So each template is tried first in a process of
its own with limits, on the very conversation that is rendered afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from zerotube.errors import ModelError

LONGEST = 100_000
"""Characters of a prompt with one short question; published ones stay below 1,000."""
_CPU_S = 2
_WALL_S = 8.0
_BYTES = 1 << 30
_TRIAL = Path(__file__).with_name("template_trial.py")
_FIX = "check chat_template.jinja of this model, or use another one"

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
        "add_generation_prompt": open_turn,
        **{name: str(text) for name, text in processor.tokenizer.special_tokens_map.items()},
    }
    for template in _templates(processor):
        _try(template, json.dumps(values, sort_keys=True))
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


def _templates(processor: Any) -> list[str]:
    """What the processor may render: a template, or several by name."""
    found: list[str] = []
    for owner in (processor, processor.tokenizer):
        held = getattr(owner, "chat_template", None)
        found += list(held.values()) if isinstance(held, dict) else [held] if held else []
    return list(dict.fromkeys(template for template in found if isinstance(template, str)))


@lru_cache(maxsize=256)
def _try(template: str, values: str) -> None:
    """Render in a process with limits; returns where that comes to an end, well or not."""
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
        said = done.stdout.strip() or "time"
    except subprocess.TimeoutExpired:
        said = "time"
    if said in _SAID:
        raise ModelError(
            f"a chat template that {_SAID[said]}",
            wanted="a template that renders one short question at once",
            fix=_FIX,
        )
