"""Candidate object tracks: made by a proposer or read from a file.

Importing this package loads NumPy at most; proposers and file formats load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerotube.proposals.base import Detector, Progress, Proposer, Tracker
    from zerotube.proposals.files import read_tracks, write_tracks
    from zerotube.proposals.registry import PROPOSERS, proposer, settings_class
    from zerotube.proposals.types import Track, TrackSet

_HOMES = {
    "Detector": "base",
    "Progress": "base",
    "Proposer": "base",
    "Tracker": "base",
    "read_tracks": "files",
    "write_tracks": "files",
    "PROPOSERS": "registry",
    "proposer": "registry",
    "settings_class": "registry",
    "Track": "types",
    "TrackSet": "types",
}

__all__ = [
    "PROPOSERS",
    "Detector",
    "Progress",
    "Proposer",
    "Track",
    "TrackSet",
    "Tracker",
    "proposer",
    "read_tracks",
    "settings_class",
    "write_tracks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
