"""Read back what `zerotube.synth.write` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zerotube.errors import InputError
from zerotube.synth.absent import AbsentKind, AbsentQuery
from zerotube.synth.sets import RICH
from zerotube.synth.write import recipe_version

LISTING = "samples.jsonl"
"""Name of the list of samples in their folder."""

_RECIPE = "recipe.json"

_OLDEST_SET, _OLDEST_RICH = 4, 1
"""First recipe versions whose samples are those that are generated now."""

_OLDEST_KIND, _NEWEST_KIND = 2, 3
"""Versions that were written of samples without a set, which are no longer generated."""


@dataclass(frozen=True)
class SavedSample:
    """One line of `samples.jsonl`, with its files' full paths.

    Attributes:
        sample_id: unique name.
        kind: the name of a test set; "attribute" or "action" in folders without a set.
        query: the sentence.
        attribute: the attribute phrase.
        action: the action phrase.
        noun: the target's noun.
        video: the clip.
        tracks: the true tracks of all objects.
        target_track_id: id, within `tracks`, of the object meant.
        start_frame: first frame of the answer.
        end_frame: last frame of the answer, inclusive.
        fps: frames per second.
        width: pixels.
        height: pixels.
        frame_count: frames of the clip; None in folders of recipe version 2.
        tags: what a test set records besides; empty for others.
        absent: a second query, which nothing in the clip fits; None in folders that were written
            without one.
    """

    sample_id: str
    kind: str
    query: str
    attribute: str
    action: str
    noun: str
    video: Path
    tracks: Path
    target_track_id: int
    start_frame: int
    end_frame: int
    fps: Fraction
    width: int
    height: int
    frame_count: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    absent: AbsentQuery | None = None


@dataclass(frozen=True)
class SavedRecipe:
    """What `recipe.json` says of a folder.

    Attributes:
        version: of the generator that wrote it.
        set: the test set; None for samples of an older kind.
    """

    version: int
    set: str | None


_Frame = Annotated[int, Field(ge=0)]
_Pixels = Annotated[int, Field(ge=1)]
_Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]


class _Absent(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    query: _Text
    kind: AbsentKind


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: _Text
    kind: _Text
    query: _Text
    attribute: str
    action: str
    noun: str
    video: _Text
    tracks: _Text
    target_track_id: Annotated[int, Field(ge=1)]
    start_frame: _Frame
    end_frame: _Frame
    fps: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$")]
    width: _Pixels
    height: _Pixels
    frame_count: Annotated[int, Field(ge=1)] | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    absent: _Absent | None = None


class _RecipeFile(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    generator: Literal["zerotube.synth"]
    version: int
    set: str | None = None
    seed: int


def read_samples(folder: Path) -> list[SavedSample]:
    """Read a folder that `write_set` wrote.

    Raises:
        InputError: no list in that folder, or one that `read_listing` refuses.
    """
    if not (folder / LISTING).is_file():
        raise InputError(
            f"{folder}, which has no {LISTING}",
            wanted="a folder written by `zerotube synth`",
            fix="run: zerotube synth --out DIR",
        )
    return read_listing(folder / LISTING, folder)


def read_listing(listing: Path, folder: Path) -> list[SavedSample]:
    """Read a list of samples.

    Args:
        listing: the file.
        folder: what the names of videos and track files in it are relative to.

    Raises:
        InputError: a line that is not a sample, an id that occurs twice, or no line at all; the
            line is named.
    """
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as problem:
        raise _wrong(listing, f"bytes that are not text ({problem.reason})") from problem
    samples: list[SavedSample] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            samples.append(_saved(_Line.model_validate_json(line), folder))
        except ValidationError as problem:
            raise _wrong(listing, f"line {number}: {_first_error(problem)}") from problem
        except ValueError as problem:
            raise _wrong(listing, f"line {number}: {problem}") from problem
        if samples[-1].sample_id in seen:
            raise _wrong(listing, f"line {number}: id {samples[-1].sample_id!r} a second time")
        seen.add(samples[-1].sample_id)
    if not samples:
        raise _wrong(listing, "no sample at all")
    return samples


def read_recipe(folder: Path) -> SavedRecipe | None:
    """What a folder was made from; None if it has no recipe.json.

    Raises:
        InputError: the file is damaged, or of a version whose samples are not those of today.
    """
    path = folder / _RECIPE
    try:
        text = path.read_text(encoding="utf-8")
        raw = _RecipeFile.model_validate_json(text)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as problem:
        raise _wrong(path, f"bytes that are not text ({problem.reason})") from problem
    except ValidationError as problem:
        raise _wrong(path, _first_error(problem)) from problem
    command = "zerotube synth --out DIR" + (f" --set {raw.set}" if raw.set else "")
    if raw.set is None:
        oldest, newest = _OLDEST_KIND, _NEWEST_KIND
    else:
        oldest = _OLDEST_RICH if raw.set == RICH else _OLDEST_SET
        newest = recipe_version(raw.set)
    if raw.version < oldest:
        raise InputError(
            f"{folder}, written by recipe version {raw.version}, whose samples were others",
            wanted=f"version {newest}",
            fix=f"write it again, run: {command} --seed {raw.seed}",
        )
    if raw.version > newest:
        raise InputError(
            f"{folder}, written by recipe version {raw.version}",
            wanted=f"version {newest}, the newest that this zerotube knows",
            fix="upgrade zerotube",
        )
    return SavedRecipe(raw.version, raw.set)


def _saved(line: _Line, folder: Path) -> SavedSample:
    values: dict[str, Any] = line.model_dump()
    if line.end_frame < line.start_frame:
        raise ValueError(f"end_frame {line.end_frame} before start_frame {line.start_frame}")
    if line.frame_count is not None and line.end_frame >= line.frame_count:
        raise ValueError(f"end_frame {line.end_frame} in a clip of {line.frame_count} frames")
    values["sample_id"] = values.pop("id")
    values |= {name: folder / values[name] for name in ("video", "tracks")}
    if line.absent is not None:
        values["absent"] = AbsentQuery(line.absent.query, line.absent.kind)
    return SavedSample(**values | {"fps": Fraction(line.fps)})


def _first_error(problem: ValidationError) -> str:
    first = problem.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return " ".join(f"{place} {first['msg']}".split())[:200]


def _wrong(path: Path, what: str) -> InputError:
    return InputError(
        f"{path} with {what}",
        wanted="the file as `zerotube synth` wrote it",
        fix="write the folder again with `zerotube synth`",
    )
