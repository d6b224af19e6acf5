"""A result as plain JSON: the content of ``tube.json``, one line of a predictions file.

``tube.json`` (schema ``zerotube.tube/2``) needs nothing of this package to be read: frames are
original 0-based numbers, boxes are (x1, y1, x2, y2) in pixels of the original video, ``time_s`` is
the presentation time of a frame in seconds. The span goes from ``start_s``, when ``start_frame``
appears, to ``end_s``, when ``end_frame`` ends: when the next frame appears, or with the video. (In
``zerotube.tube/1`` ``end_s`` was the time at which ``end_frame`` appears.)
``frames_shown`` says what became of the sampled frames on their way into the model, with the fields
of `zerotube.video.shown.FramesShown`; null where that is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import NumericalError
from zerotube.geometry.boxes import short_numbers
from zerotube.method.types import NamedTimes, Scan, TokenChoice
from zerotube.tube.types import Answer, GroundingResult

SCHEMA = "zerotube.tube/2"
"""Name and version of the layout of ``tube.json``; the number rises when a key changes meaning."""


def result_to_dict(result: GroundingResult) -> dict[str, Any]:
    """The content of ``tube.json``: strict JSON values only (no NaN, no infinity).

    Raises:
        NumericalError: if a number is not finite, naming where it stands.
        TypeError: if ``settings`` holds a value that JSON has no form for.
    """
    video, query, tube = result.video, result.query, result.tube
    track = result.tracks.by_id(tube.track_id)
    held = {int(f) for f in track.frame_indices[track.observed]}
    content = {
        "schema": SCHEMA,
        "zerotube_version": _package_version(),
        "video": {
            "path": str(video.path),
            "fps": f"{video.fps.numerator}/{video.fps.denominator}",
            "fps_float": float(video.fps),
            "variable_frame_rate": video.variable_frame_rate,
            "first_frame": video.first_frame,
            "frame_count": video.frame_count,
            "width": video.width,
            "height": video.height,
            "duration_s": video.duration_s,
        },
        "query": query.text,
        "sub_queries": {
            "attribute": query.attribute,
            "action": query.action,
            "noun": query.noun,
            "statement": query.statement,
            "kind": query.kind,
            "source": query.source,
        },
        "model": result.model,
        "settings": result.settings,
        "frames_shown": None if result.frames_shown is None else result.frames_shown.to_dict(),
        "start_frame": tube.span.start_frame,
        "end_frame": tube.span.end_frame,
        "start_s": _seconds(result.start_s),
        "end_s": _seconds(result.end_s),
        "track_id": tube.track_id,
        "label": tube.label,
        "verdict": result.presence.verdict,
        "presence": result.presence.probability,
        "boxes": [
            {
                "frame": int(frame),
                "time_s": _seconds(result.timestamps_s[frame]),
                "box_xyxy": short_numbers(box),
                "observed": int(frame) in held,
            }
            for frame, box in zip(tube.frame_indices, tube.boxes_xyxy, strict=True)
        ],
        "answers": [_answer(result, answer) for answer in result.answers],
        "track_boxes": _boxes_by_frame(tube.track_frame_indices, tube.track_boxes_xyxy),
        "scores": _scores(result),
        "timings_s": result.timings_s,
        "warnings": result.warnings,
    }
    plain: dict[str, Any] = _plain(content, "tube.json")
    return plain


def format_json(value: Any, *, indent: int = 0, width: int = 140) -> str:
    """Strict JSON, indented, with everything that fits on a line kept on one line.

    Args:
        value: plain JSON values.
        indent: spaces before the enclosed lines' parent.
        width: columns; a list of plain numbers or texts is never broken, however long.

    Raises:
        ValueError: on NaN or infinity.
    """
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    children = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(value, dict | list) or not children or len(flat) + indent <= width:
        return flat
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return flat
    inner = indent + 2
    keys = [""] * len(value)
    if isinstance(value, dict):
        keys = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value]
    lines = [
        " " * inner + key + format_json(child, indent=inner, width=width)
        for key, child in zip(keys, children, strict=True)
    ]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * indent + closing


def _scores(result: GroundingResult) -> dict[str, Any]:
    """Everything the decision was made from, of the chosen track and of the others."""
    evidence, tube = result.evidence, result.tube
    chosen = evidence.track_ids.index(tube.track_id)
    frames = [int(frame) for frame in evidence.frame_indices]
    return {
        "track_scores": {
            str(track_id): float(score)
            for track_id, score in zip(evidence.track_ids, evidence.track_scores, strict=True)
        },
        "track_parts": {
            name: {
                str(track_id): float(score)
                for track_id, score in zip(evidence.track_ids, scores, strict=True)
            }
            for name, scores in evidence.track_parts.items()
        },
        "scan": _windows(evidence.scan),
        "named": _named(evidence.named),
        "frame_scores": [
            {
                "frame": frame,
                "time_s": _seconds(result.timestamps_s[frame]),
                "score": float(score),
                "selected": frame in tube.span,
            }
            for frame, score in zip(frames, evidence.frame_scores[chosen], strict=True)
        ],
        "sampled_frames": frames,
        "frame_scores_by_track": {
            str(track_id): [float(score) for score in row]
            for track_id, row in zip(evidence.track_ids, evidence.frame_scores, strict=True)
        },
        "grounding_token": {
            "spatial": _token(evidence.spatial_token),
            "temporal": _token(evidence.temporal_token),
        },
        "presence": evidence.presence,
        "consistency": evidence.consistency,
        "losses": evidence.losses,
    }


def _answer(result: GroundingResult, answer: Answer) -> dict[str, Any]:
    tube = answer.tube
    start_s, end_s = result.seconds_of(tube.span)
    return {
        "track_id": tube.track_id,
        "label": tube.label,
        "start_frame": tube.span.start_frame,
        "end_frame": tube.span.end_frame,
        "start_s": _seconds(start_s),
        "end_s": _seconds(end_s),
        "score": answer.score,
        "boxes": _boxes_by_frame(tube.frame_indices, tube.boxes_xyxy),
    }


def _windows(scan: Scan | None) -> list[dict[str, Any]] | None:
    """What was asked window by window; None where nothing was."""
    if scan is None:
        return None
    return [
        {"first_frame": int(first), "last_frame": int(last), "margin": float(margin)}
        for first, last, margin in zip(
            scan.first_frames, scan.last_frames, scan.margins, strict=True
        )
    ]


def _named(named: NamedTimes | None) -> dict[str, Any] | None:
    """The times that were named in words; None where nobody was asked."""
    if named is None:
        return None
    return {
        "source": named.source,
        "answers": [
            [{"first_frame": first, "last_frame": last} for first, last in windows]
            for windows in named.answers
        ],
        "refused": named.refused,
    }


def _token(choice: TokenChoice) -> dict[str, Any]:
    return {
        "text": choice.text,
        "index": choice.chosen,
        "candidates": [
            {"text": text, "activation": float(activation), "weight": float(weight)}
            for text, activation, weight in zip(
                choice.texts, choice.activations, choice.weights, strict=True
            )
        ],
    }


def _boxes_by_frame(
    frames: NDArray[np.int64], boxes_xyxy: NDArray[np.float32]
) -> dict[str, list[float]]:
    return {str(int(f)): short_numbers(box) for f, box in zip(frames, boxes_xyxy, strict=True)}


def _seconds(value: float) -> float:
    return round(float(value), 6)


def _plain(value: Any, where: str) -> Any:
    """Rebuild nested values from JSON's own types.

    Raises:
        NumericalError: on NaN or infinity.
        TypeError: on a type that JSON has no form for.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not np.isfinite(value):
            raise NumericalError(
                f"{value} at {where}",
                wanted="a finite number",
                fix="load the model with --dtype float32 or lower the learning rate (--lr)",
            )
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{type(value).__name__} at {where} is not a JSON value")


def _package_version() -> str:
    try:
        return version("zerotube")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
