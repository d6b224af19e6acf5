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
        proposer: name of the class; its ``settings_type`` is the frozen dataclass of its settings,
            with which it is constructed.
        summary: one line for a help text.
    """

    module: str
    proposer: str
    summary: str


PROPOSERS: dict[str, ProposerEntry] = {
    "motion": ProposerEntry(
        "zerotube.proposals.motion",
        "MotionProposer",
        "fixed camera, no weights: what moves or stands out from the background",
    ),
    "gdino+sam2": ProposerEntry(
        "zerotube.proposals.named.masks",
        "Sam2Proposer",
        "the noun detected every few frames and followed both ways by SAM 2: boxes and masks",
    ),
    "gdino+edgetam": ProposerEntry(
        "zerotube.proposals.named.masks",
        "EdgeTamProposer",
        "the same with EdgeTAM, which is lighter (needs the extra 'edgetam')",
    ),
    "gdino+bytetrack": ProposerEntry(
        "zerotube.proposals.named.boxes",
        "ByteTrackProposer",
        "the noun detected every few frames, boxes linked by ByteTrack",
    ),
    "gdino+botsort": ProposerEntry(
        "zerotube.proposals.named.boxes",
        "BotSortProposer",
        "the noun detected every few frames, boxes linked by BoT-SORT (moving cameras)",
    ),
    "sam3": ProposerEntry(
        "zerotube.proposals.named.sam3",
        "Sam3Proposer",
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
    found: type[Any] = _class(name).settings_type
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
    settings_type = settings_class(name)
    known = [field.name for field in fields(settings_type)]
    for setting in settings:
        if setting not in known:
            raise UsageError(
                f"the setting {setting!r} for the proposer {name!r}",
                wanted=f"one of {', '.join(known)}",
                fix="correct the name of the setting",
            )
    made: Proposer = _class(name)(settings_type(**settings))
    return made


def _class(name: str) -> Any:
    if name not in PROPOSERS:
        raise UsageError(
            f"the proposer {name!r}",
            wanted=f"one of {', '.join(sorted(PROPOSERS))}",
            fix="name one of these, or give tracks from a file",
        )
    entry = PROPOSERS[name]
    return getattr(import_module(entry.module), entry.proposer)
