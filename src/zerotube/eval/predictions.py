"""Prediction files: JSON lines, one object per sample (data-formats, "Predictions")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.errors import InputError
from zerotube.eval.types import Prediction
from zerotube.geometry.spans import Span
from zerotube.tube.types import Tube


def from_tube(sample_id: str, tube: Tube, *, first_frame: int = 0) -> Prediction:
    """A grounding as a prediction.

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
        tube.track_boxes_xyxy.astype(np.float64),
    )


def failure(sample_id: str, error: str) -> Prediction:
    """The prediction of a system that gave none; it is worth 0."""
    return Prediction(
        sample_id, None, np.zeros(0, np.int64), np.zeros((0, 4), np.float64), error=error
    )


def to_dict(prediction: Prediction) -> dict[str, Any]:
    """Plain JSON values; a failed one has ``error`` and no frames."""
    if prediction.span is None:
        return {"id": prediction.sample_id, "error": prediction.error}
    boxes = np.round(prediction.boxes_xyxy, 3).tolist()
    return {
        "id": prediction.sample_id,
        "start_frame": prediction.span.start_frame,
        "end_frame": prediction.span.end_frame,
        "boxes": dict(zip(map(str, prediction.frame_indices.tolist()), boxes, strict=True)),
    }


def from_dict(raw: Mapping[str, Any]) -> Prediction:
    """The inverse of ``to_dict``; further keys are ignored.

    Raises:
        InputError: a key is missing or of the wrong type, or a value is out of range.
    """
    try:
        sample_id = raw["id"]
        if not isinstance(sample_id, str):
            raise TypeError(f"id {sample_id!r} is no text")
        if "start_frame" not in raw and raw.get("error") is not None:
            return failure(sample_id, str(raw["error"]))
        boxes = sorted((int(frame), box) for frame, box in raw["boxes"].items())
        span = Span(_whole(raw["start_frame"]), _whole(raw["end_frame"]))
        frames = np.array([frame for frame, _ in boxes], dtype=np.int64)
        corners = np.array([box for _, box in boxes], dtype=np.float64).reshape(len(boxes), 4)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        what = f"no key {problem}" if isinstance(problem, KeyError) else str(problem)
        raise InputError(
            f"a prediction with {what}",
            wanted='{"id": str, "start_frame": int, "end_frame": int, "boxes": {"0": [x1, y1, x2, '
            "y2], ...}}",
            fix="write predictions in this form",
        ) from problem
    return Prediction(sample_id, span, frames, corners)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} where a whole frame number belongs")
    return value


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write a prediction file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            for prediction in predictions:
                stream.write(json.dumps(to_dict(prediction)) + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Read a prediction file of any system, by sample id.

    Raises:
        InputError: a line that is no prediction, or an id that occurs twice; the line is named.
    """
    found: dict[str, Prediction] = {}
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                prediction = from_dict(json.loads(line))
            except json.JSONDecodeError as problem:
                raise InputError(
                    f"line {number} of {path}, which is no JSON ({problem})",
                    wanted="one JSON object per line",
                    fix="write the file again",
                ) from problem
            except InputError as problem:
                raise InputError(
                    f"line {number} of {path}: {problem.got}",
                    wanted=problem.wanted,
                    fix=problem.fix,
                ) from problem
            if prediction.sample_id in found:
                raise InputError(
                    f"line {number} of {path}: id {prediction.sample_id!r} twice",
                    wanted="one prediction per sample",
                    fix="remove one of the two",
                )
            found[prediction.sample_id] = prediction
    return found
