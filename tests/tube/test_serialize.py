"""``tube.json`` and prediction lines: strict, complete, lossless."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.errors import InputError, NumericalError
from zerotube.geometry.spans import Span
from zerotube.method.types import Scan
from zerotube.tube.serialize import format_json, result_to_dict
from zerotube.tube.types import GroundingResult


def strict(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_part_of_the_schema_is_there(result: GroundingResult) -> None:
    content = result.to_dict()
    assert content["schema"] == "zerotube.tube/2"
    assert content["video"] == {
        "path": result.video.path,
        "fps": "30000/1001",
        "fps_float": pytest.approx(29.97, abs=0.01),
        "variable_frame_rate": False,
        "first_frame": 0,
        "frame_count": 24,
        "width": 96,
        "height": 64,
        "duration_s": pytest.approx(24 * 1001 / 30000),
    }
    assert content["query"] == "the red square moves to the right"
    assert content["sub_queries"] == {
        "attribute": "the red square",
        "action": "the square moves to the right",
        "noun": "square",
        "statement": "the red square moves to the right",
        "kind": "declarative",
        "source": "rules",
    }
    assert content["model"] == "toy"
    assert content["settings"]["method"]["top_k"] == 3
    assert (content["track_id"], content["label"]) == (1, "object")
    assert content["timings_s"] == {"decode": 0.25, "read": 1.5}
    assert content["warnings"] == ["a word the model does not know: square"]


def test_frames_seconds_and_boxes_are_those_of_the_tube(result: GroundingResult) -> None:
    content, tube = result.to_dict(), result.tube
    start, end = tube.span.start_frame, tube.span.end_frame
    assert (content["start_frame"], content["end_frame"]) == (start, end)
    assert content["start_s"] == pytest.approx(start * 1001 / 30000, abs=1e-6)
    assert content["end_s"] == pytest.approx((end + 1) * 1001 / 30000, abs=1e-6)
    assert [box["frame"] for box in content["boxes"]] == list(range(start, end + 1))
    for entry, box in zip(content["boxes"], tube.boxes_xyxy, strict=True):
        assert entry["time_s"] == pytest.approx(entry["frame"] * 1001 / 30000, abs=1e-6)
        assert entry["observed"] is True
        assert np.float32(entry["box_xyxy"]).tolist() == box.tolist()  # not one bit lost
    assert list(content["track_boxes"]) == [str(f) for f in range(24)]


@pytest.mark.parametrize("last", [10, 23])
def test_the_span_ends_when_the_next_frame_appears_or_with_the_video(
    result: GroundingResult, last: int
) -> None:
    """Also where frames are not evenly spaced."""
    times = np.cumsum([0.0, *np.linspace(0.01, 0.09, 23)])
    frames, boxes = result.tube.track_frame_indices, result.tube.track_boxes_xyxy
    span = Span(4, last)
    tube = replace(
        result.tube, span=span, frame_indices=frames[4 : last + 1], boxes_xyxy=boxes[4 : last + 1]
    )
    video = replace(result.video, duration_s=float(times[-1]) + 0.5)
    uneven = replace(result, video=video, timestamps_s=times, tube=tube)
    assert uneven.start_s == times[4]
    assert uneven.end_s == (video.duration_s if last == 23 else times[last + 1])
    assert uneven.to_dict()["end_s"] == pytest.approx(uneven.end_s, abs=1e-6)


def test_the_scan_and_the_parts_of_the_track_scores_are_stored(result: GroundingResult) -> None:
    scan = Scan(np.array([0, 4]), np.array([4, 8]), np.array([-1.5, 2.0]))
    parts = {"attention": np.array([0.25, 0.5])}
    evidence = replace(result.evidence, scan=scan, track_parts=parts)
    scores = replace(result, evidence=evidence).to_dict()["scores"]
    assert scores["scan"] == [
        {"first_frame": 0, "last_frame": 4, "margin": -1.5},
        {"first_frame": 4, "last_frame": 8, "margin": 2.0},
    ]
    assert scores["track_parts"] == {"attention": {"2": 0.25, "1": 0.5}}


def test_the_verdict_is_stored(result: GroundingResult) -> None:
    stored = result.to_dict()
    assert stored["verdict"] == result.presence.verdict
    assert stored["presence"] == result.presence.probability


def test_scores_are_those_of_the_evidence(result: GroundingResult) -> None:
    scores, evidence = result.to_dict()["scores"], result.evidence
    assert scores["track_scores"] == {"2": 0.2, "1": float(evidence.track_scores[1])}
    assert scores["sampled_frames"] == evidence.frame_indices.tolist()
    assert [entry["score"] for entry in scores["frame_scores"]] == evidence.frame_scores[1].tolist()
    assert sum(entry["selected"] for entry in scores["frame_scores"]) == 3
    assert scores["frame_scores_by_track"]["2"] == evidence.frame_scores[0].tolist()
    assert scores["grounding_token"]["spatial"] == {
        "text": "<|im_end|>",
        "index": 1,
        "candidates": [
            {"text": ".", "activation": 0.5, "weight": 0.0},
            {"text": "<|im_end|>", "activation": 4.0, "weight": 1.0},
            {"text": "\n", "activation": 1.0, "weight": 0.0},
        ],
    }
    assert (scores["presence"], scores["consistency"]) == (0.75, 0.9)
    assert (scores["track_parts"], scores["scan"]) == ({}, None)
    assert scores["losses"] == {"spatial": [1.5, 0.5]}


def test_filled_in_boxes_are_marked(result: GroundingResult) -> None:
    track = result.tracks.by_id(1)
    observed = np.arange(24) % 2 == 0
    tracks = replace(result.tracks, tracks=(replace(track, observed=observed),))
    entries = result_to_dict(replace(result, tracks=tracks))["boxes"]
    assert [entry["observed"] for entry in entries] == [e["frame"] % 2 == 0 for e in entries]


def test_the_written_text_is_strict_json_of_the_same_content(result: GroundingResult) -> None:
    content = result.to_dict()
    assert strict(format_json(content)) == content


def test_seconds_come_from_the_presentation_times(result: GroundingResult) -> None:
    uneven = np.cumsum(np.linspace(0.0, 1.0, 24))
    content = result_to_dict(replace(result, timestamps_s=uneven))
    assert content["start_s"] == pytest.approx(uneven[content["start_frame"]], abs=1e-6)
    assert content["boxes"][-1]["time_s"] == pytest.approx(uneven[content["end_frame"]], abs=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("-inf")])
def test_a_number_that_is_not_finite_is_refused_by_name(
    result: GroundingResult, bad: float
) -> None:
    with pytest.raises(NumericalError, match="scores: presence"):
        result_to_dict(replace(result, evidence=replace(result.evidence, presence=bad)))
    losses = {"temporal": (1.0, bad)}
    with pytest.raises(NumericalError, match=r"losses: temporal\[1\]"):
        result_to_dict(replace(result, evidence=replace(result.evidence, losses=losses)))


def test_settings_become_plain_values(result: GroundingResult) -> None:
    settings = {"path": Path("a") / "b", "count": np.int64(3), "flag": np.True_, "pair": (1, None)}
    content = result_to_dict(replace(result, settings=settings))
    assert content["settings"] == {"path": "a/b", "count": 3, "flag": True, "pair": [1, None]}
    with pytest.raises(TypeError, match=r"Fraction at tube\.json: settings: fps"):
        result_to_dict(replace(result, settings={"fps": Fraction(1, 2)}))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(json_values, st.integers(1, 60))
def test_formatting_never_changes_the_content(value: Any, width: int) -> None:
    assert strict(format_json(value, width=width)) == value


def test_short_values_share_a_line_and_long_ones_do_not() -> None:
    assert format_json({"a": 1, "b": [1, 2]}) == '{"a": 1, "b": [1, 2]}'
    assert format_json({"a": {"x": 1}, "b": [1, 2]}, width=18) == (
        '{\n  "a": {"x": 1},\n  "b": [1, 2]\n}'
    )
    assert format_json(list(range(100)), width=20).count("\n") == 0
    with pytest.raises(ValueError, match="not JSON compliant"):
        format_json([float("nan")])


def test_parts_of_different_videos_are_refused(result: GroundingResult) -> None:
    with pytest.raises(InputError, match="timestamps"):
        replace(result, timestamps_s=result.timestamps_s[:-1])
    with pytest.raises(InputError, match="tracks over 25 frames"):
        replace(result, tracks=replace(result.tracks, frame_count=25))
    evidence = replace(result.evidence, frame_indices=result.evidence.frame_indices - 1)
    with pytest.raises(InputError, match="scores of other frames"):
        replace(result, evidence=evidence)
