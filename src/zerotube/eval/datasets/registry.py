"""The data sets by name; the one place where a new one is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from zerotube.errors import UsageError

if TYPE_CHECKING:
    from zerotube.eval.types import Benchmark


_MODULES = {
    "hcstvg": "hcstvg",
    "hcstvg-v1": "hcstvg",
    "hcstvg-v2": "hcstvg",
    "vidstg": "vidstg",
    "refcoco": "refcoco",
    "refcoco+": "refcoco",
    "refcocog": "refcoco",
    "synth": "synth",
}
# Imported on use: `zerotube --help` names the data sets and needs none of them.

DATASETS: tuple[str, ...] = tuple(_MODULES)
"""Names of the data sets; "hcstvg" is either version, told apart by nothing but the numbers it is
compared with."""


@dataclass(frozen=True)
class Request:
    """Which samples are wanted, and where the user keeps the files.

    ``split`` is "" where ``annotations`` names the file. ``root`` is None for annotations alone
    (scoring needs no videos), and for the test sets of synth.
    """

    dataset: str = field(
        metadata={"metavar": "NAME", "help": f"{', '.join(DATASETS[:-1])} or {DATASETS[-1]}."}
    )
    """One of ``DATASETS``."""

    split: str = field(default="", metadata={"metavar": "NAME"})
    """Split of the data set, such as test."""

    root: Path | None = field(default=None, metadata={"metavar": "DIR"})
    """Folder with annotations and videos, at any depth."""

    annotations: Path | None = field(default=None, metadata={"metavar": "FILE"})
    """The annotation file; default: the split's usual name below --root."""

    boxes: Path | None = field(default=None, metadata={"metavar": "DIR"})
    """Folder with box files at any depth (VidSTG: the VidOR annotations); default --root."""

    needs_boxes: bool = field(default=True, metadata={"flag": False})
    """Whether a data set without its box files is refused; else its annotation is read by itself
    where there are none and ``boxes`` names no folder."""


def load_benchmark(request: Request) -> Benchmark:
    """Read the samples of a data set.

    Every module of a data set has ``load(request) -> Benchmark``. A sample that cannot be used is
    in ``Benchmark.skipped`` with the reason; a file that cannot be used at all is an error.

    Raises:
        UsageError: unknown data set or split, or neither a root nor an annotation file (synth needs
            none of them).
        InputError: a file is missing, damaged, or of another data set.
    """
    if request.dataset not in _MODULES:
        raise UsageError(
            f"data set {request.dataset!r}",
            wanted=f"one of {', '.join(DATASETS)}",
            fix="pass --dataset with one of these",
        )
    # The sets of synth are generated: what is not there is written.
    if request.root is None and request.annotations is None and request.dataset != "synth":
        raise UsageError(
            "neither a root folder nor an annotation file",
            wanted="at least one of them",
            fix="pass --root DIR or --annotations FILE",
        )
    module = import_module(f"zerotube.eval.datasets.{_MODULES[request.dataset]}")
    load: Callable[[Request], Benchmark] = module.load
    return load(request)
