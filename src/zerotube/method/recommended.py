"""Settings that a model brings along: ``zerotube.json`` beside its weights.

A recipe that is best on one model may be harmful on another (how sure a model is decides how far a
prompt may be tuned), so the maker of a checkpoint can say what to use::

    {"method": {"token_rule": "mean"}, "why": "chosen on 480 clips of held-back seeds"}

The bundled model has such a file. It counts only where the user names no preset; single settings
that the user gives always win.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zerotube.errors import ModelError, UsageError
from zerotube.method.beside import file_beside
from zerotube.method.config import DEFAULT, MethodSettings, preset
from zerotube.method.heads import chosen_heads

FILE = "zerotube.json"
"""Name of the file beside the weights."""


@dataclass(frozen=True)
class Recommended:
    """What a model brings along.

    Attributes:
        method: settings of the method, as changes to the defaults.
        why: what they were chosen by.
    """

    method: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def recommended(model: str) -> Recommended:
    """The settings that a model recommends; none where it has no ``zerotube.json``.

    Args:
        model: "bundled", a folder, or a Hugging Face id, of which the file is fetched.

    Raises:
        ModelError: the file is not an object of known settings with values that are allowed.
    """
    file = file_beside(model, FILE)
    if file is None:
        return Recommended()
    wanted = 'JSON such as {"method": {"token_rule": "mean"}, "why": "..."}'
    fix = f"correct or remove {FILE} of this model, or name a preset with --method"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        got = f"{FILE} of {model!r}, which is not JSON"
        raise ModelError(got, wanted=wanted, fix=fix) from error
    method = content.get("method") if isinstance(content, dict) else None
    why = content.get("why", "") if isinstance(content, dict) else ""
    if not isinstance(method, dict) or not isinstance(why, str):
        raise ModelError(f"{FILE} of {model!r} without settings", wanted=wanted, fix=fix)
    known = set(MethodSettings.__dataclass_fields__)
    foreign = sorted(str(name) for name in set(method) - known)
    if foreign:
        raise ModelError(
            f"{FILE} of {model!r} with the unknown setting {foreign[0]!r}", wanted=wanted, fix=fix
        )
    try:
        preset(DEFAULT, **method)
    except (UsageError, TypeError) as error:
        reason = error.got if isinstance(error, UsageError) else "a value of another type"
        raise ModelError(f"{FILE} of {model!r} with {reason}", wanted=wanted, fix=fix) from error
    return Recommended(method, why)


def settings_for(
    model: str, method: str = DEFAULT, changes: Mapping[str, Any] | None = None
) -> MethodSettings:
    """The settings that a model is used with.

    Args:
        model: see ``recommended``; asked only where ``method`` is the default.
        method: name of a preset.
        changes: single settings; they win over everything else.

    Raises:
        UsageError: see ``preset``; heads that nobody has chosen.
        ModelError: see ``recommended`` and ``chosen_heads``.
    """
    own = recommended(model).method if method == DEFAULT else {}
    settings = preset(method, **own).changed(**(changes or {}))
    if settings.heads == "chosen":
        chosen_heads(model)
    return settings
