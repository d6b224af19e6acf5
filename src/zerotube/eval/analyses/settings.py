"""Which of the method's settings an analysis leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerotube.errors import UsageError
from zerotube.method.config import MethodSettings, preset


def open_settings(
    name: str, reads: frozenset[str], changes: Mapping[str, Any], **own: Any
) -> MethodSettings:
    """Settings for an analysis: the paper's, whose claims it looks at, and what is chosen.

    Args:
        name: of the analysis, for the message.
        reads: settings that the caller may choose.
        changes: what the caller chose.
        own: what the analysis itself decides.

    Raises:
        UsageError: a setting that the analysis decides itself or does not read.
    """
    for setting in changes:
        if setting not in reads:
            raise UsageError(
                f"the setting {setting} for the analysis of {name}, which decides it itself or "
                "does not depend on it",
                wanted=f"only {', '.join(sorted(reads))}",
                fix=f"leave --{setting.replace('_', '-')} out",
            )
    return preset("paper", **{**own, **changes})


def recorded(settings: MethodSettings, reads: frozenset[str]) -> dict[str, Any]:
    """The settings that decide the results of an analysis, as plain JSON values."""
    return {key: value for key, value in settings.to_dict().items() if key in reads}
