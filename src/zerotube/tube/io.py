"""A result as a folder of files, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from zerotube.errors import InputError, UsageError
from zerotube.files import whole_files
from zerotube.tube.serialize import format_json, result_to_dict
from zerotube.tube.types import GroundingResult

__all__ = ["RESULT_FILES", "format_json", "save_result"]

RESULT_FILES = ("overlay.mp4", "attention.png", "timeline.png", "tube.json")
"""Files of a saved result, in the order in which they are put into place."""


def save_result(
    result: GroundingResult,
    out_dir: Path,
    *,
    files: Collection[str] = RESULT_FILES,
    overwrite: bool = False,
) -> Path:
    """Write ``overlay.mp4``, ``attention.png``, ``timeline.png`` and ``tube.json`` into a folder.

    They appear once the last one is done, ``tube.json`` last: a folder that holds a ``tube.json``
    holds the pictures that belong to it. After a failure nothing new is left, not even a folder
    that was made for it. Other files in ``out_dir`` are not touched.

    Args:
        result: a grounding.
        out_dir: made where it does not exist.
        files: which of `RESULT_FILES`; only ``overlay.mp4`` reads the source again and takes long.
        overwrite: replace these files of an earlier result.

    Returns:
        ``out_dir``.

    Raises:
        UsageError: if ``files`` names none or another file, one of them exists and ``overwrite`` is
            False, or one of them or the folder is the source itself.
        InputError: if ``out_dir`` is a file or cannot be written.
        NumericalError: if a number of the result is not finite.
        VideoError: if the source cannot be read any more.
    """
    from zerotube.tube.overlay import write_overlay
    from zerotube.tube.plots import draw_attention, draw_timeline

    names = _chosen(files)
    text = format_json(result_to_dict(result)) + "\n"

    def write_json(_: GroundingResult, path: Path) -> None:
        # a lone surrogate (an undecodable byte on the command line) becomes JSON's own \uXXXX
        path.write_text(text, encoding="utf-8", errors="backslashreplace")

    writers: dict[str, Callable[[GroundingResult, Path], None]] = {
        "overlay.mp4": write_overlay,
        "attention.png": draw_attention,
        "timeline.png": draw_timeline,
        "tube.json": write_json,
    }
    try:
        with whole_files(out_dir, names) as scratch:
            _refuse_collisions(result, out_dir, names, overwrite=overwrite)
            for name in names:
                writers[name](result, scratch / name)
    except OSError as error:
        raise InputError(
            f"{out_dir}, which cannot be written ({error.strerror or error})",
            wanted="a folder that can be written, with space left",
            fix="pass another --out",
        ) from error
    return out_dir


def _chosen(files: Collection[str]) -> tuple[str, ...]:
    """The files asked for, in the order in which they are put into place."""
    names = [files] if isinstance(files, str) else list(files)
    unknown = [name for name in names if name not in RESULT_FILES]
    if unknown or not names:
        raise UsageError(
            f"files={', '.join(map(repr, unknown)) or 'nothing'}",
            wanted=f"some of {', '.join(RESULT_FILES)}",
            fix='pass for example files=["tube.json"]',
        )
    return tuple(name for name in RESULT_FILES if name in names)


def _refuse_collisions(
    result: GroundingResult, out_dir: Path, names: Sequence[str], *, overwrite: bool
) -> None:
    source = Path(result.video.path).resolve()
    for target in (out_dir, *(out_dir / name for name in names)):
        if target.exists() and target.resolve() == source:
            raise UsageError(
                f"the source video itself as output, {target}",
                wanted="another folder",
                fix="pass another --out",
            )
    for target in (out_dir / name for name in names):
        if target.is_dir():
            raise InputError(
                f"a folder at {target}", wanted="a file name", fix="pass another --out"
            )
        if target.exists() and not overwrite:
            raise UsageError(
                f"an existing {target}",
                wanted="a folder without a result",
                fix="pass --overwrite or another --out",
            )
