"""Dataclasses that hold arrays are compared by identity: ``==`` of arrays has no truth value."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import sys
import typing
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import zerotube
from zerotube.proposals.types import Track


def dataclasses_of_the_package() -> Iterator[type]:
    for module in pkgutil.walk_packages(zerotube.__path__, "zerotube."):
        if module.name == "zerotube.__main__":
            continue
        for found in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(found)
                and found.__module__ == module.name
                and dataclasses.is_dataclass(found)
            ):
                yield found


class Foreign:
    """In place of a class that is imported for annotations only."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls


def hints_of(one: type) -> dict[str, Any]:
    """The annotations of its fields."""
    known = IMPORTED_FOR_TYPES | vars(sys.modules[one.__module__])
    while True:
        try:
            return typing.get_type_hints(one, localns=known)
        except NameError as unknown:
            known[unknown.name] = Foreign


def parts(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    origin = typing.get_origin(annotation) or annotation
    if inspect.isclass(origin):
        yield origin
    for inner in typing.get_args(annotation):
        yield from parts(inner)


def holds_arrays(one: type) -> bool:
    """Whether a field is an array or a tensor, or a collection of some."""
    hints = hints_of(one)
    return any(
        issubclass(part, (np.ndarray, torch.Tensor))
        for field in dataclasses.fields(one)
        for part in parts(hints[field.name])
    )


ALL = tuple(dataclasses_of_the_package())
IMPORTED_FOR_TYPES = {"NDArray": NDArray, "Tensor": torch.Tensor, "np": np, "torch": torch}


def test_dataclasses_that_hold_arrays_are_compared_by_identity() -> None:
    holders = [one for one in ALL if holds_arrays(one)]
    assert len(holders) > 20
    compared = [
        f"{one.__module__}.{one.__qualname__}" for one in holders if one.__eq__ is not object.__eq__
    ]
    assert not compared, "add eq=False"


def test_a_track_is_itself() -> None:
    boxes = np.array([[0, 0, 4, 4]] * 2, np.float32)
    track = Track(1, np.arange(2), boxes, np.ones(2, bool), np.ones(2, np.float32))
    other = dataclasses.replace(track)
    assert track != other
    assert [other, track].index(track) == 1
    assert len({track, other}) == 2
