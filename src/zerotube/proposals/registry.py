"""The proposers by name: import paths, so that nothing loads before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zerotube.errors import UsageError

if TYPE_CHECKING:
    from zerotube.proposals.base import Proposer


@dataclass(frozen=True)
class ProposerEntry:
    """Where a proposer lives.

    Attributes:
        module: import path.
        proposer: name of the class, constructed with the settings.
        settings: name of the frozen dataclass of its settings, in the same module.
        summary: one line for a help text.
    """

    module: str
    proposer: str
    settings: str
    summary: str


PROPOSERS: dict[str, ProposerEntry] = {
    "motion": ProposerEntry(
        "zerotube.proposals.motion",
        "MotionProposer",
        "MotionSettings",
        "fixed camera, no weights: what moves or stands out from the background",
    ),
    "gdino+sam2": ProposerEntry(
        "zerotube.proposals.detect_masks",
        "Sam2Proposer",
        "Sam2Settings",
        "the noun detected every few frames and followed both ways by SAM 2: boxes and masks",
    ),
    "gdino+edgetam": ProposerEntry(
        "zerotube.proposals.detect_masks",
        "EdgeTamProposer",
        "EdgeTamSettings",
        "the same with EdgeTAM, which is lighter (needs the extra 'edgetam')",
    ),
    "gdino+bytetrack": ProposerEntry(
        "zerotube.proposals.detect_boxes",
        "ByteTrackProposer",
        "BoxSettings",
        "the noun detected every few frames, boxes linked by ByteTrack",
    ),
    "gdino+botsort": ProposerEntry(
        "zerotube.proposals.detect_boxes",
        "BotSortProposer",
        "BoxSettings",
        "the noun detected every few frames, boxes linked by BoT-SORT (moving cameras)",
    ),
    "sam3": ProposerEntry(
        "zerotube.proposals.sam3",
        "Sam3Proposer",
        "Sam3Settings",
        "the noun detected and followed by SAM 3 video: boxes and masks",
    ),
}
"""Name -> where it lives."""


def default_proposer(model: str) -> str:
    """Name of the proposer for a model.

    The bundled model was made for clean shapes, which need no detector and no download; any other
    is asked about things that a detector knows by name.

    Args:
        model: as given to `Grounder.from_pretrained`.
    """
    return "motion" if model == "bundled" else "gdino+sam2"


def settings_class(name: str) -> type[Any]:
    """The settings dataclass of a proposer; flags and help texts derive from it.

    Raises:
        UsageError: if there is no proposer of that name.
    """
    entry = _entry(name)
    found: type[Any] = getattr(import_module(entry.module), entry.settings)
    return found


def runs_on_device(name: str) -> bool:
    """Whether a proposer has models, which run on the device of its setting ``device``.

    Raises:
        UsageError: if there is no proposer of that name.
    """
    return any(field.name == "device" for field in fields(settings_class(name)))


def proposer(name: str, **settings: Any) -> Proposer:
    """A proposer by name.

    Args:
        name: key of `PROPOSERS`.
        **settings: fields of its settings dataclass; the others keep their defaults.

    Raises:
        UsageError: if the name, a setting or the value of a setting is unknown.
    """
    entry = _entry(name)
    settings_type = settings_class(name)
    known = [field.name for field in fields(settings_type)]
    for setting in settings:
        if setting not in known:
            raise UsageError(
                f"the setting {setting!r} for the proposer {name!r}",
                wanted=f"one of {', '.join(known)}",
                fix="correct the name of the setting",
            )
    made: Proposer = getattr(import_module(entry.module), entry.proposer)(settings_type(**settings))
    return made


def _entry(name: str) -> ProposerEntry:
    if name not in PROPOSERS:
        raise UsageError(
            f"the proposer {name!r}",
            wanted=f"one of {', '.join(sorted(PROPOSERS))}",
            fix="name one of these, or give tracks from a file",
        )
    return PROPOSERS[name]
