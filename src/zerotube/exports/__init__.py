"""Answers in the formats of other tools, one file per format.

A format is a module with a function that turns answers into the text of one file, and a line in
`FORMATS`. What it gets are `Answer`s: plain facts about tubes, so that no format has to know how a
tube was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zerotube.errors import UsageError
from zerotube.exports.answer import Answer
from zerotube.exports.coco_vid import coco_vid_text
from zerotube.exports.mot import mot_text
from zerotube.files import write_whole
from zerotube.tube.types import GroundingResult

__all__ = ["FORMATS", "Answer", "Format", "export", "format_named"]


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Attributes:
        file_name: of the file where the caller names only a folder.
        text: the content of the file.
    """

    file_name: str
    text: Callable[[Sequence[Answer]], str]


FORMATS: Mapping[str, Format] = {
    "coco-vid": Format("coco_vid.json", coco_vid_text),
    "mot": Format("mot.txt", mot_text),
}
"""Name of a format -> the format."""


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(
            f"the export format {name!r}",
            wanted=f"one of {', '.join(FORMATS)}",
            fix="pass one of these names",
        )
    return FORMATS[name]


def export(
    results: GroundingResult | Sequence[GroundingResult],
    path: str | Path,
    name: str,
    *,
    overwrite: bool = False,
) -> Path:
    """Write answers in a foreign format; the file appears whole or not at all.

    Args:
        results: one answer or several, of one video or of several where the format has a place for
            more than one.
        path: of the file; its folder is made where it does not exist.
        name: of the format, one of `FORMATS`.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        UsageError: there is no such format, nothing to write, the format cannot hold these answers,
            or the file exists and ``overwrite`` is False.
        InputError: the file cannot be written.
    """
    chosen = format_named(name)
    given = [results] if isinstance(results, GroundingResult) else list(results)
    if not given:
        raise UsageError("no answers", wanted="one or more", fix="ground something first")
    path = Path(path)
    if path.exists() and not overwrite:
        raise UsageError(
            f"an existing {path}", wanted="a new file", fix="allow overwriting or name another"
        )
    text = chosen.text([Answer.of(result) for result in given])
    write_whole(path, text, make_folder=True)
    return path
