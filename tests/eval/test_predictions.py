"""Prediction files: what is written, what is read from any system, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.errors import InputError
from zerotube.eval.metrics import overlap
from zerotube.eval.predictions import (
    failure,
    from_dict,
    from_tube,
    read_predictions,
    to_dict,
    write_predictions,
)
from zerotube.eval.types import Prediction, Truth
from zerotube.geometry.spans import Span
from zerotube.tube.types import Tube

GOOD: dict[str, Any] = {
    "id": "a",
    "start_frame": 3,
    "end_frame": 5,
    "boxes": {"3": [1, 2, 30, 40], "4": [1.5, 2, 30, 40], "6": [0, 0, 0, 0]},
}


def changed(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def without(key: str) -> str:
    return json.dumps({name: value for name, value in GOOD.items() if name != key})


def write(path: Path, *lines: str | bytes) -> Path:
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def test_a_file_of_another_system(tmp_path: Path) -> None:
    lines = [
        "\ufeff" + changed(),
        "",
        # Order of frames, leading zeros, whole numbers and further keys are the other's affair.
        changed(id="b", boxes={"10": [1, 2, 3, 4], "009": [1, 2, 3, 4]}, score=0.5, error=None),
        '{"id": "c", "start_frame": 0, "end_frame": 0, "boxes": {}, "loss": NaN}',
        '{"id": "d", "error": "out of memory"}\r',
        '{"id": "e", "start_frame": null, "end_frame": null, "boxes": null, "error": "no track"}',
    ]
    found = read_predictions(write(tmp_path / "theirs.jsonl", *lines))
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert found["a"].span == Span(3, 5)
    assert found["a"].frame_indices.tolist() == [3, 4, 6]
    assert found["a"].boxes_xyxy.tolist() == [[1, 2, 30, 40], [1.5, 2, 30, 40], [0, 0, 0, 0]]
    assert found["a"].boxes_xyxy.dtype == np.float64
    assert found["b"].frame_indices.tolist() == [9, 10]
    assert found["c"].boxes_xyxy.shape == (0, 4)
    assert (found["d"].span, found["d"].error) == (None, "out of memory")
    assert (found["e"].span, found["e"].error) == (None, "no track")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (changed(boxes={"3.0": [1, 2, 3, 4]}), "frame '3.0'"),
        (changed(boxes={"-3": [1, 2, 3, 4]}), "frame '-3'"),
        (changed(boxes={" 3": [1, 2, 3, 4]}), "frame ' 3'"),
        (changed(boxes={"1_0": [1, 2, 3, 4]}), "frame '1_0'"),
        (changed(boxes={"٣": [1, 2, 3, 4]}), "frame '٣'"),
        (changed(boxes={"9" * 40: [1, 2, 3, 4]}), "frame '999"),
        (changed(boxes={"3": [1, 2, 3, 4], "03": [1, 2, 3, 4]}), "repeated"),
        ('{"id": "a", "start_frame": 3, "end_frame": 5, "boxes": {"3": [1, 2, 3, 4], "3": '
         "[1, 2, 3, 9]}}", "'3' twice"),
        (changed(start_frame=5, end_frame=3), "from frame 5 to frame 3"),
        (changed(start_frame=-1), "from frame -1"),
        (changed(start_frame=3.0), "start_frame 3.0"),
        (changed(end_frame=True), "end_frame True"),
        (changed(end_frame="5"), "end_frame '5'"),
        (changed(end_frame=10**400), "to frame 1000"),
        (changed(boxes={"3": [30, 2, 1, 40]}), "inverted box [30.0, 2.0, 1.0, 40.0]"),
        (changed(boxes={"3": [1, 40, 30, 2]}), "inverted box"),
        (changed(boxes={"3": [1, 2, 30, float("nan")]}), "not finite"),
        (changed(boxes={"3": [1, 2, float("inf"), 40]}), "not finite"),
        (changed(boxes={"3": [1, 2, 3, 4], "4": [1, 2, 3]}), "box [1, 2, 3] in frame 4"),
        (changed(boxes={"3": [1, 2, 3, 4, 5]}), "in frame 3"),
        (changed(boxes={"3": [[1, 2], [3, 4]]}), "in frame 3"),
        (changed(boxes={"3": ["1", "2", "3", "4"]}), "in frame 3"),
        (changed(boxes={"3": [1, 2, 3, None]}), "in frame 3"),
        (changed(boxes={"3": [1, 2, 3, 4], "4": [1, 2, 3, 10**400]}), "in frame 4"),
        (changed(boxes={"3": [True, 2, 3, 4]}), "in frame 3"),
        (changed(boxes={"3": None}), "in frame 3"),
        (changed(boxes={"3": {"x1": 1}}), "in frame 3"),
        (changed(boxes=[[1, 2, 3, 4]]), "a list for boxes"),
        (changed(boxes=None), "nothing for boxes"),
        (changed(id=7), "id 7"),
        (without("id"), "no id"),
        (without("start_frame"), "no start_frame"),
        (without("end_frame"), "no end_frame"),
        (without("boxes"), "nothing for boxes"),
        ("[1, 2, 3]", "a list instead of an object"),
        ("[" * 100_000, "not JSON"),
        ("7" * 5000, "not JSON"),
        ("{'id': 'a'}", "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (changed().encode("utf-16"), "not UTF-8"),
        (changed(id="first"), "'first' twice"),
    ],
)  # fmt: skip
def test_a_line_that_is_refused_is_named(tmp_path: Path, line: str | bytes, said: str) -> None:
    path = write(tmp_path / "theirs.jsonl", changed(id="first"), "", line)
    with pytest.raises(InputError) as caught:
        read_predictions(path)
    assert f"line 3 of {path}" in caught.value.got
    assert said in caught.value.got
    assert len(str(caught.value)) < 700


def test_a_last_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text(changed(id="first") + "\n" + changed()[:-30], encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2 .*the file ends in this line"):
        read_predictions(path)


@pytest.mark.parametrize("content", ["", "\n\n \n"])
def test_a_file_without_predictions(tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="holds no predictions"):
        read_predictions(path)


coordinates = st.floats(0, 4000, allow_subnormal=False)


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    name = draw(st.text(st.characters(codec="utf-8"), max_size=8))
    if draw(st.booleans()):
        return failure(name, draw(st.text(st.characters(codec="utf-8"), max_size=8)))
    frames = sorted(draw(st.sets(st.integers(0, 10**6), max_size=6)))
    corners = [draw(st.tuples(coordinates, coordinates)) for _ in frames]
    boxes = [[x, y, x + draw(coordinates), y + draw(coordinates)] for x, y in corners]
    first = draw(st.integers(0, 10**6))
    return Prediction(
        name,
        Span(first, first + draw(st.integers(0, 100))),
        np.array(frames, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
    )


@given(prediction=predictions())
def test_what_is_written_is_read_back_exactly(prediction: Prediction) -> None:
    again = from_dict(json.loads(json.dumps(to_dict(prediction))))
    assert again.sample_id == prediction.sample_id
    assert (again.span, again.error) == (prediction.span, prediction.error)
    np.testing.assert_array_equal(again.frame_indices, prediction.frame_indices)
    np.testing.assert_array_equal(again.boxes_xyxy, prediction.boxes_xyxy)


def test_a_tube_scores_alike_from_memory_and_from_its_file(tmp_path: Path) -> None:
    frames = np.arange(4, 24)
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 200, (20, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + np.float32(33.3333)], axis=1)
    tube = Tube(1, "x", Span(8, 15), frames[4:12], boxes[4:12], frames, boxes)
    prediction = from_tube("a", tube, first_frame=100)
    assert prediction.span == Span(108, 115)
    assert prediction.frame_indices.tolist() == list(range(104, 124))
    assert np.abs(prediction.boxes_xyxy - boxes).max() <= 0.0005 + 1e-9
    write_predictions(tmp_path / "ours.jsonl", [prediction])
    truth = Truth(Span(110, 117), boxes[6:14].astype(np.float64) + 5)
    again = read_predictions(tmp_path / "ours.jsonl")["a"]
    assert overlap(truth, again, "half-open") == overlap(truth, prediction, "half-open")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ours.jsonl"
    path.write_text("earlier", encoding="utf-8")

    def breaks() -> Any:
        yield failure("a", "x")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_predictions(path, breaks())
    assert path.read_text(encoding="utf-8") == "earlier"
    assert [item.name for item in tmp_path.iterdir()] == ["ours.jsonl"]


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "id": "b", "start_frame": 0, "end_frame": 1, "boxes": {}}',
        '{"id": "a:b", "start_frame": 0, "end_frame": 1, "end_frame": 2, "boxes": {}}',
        '{"id": "a", "start_frame": 0, "end_frame": 1, "boxes": {}, "boxes": {}}',
        '{"id": "0:caption:1", "start_frame": 0, "end_frame": 1, "boxes": '
        '{"0": [1, 2, 3, 4], "1": [1, 2, 3, 4], "0": [1, 2, 3, 5]}}',
        '{"id": "a", "query": "x: y", "start_frame": 0, "end_frame": 1, "boxes": '
        '{"0": [1, 2, 3, 4], "0": [1, 2, 3, 4]}}',
    ],
)
def test_a_repeated_key_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"line 1 .* twice in one object"):
        read_predictions(write(tmp_path / "theirs.jsonl", line))


def test_nested_extras_and_colons_are_no_repeated_keys(tmp_path: Path) -> None:
    extras = {"query": "who: 1:2?", "scores": {"0": 1.0, "1": {"id": 3}}, "boxes_raw": [{"0": 1}]}
    path = write(tmp_path / "theirs.jsonl", changed(**extras), changed(id="7:caption:0"))
    assert read_predictions(path)["a"].frame_indices.tolist() == [3, 4, 6]
    assert list(read_predictions(path)) == ["a", "7:caption:0"]
