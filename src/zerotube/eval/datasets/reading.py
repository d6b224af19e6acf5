"""Reading annotation files: whole or with an error that says what the file is instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zerotube.errors import InputError
from zerotube.eval.datasets.entries import shown
from zerotube.eval.unique_keys import RepeatedKeyError, unique_keys

_PICKLE = b"\x80"
"""First byte of every pickle of protocol 2 and newer."""


def read_bytes(path: Path, what: str) -> bytes:
    """The content of a file.

    Args:
        path: of the file.
        what: that it should hold, for messages, such as "HC-STVG annotations".

    Raises:
        InputError: there is no such file, it is a folder, empty, or may not be read.
    """
    if path.is_dir():
        raise InputError(f"the folder {path}", wanted=f"a file of {what}", fix="name the file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"no readable file {path} ({error.strerror})",
            wanted=f"a file of {what}",
            fix="check the path",
        ) from error
    if not content.strip():
        raise InputError(
            f"{path}, which is empty", wanted=f"a file of {what}", fix="get or write it again"
        )
    return content


def decoded(content: bytes, path: Path, what: str) -> str:
    """The text of a file.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        looks = ", which looks like a pickle" if content[:1] == _PICKLE else ""
        raise InputError(
            f"{path}, bytes that are not UTF-8 text{looks}",
            wanted=f"a file of {what}",
            fix="pass the right file",
        ) from error


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file in which no object names a key twice.

    Raises:
        InputError: it cannot be read, is cut off or not JSON, or a key occurs twice.
    """
    return parse_json(decoded(read_bytes(path, what), path, what), str(path), what)


def read_large_json(path: Path, what: str) -> Any:
    """The content of a big JSON file; of a repeated key the last counts.

    Raises:
        InputError: it cannot be read, is cut off or not JSON.
    """
    from pydantic_core import from_json

    content = read_bytes(path, what)
    try:
        # Half again as fast as the standard library, and equal strings are one object.
        return from_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        cut = "EOF" in str(error)
        problem = "which ends in the middle" if cut else "which is not JSON"
        raise InputError(
            f"{path}, {problem} ({error})",
            wanted=f"a file of {what}",
            fix="get or write the file again",
        ) from error


def parse_json(text: str, place: str, what: str) -> Any:
    """The value that a JSON text stands for.

    Args:
        text: the whole text.
        place: where it comes from, for messages: a file or a line of one.
        what: that it should be, for messages.

    Raises:
        InputError: it is cut off or not JSON, or an object names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RepeatedKeyError as error:
        raise InputError(
            f"{place}, where the key {error.key!r} occurs twice in one object",
            wanted="every key once",
            fix="remove one of the two entries",
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{place}, {_problem(text, error)}",
            wanted=what if "line " in place else f"a file of {what}",
            fix="get or write the file again",
        ) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or objects nested thousands deep.
        raise InputError(
            f"{place}, which cannot be read ({error})", wanted=what, fix="pass the right file"
        ) from error


def _problem(text: str, error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    if error.msg.startswith("Extra data"):
        try:
            first = json.loads(text[: error.pos])
        except (ValueError, RecursionError):
            first = None
        if isinstance(first, dict):
            return f"several JSON values, the first of which looks like {looks_like(first)}"
        return f"which goes on after its JSON value ({place})"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return f"which ends in the middle ({place})"
    return f"which is not JSON ({error.msg} at {place})"


def wrong_form(path: Path, content: Any, what: str) -> InputError:
    """The error for a file that was read well and holds something else than it should.

    Args:
        path: of the file.
        content: what it holds.
        what: that it should hold.
    """
    return InputError(
        f"{path}, which looks like {looks_like(content)}",
        wanted=f"a file of {what}",
        fix="pass --dataset and --annotations that belong together",
    )


def looks_like(content: Any) -> str:
    """Which known file some JSON comes from, in words."""
    if isinstance(content, dict):
        inner = next((value for value in content.values() if isinstance(value, dict)), {})
        if {"bbox", "st_frame"} <= inner.keys():
            return "HC-STVG annotations"
        merged = _known(inner, _MERGED)
        if merged is not None:
            return merged
        return _known(content, _OBJECTS) or f"a JSON object {_with_keys(content)}"
    if isinstance(content, list):
        first = next((value for value in content if isinstance(value, dict)), {})
        return _known(first, _LISTS) or f"a JSON list of objects {_with_keys(first)}"
    return f"a single JSON value of type {type(content).__name__}"


def _known(content: dict[str, Any], known: tuple[tuple[set[str], str], ...]) -> str | None:
    return next((name for keys, name in known if keys <= content.keys()), None)


def _with_keys(content: dict[str, Any]) -> str:
    names = ", ".join(shown(key) for key in list(content)[:4])
    return f"with the keys {names}" if names else "without keys"


_OBJECTS: tuple[tuple[set[str], str], ...] = (
    ({"videos", "trajectories"}, "VidSTG annotations preprocessed for TubeDETR"),
    ({"trajectories"}, "a VidOR annotation (box file)"),
    ({"images", "annotations"}, "COCO instances"),
    ({"image", "expression"}, "a line of converted RefCOCO annotations"),
    ({"used_segment", "temporal_gt"}, "a single entry of VidSTG annotations"),
    ({"bbox", "st_frame"}, "a single entry of HC-STVG annotations"),
    ({"id", "start_frame", "end_frame"}, "a line of a prediction file"),
    ({"sample_id", "query"}, "a line of a synth samples file"),
)
_MERGED: tuple[tuple[set[str], str], ...] = (
    ({"used_sample_frames", "target_bboxs"}, "VidSTG annotations cut to every tenth frame"),
    ({"ori_temp_gt", "target_bboxs"}, "VidSTG annotations merged with their boxes for CG-STVG"),
    ({"decompose_attribute", "decompose_action"}, "stored decompositions"),
)
_LISTS: tuple[tuple[set[str], str], ...] = (
    ({"used_segment", "temporal_gt"}, "VidSTG annotations"),
    ({"trajectory", "tube_start_frame"}, "HC-STVG annotations preprocessed for TubeDETR"),
    ({"image", "expression"}, "converted RefCOCO annotations in one JSON list"),
    ({"ref_id", "sentences"}, "RefCOCO references"),
    ({"id", "start_frame", "end_frame"}, "predictions in one JSON list"),
)
