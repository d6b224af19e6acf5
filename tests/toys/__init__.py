"""Toy checkpoints, one module per model family: real Hugging Face classes at microscopic size.

A module of this package names its `ARCHITECTURE`, writes a checkpoint with `write(folder)`, and
states `GOLDEN`, the prompt that its chat template makes of `QUESTION`. Template and prompt are the
published ones (`tests/published`) wherever such files exist. It may name `FRAME`, the
(height, width) of frames to test its layout on.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from toys.common import QUESTION

__all__ = ["QUESTION", "toys"]


def toys() -> dict[str, ModuleType]:
    """Every toy by its architecture."""
    found = [import_module(f"toys.{item.name}") for item in iter_modules(__path__)]
    return {module.ARCHITECTURE: module for module in found if hasattr(module, "ARCHITECTURE")}
