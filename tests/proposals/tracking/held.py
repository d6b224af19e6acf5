"""How much a session holds between two frames."""

from __future__ import annotations

from typing import Any

import torch


def bytes_in(held: Any) -> int:
    """Bytes of all tensors inside nested lists, tuples, sets and dictionaries."""
    if isinstance(held, torch.Tensor):
        return held.nbytes
    if isinstance(held, dict):
        return sum(bytes_in(value) for value in held.values())
    if isinstance(held, list | tuple | set):
        return sum(bytes_in(value) for value in held)
    return 0
