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

from transformers import ProcessorMixin

from zerotube.checkpoints import refusing
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


def rendered(processor: Any, conversation: list[dict[str, Any]]) -> str:
    """The model's own chat prompt of a conversation, up to where its answer begins.

    Args:
        processor: a Hugging Face processor with tokenizer and chat template.
        conversation: messages as chat templates take them, of plain JSON values.

    Raises:
        ModelError: a template that does not end, writes too much, or fails.
    """
    values = {
        "messages": conversation,
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
        **{name: str(text) for name, text in processor.tokenizer.special_tokens_map.items()},
    }
    template = _template(processor)
    said = FINE if template is None else _tried(template, json.dumps(values))
    # A processor with a rule of its own may render another template than the checkpoint's.
    own = type(processor).apply_chat_template is not ProcessorMixin.apply_chat_template
    if said in _SAID or (said != FINE and not own):
        raise ModelError(
            f"a chat template that {_SAID.get(said, f'cannot be rendered ({said[:160]})')}",
            wanted="a template that renders one short question at once",
            fix=_FIX,
        )
    with refusing("chat template", wanted="a chat template that renders one question", fix=_FIX):
        text: str = processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=False
        )
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
