"""Test sets that are kept between runs in the user's cache, written when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from zerotube.errors import InputError, UsageError
from zerotube.files import cache_folder
from zerotube.proposals.base import Progress
from zerotube.synth.sets import SET_SAMPLES, SETS
from zerotube.synth.write import recipe_version, write_set


def default_folder() -> Path:
    """``synth`` in ``ZEROTUBE_CACHE``, else in the user's cache folder."""
    return cache_folder("synth")


def cached_folder(name: str, samples: int | None = None) -> Path:
    """Where a set is stored once it is written, whether it is or not.

    Args:
        name: one of `zerotube.synth.SETS`.
        samples: the first so many; None for the published number.
    """
    count = SET_SAMPLES if samples is None else samples
    return default_folder() / f"v{recipe_version(name)}" / f"{name}-{count}"


def set_folder(
    name: str,
    samples: int | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """The folder of a published test set, written now if it is not there yet.

    Several processes may ask at once: one writes, the others wait for it.

    Args:
        name: one of `zerotube.synth.SETS`.
        samples: the first so many; None for the published number.
        workers, progress: as in `zerotube.synth.write_set`.

    Returns:
        The folder, complete.

    Raises:
        UsageError: an unknown set, or no samples.
        InputError: the cache cannot be written.
    """
    if name not in SETS:
        raise UsageError(f"set {name!r}", wanted=f"one of {', '.join(SETS)}", fix="name one")
    folder = cached_folder(name, samples)
    if folder.is_dir():
        return folder
    try:
        with _alone(folder):
            if not folder.is_dir():
                count = SET_SAMPLES if samples is None else samples
                write_set(folder, name, count, workers=workers, progress=progress)
    except OSError as problem:
        raise InputError(
            f"the cache {default_folder()}, which cannot be written ({problem})",
            wanted="a folder with room for the test set",
            fix="name another in ZEROTUBE_CACHE, or write the set with "
            f"`zerotube synth --set {name} --out DIR` and pass --root DIR",
        ) from problem
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes this folder, and keep others from it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Left lying: removing a file that others wait on would let two of them in.
    with FileLock(folder.parent / f".{folder.name}.lock"):
        yield
