"""Which of several annotation files is meant: a root may hold more than one data set."""

from __future__ import annotations

import filecmp
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerotube.errors import InputError
from zerotube.eval.datasets.reading import looks_like, read_large_json

_SHOWN = 8
"""Names listed in a message."""


@dataclass(frozen=True)
class Wanted:
    """An annotation file that is looked for.

    Attributes:
        what: that it holds, for messages.
        tiers: usual names of the split's file; those of a later tier count only if no file of an
            earlier tier holds what is wanted.
        splits: regular expression of the names of annotation files, its first group the split.
        fits: whether the content of a file is of the data set.
        version: "v1" or "v2"; "" for any.
        version_of: the version that a content shows; "" if it could be any.
    """

    what: str
    tiers: Sequence[Sequence[str]]
    splits: str
    fits: Callable[[Any], bool]
    version: str = ""
    version_of: Callable[[Any], str] = lambda content: ""


@dataclass(frozen=True)
class Found:
    """An annotation file.

    Attributes:
        path: where it is.
        note: which others of that name were left alone; None if there are none.
    """

    path: Path
    note: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """The note, if there is one."""
        return () if self.note is None else (self.note,)


def by_content(tiers: Sequence[Sequence[Path]], wanted: Wanted, root: Path) -> Found:
    """The file of the first tier that holds what is wanted.

    Args:
        tiers: files in order of preference; at least two.
        wanted: what is looked for.
        root: the folder that they were found below.

    Raises:
        InputError: several hold it, or none.
    """
    others: dict[Path, str] = {}
    for tier in tiers:
        fitting: list[tuple[Path, Any]] = []
        for path in tier:
            try:
                content = read_large_json(path, wanted.what)
            except InputError as error:
                others[path] = error.got.removeprefix(f"{path}, ")
                continue
            if wanted.fits(content):
                fitting.append((path, content))
            else:
                others[path] = f"which looks like {looks_like(content)}"
        if fitting:
            kept = _without_copies(_of_version(fitting, wanted, root))
            path = one_annotation_file(kept)
            left_out = [str(other) for other in tier if other not in kept]
            return Found(
                path,
                f"annotations read from {path}, not from {shortened(left_out)}"
                if left_out
                else None,
            )
    named = "; ".join(f"{path}, {why}" for path, why in list(others.items())[:_SHOWN])
    raise InputError(
        f"{len(others)} files, none of which holds {wanted.what}: {named}",
        wanted=f"a file of {wanted.what}",
        fix="pass --annotations FILE",
    )


def _of_version(found: Sequence[tuple[Path, Any]], wanted: Wanted, root: Path) -> Sequence[Path]:
    """Those that agree best with the version asked for: by content, else by their folders."""
    paths = [path for path, _ in found]
    if not wanted.version or len(found) < 2:
        return paths
    ranks: list[int] = []
    for path, content in found:
        by_content, by_path = wanted.version_of(content), named_version(path.relative_to(root))
        said = by_content or by_path
        ranks.append(
            (2 if by_content else 1 if by_path else 0) * (1 if said == wanted.version else -1)
        )
    best = max(ranks)
    return [
        path for path, rank in zip(paths, ranks, strict=True) if rank == best and best >= 0
    ] or paths


def named_version(path: Path) -> str:
    """The version that the deepest part of a path names: "v2" of ``hc-stvg2/annos``, ``hcstvg_v2``
    or ``val_v2.json``; "" if none does."""
    found = [
        f"v{match[1]}"
        for part in path.parts
        for match in re.finditer(r"(?:v|stvg[-_ ]?)([12])(?![0-9])", part.lower())
    ]
    return found[-1] if found else ""


def _without_copies(paths: Sequence[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in paths:
        if not any(filecmp.cmp(path, other, shallow=False) for other in kept):
            kept.append(path)
    return kept


def one_annotation_file(found: Sequence[Path]) -> Path:
    """The file, if there is only one.

    Raises:
        InputError: there are several.
    """
    if len(found) > 1:
        raise InputError(
            f"{len(found)} annotation files: {shortened(list(map(str, found)))}",
            wanted="one",
            fix="pass --annotations FILE",
        )
    return found[0]


def shortened(names: Sequence[str]) -> str:
    """Some names for a message, the first few of many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
