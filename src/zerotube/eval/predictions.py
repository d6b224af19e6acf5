"""Prediction files: JSON lines, one object per sample (data-formats, "Predictions")."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from zerotube.errors import InputError
from zerotube.eval.types import Prediction
from zerotube.eval.unique_keys import RepeatedKeyError, unique_keys
from zerotube.files import whole_file
from zerotube.geometry.spans import Span
from zerotube.tube.types import Tube

BOX_DECIMALS = 3
"""Thousandths of a pixel: the boxes that this project writes."""

_FORM = '{"id": str, "start_frame": int, "end_frame": int, "boxes": {"0": [x1, y1, x2, y2], ...}}'


_DIGITS = 18
"""At most, of a frame number: it surely fits 64 bits."""


def from_tube(sample_id: str, tube: Tube, *, first_frame: int = 0) -> Prediction:
    """A grounding as a prediction.

    Boxes are rounded to ``BOX_DECIMALS`` here rather than on writing, so that a prediction and the
    one read back from its file have the same scores.

    Args:
        sample_id: of the sample it answers.
        tube: the answer.
        first_frame: number, in the original video, of the frame that the tube counts from.
    """
    span = Span(tube.span.start_frame + first_frame, tube.span.end_frame + first_frame)
    return Prediction(
        sample_id,
        span,
        tube.track_frame_indices.astype(np.int64) + first_frame,
        tube.track_boxes_xyxy.astype(np.float64).round(BOX_DECIMALS),
    )


def failure(sample_id: str, error: str) -> Prediction:
    """The prediction of a system that gave none; it is worth 0."""
    return Prediction(
        sample_id, None, np.zeros(0, np.int64), np.zeros((0, 4), np.float64), error=error
    )


def to_dict(prediction: Prediction) -> dict[str, Any]:
    """Plain JSON values, exact; a failed one has ``error`` and no frames."""
    if prediction.span is None:
        return {"id": prediction.sample_id, "error": prediction.error}
    boxes = prediction.boxes_xyxy.tolist()
    return {
        "id": prediction.sample_id,
        "start_frame": prediction.span.start_frame,
        "end_frame": prediction.span.end_frame,
        "boxes": dict(zip(map(str, prediction.frame_indices.tolist()), boxes, strict=True)),
    }


def from_dict(raw: Any) -> Prediction:
    """The inverse of ``to_dict``.

    Args:
        raw: a JSON object; further keys are ignored. ``error`` counts where there is no
            ``start_frame``.

    Raises:
        InputError: a key is missing or of the wrong type, or a value is out of range.
    """
    if not isinstance(raw, Mapping):
        raise _malformed(f"{_kind(raw)} instead of an object")
    sample_id = raw.get("id")
    if not isinstance(sample_id, str):
        raise _malformed(f"id {sample_id!r}" if "id" in raw else "no id")
    if raw.get("start_frame") is None and raw.get("error") is not None:
        return failure(sample_id, str(raw["error"]))
    first, last = (_whole(sample_id, raw, key) for key in ("start_frame", "end_frame"))
    if not 0 <= first <= last < 10**_DIGITS:
        raise _malformed(f"prediction {sample_id!r} from frame {first} to frame {last}")
    boxes = raw.get("boxes")
    if not isinstance(boxes, Mapping):
        raise _malformed(f"prediction {sample_id!r} with {_kind(boxes)} for boxes")
    for key in boxes:
        # int() would take " 1", "1_0" and "-1" as well.
        if not (key.isascii() and key.isdigit() and len(key) <= _DIGITS):
            raise _malformed(f"prediction {sample_id!r} with frame {key[:40]!r}")
    frames = np.array([int(key) for key in boxes], dtype=np.int64)
    order = np.argsort(frames, kind="stable")
    corners = _corners(sample_id, boxes)
    return Prediction(sample_id, Span(first, last), frames[order], corners[order])


def _whole(sample_id: str, raw: Mapping[str, Any], key: str) -> int:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        said = f"{key} {value!r}" if key in raw else f"no {key}"
        raise _malformed(f"prediction {sample_id!r} with {said}")
    return value


def _corners(sample_id: str, boxes: Mapping[str, Any]) -> NDArray[np.float64]:
    """The boxes as float64 ``(n, 4)``; one that is not four numbers is named."""
    rows = boxes.values()
    # Sets of types, as files hold millions of numbers; NumPy alone would take "1" and True.
    if set(map(type, rows)) <= {list} and set(map(len, rows)) <= {4}:
        numbers = list(chain.from_iterable(rows))
        if set(map(type, numbers)) <= {int, float}:
            try:
                return np.array(numbers, dtype=np.float64).reshape(-1, 4)
            except OverflowError:
                pass  # a whole number beyond any float, which the next lines find
    frame, box = next(item for item in boxes.items() if not _is_box(item[1]))
    raise _malformed(f"prediction {sample_id!r} with box {str(box)[:80]} in frame {frame}")


def _is_box(box: Any) -> bool:
    return (
        type(box) is list
        and len(box) == 4
        and all(type(edge) in (int, float) and abs(edge) <= sys.float_info.max for edge in box)
    )


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _malformed(got: str) -> InputError:
    return InputError(got, wanted=_FORM, fix="write predictions in this form")


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write a prediction file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as stream:
        for prediction in predictions:
            stream.write(json.dumps(to_dict(prediction)) + "\n")


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Read a prediction file of any system, by sample id; blank lines are passed over.

    Raises:
        InputError: a line that is not a prediction, or an id that occurs twice; the line is named.
            Or a file without any prediction.
        OSError: it cannot be read.
    """
    found: dict[str, Prediction] = {}
    # Bytes are decoded line by line, so that one that is not UTF-8 can be named by its line.
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"line {number} of {path}"
            prediction = _read_line(line, where)
            if prediction.sample_id in found:
                raise InputError(
                    f"{where}: id {prediction.sample_id!r} twice",
                    wanted="one prediction per sample",
                    fix="remove one of the two",
                )
            found[prediction.sample_id] = prediction
    if not found:
        raise InputError(
            f"{path}, which holds no predictions",
            wanted="one JSON object per line",
            fix="check the path, or write the file again",
        )
    return found


def _read_line(line: bytes, where: str) -> Prediction:
    try:
        # A byte-order mark, as some editors write it, belongs to no JSON.
        return from_dict(_parse(line.decode("utf-8-sig")))
    except InputError as problem:
        raise InputError(
            f"{where}: {problem.got}", wanted=problem.wanted, fix=problem.fix
        ) from problem
    except UnicodeDecodeError as problem:
        raise InputError(
            f"{where}, which is not UTF-8 (byte {problem.start})",
            wanted="text in UTF-8",
            fix="convert the file to UTF-8",
        ) from problem
    except (ValueError, RecursionError) as problem:
        cut = "" if line.endswith(b"\n") else ", and the file ends in this line"
        raise InputError(
            f"{where}, which is not JSON ({problem}{cut})",
            wanted="one JSON object per line",
            fix="complete or remove the line" if cut else "write the file again",
        ) from problem


def _parse(text: str) -> Any:
    """A JSON value in which no object has a key twice: the last one would count in silence.

    Looking for repeated keys takes several times as long as reading, so it is done only where
    there are more colons than the keys, and the id, account for.
    """
    raw = from_json(text, cache_strings="none")
    if isinstance(raw, dict):
        boxes = raw.get("boxes")
        keys = len(raw) + (len(boxes) if isinstance(boxes, dict) else 0)
        if text.count(":") == keys + str(raw.get("id")).count(":"):
            return raw
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RepeatedKeyError as problem:
        raise _malformed(str(problem)) from problem
