"""The settings of the method that a release is judged by, and others from a command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from zerotube.errors import UsageError
from zerotube.eval.ground_task import Variant
from zerotube.method.config import MethodSettings, preset
from zerotube.method.recommended import settings_for

GTI = "GTI"
DEFAULT = "default of the bundled model"

USUAL: dict[str, MethodSettings] = {
    GTI: preset("gti"),
    DEFAULT: settings_for("bundled"),
    "full, the paper's settings": preset("paper"),
    "full, step by token norm": preset("paper", step="token-norm", lr=0.1),
}
"""By label, in the order of the tables."""

HELP = (
    "one more variant of the method, for example 'full, lr 0.05: paper step=token-norm lr=0.05': "
    "a label, a colon, a preset and settings; may be given several times"
)


def variants_of(more: Sequence[str]) -> tuple[Variant, ...]:
    """The usual variants and those of a command line.

    Args:
        more: texts as ``HELP`` says.

    Raises:
        UsageError: a text of another form, a setting that does not exist, a label twice.
    """
    found = dict(USUAL)
    for text in more:
        label, colon, rest = text.partition(":")
        label, (name, *changes) = label.strip(), rest.split() or [""]
        if not colon or not label or label in found:
            raise UsageError(
                f"--settings {text!r}",
                wanted="a new label, a colon, a preset and settings",
                fix="for example --settings 'full, lr 0.05: paper step=token-norm lr=0.05'",
            )
        found[label] = preset(name, **dict(_setting(change) for change in changes))
    return tuple(Variant(label, settings) for label, settings in found.items())


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The flag that ``variants_of`` reads."""
    parser.add_argument("--settings", action="append", default=[], metavar="TEXT", help=HELP)


def _setting(change: str) -> tuple[str, Any]:
    """ "lr=0.05" as a name and a value of the setting's own type."""
    key, _, text = change.partition("=")
    usual = getattr(preset("paper"), key, None)
    kinds: dict[str, Any] = {"true": True, "false": False}
    try:
        if isinstance(usual, bool):
            return key, kinds[text.lower()]
        return key, text if usual is None else type(usual)(text)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"setting {change!r}",
            wanted=f"a value of the kind of {usual!r}",
            fix="see `zerotube ground --help`",
        ) from error
