"""VidSTG: pairs, segments, box rules, and the real test annotation where it is there."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.datasets.annotations import (
    hcstvg_entry,
    touch,
    vidor_box,
    vidor_content,
    vidstg_entry,
    write,
)
from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.datasets.entries import Unusable
from zerotube.eval.datasets.vidor import ObjectBoxes
from zerotube.eval.predictions import from_dict
from zerotube.eval.score import score
from zerotube.eval.types import Benchmark, Prediction
from zerotube.geometry.spans import Span

VID = "2401075277"
EVERYWHERE = {0: range(100), 1: range(100)}


def loaded(tmp_path: Path, *entries: Any, boxes: Any = None, **request: Any) -> Benchmark:
    """Load entries; ``boxes`` is the content of the box file of `VID`."""
    content = vidor_content(EVERYWHERE) if boxes is None else boxes
    write(tmp_path / "vidor" / "validation" / "1110" / f"{VID}.json", content)
    file = write(tmp_path / "notes.json", list(entries))
    asked = Request("vidstg", annotations=file, boxes=tmp_path / "vidor", **request)
    return load_benchmark(asked)


def test_captions_and_questions(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, vidstg_entry())
    assert benchmark.apart == ("declarative", "interrogative")
    assert benchmark.skipped == ()
    assert [(sample.sample_id, sample.kind, sample.query) for sample in benchmark.samples] == [
        ("0:caption:0", "declarative", "a dog runs."),
        ("0:question:0", "interrogative", "what runs?"),
        ("0:question:1", "interrogative", "who is beside the dog?"),
    ]
    sample = benchmark.samples[2]
    assert sample.tags == {"type": "person", "category": "adult"}
    assert sample.segment == Span(10, 50)
    assert sample.truth.span == Span(20, 30)
    assert (sample.fps, sample.frame_count, sample.width, sample.height) == (25, 100, 640, 360)
    expected = [list(vidor_box(frame).values()) for frame in range(20, 31)]
    assert sample.truth.boxes_xyxy.tolist() == expected


@pytest.mark.parametrize(
    ("segment", "described", "frame_count", "span"),
    [
        ((10, 50), (20, 30), 100, (20, 30)),
        ((10, 50), (20, 51), 100, (20, 50)),
        ((10, 50), (10, 50), 100, (10, 50)),
        ((10, 99), (20, 100), 100, (20, 99)),
        ((10, 120), (20, 130), 100, (20, 99)),
        ((10, 50), (50, 60), 100, (50, 50)),
    ],
)
def test_the_tube_ends_with_the_segment_and_the_video(
    tmp_path: Path, segment: Any, described: Any, frame_count: int, span: Any
) -> None:
    entry = vidstg_entry(
        used_segment=dict(zip(("begin_fid", "end_fid"), segment, strict=True)),
        temporal_gt=dict(zip(("begin_fid", "end_fid"), described, strict=True)),
        frame_count=frame_count,
    )
    assert {sample.truth.span for sample in loaded(tmp_path, entry).samples} == {Span(*span)}


@pytest.mark.parametrize(
    ("present", "reason"),
    [
        ([*range(20, 30)], None),
        ([*range(20, 29)], "object 0 has no box at frame 29 (2 of the 11 frames have none)"),
        ([*range(21, 31)], "object 0 has no box at frame 20 (1 of the 11 frames have none)"),
        ([20, *range(22, 31)], "no box at frame 21"),
        ([*range(40, 90)], "(11 of the 11 frames have none)"),
        ([], "no box at frame 20"),
    ],
    ids=["last", "last two", "first", "middle", "elsewhere", "nowhere"],
)
def test_missing_boxes(tmp_path: Path, present: list[int], reason: str | None) -> None:
    boxes = vidor_content({0: present, 1: range(100)})
    benchmark = loaded(tmp_path, vidstg_entry(), boxes=boxes)
    if reason is None:
        truth = benchmark.samples[0].truth
        assert truth.span == Span(20, 30)
        assert truth.boxes_xyxy[-1].tolist() == list(vidor_box(29).values())
        assert benchmark.skipped == ()
        return
    # The other object has all its boxes: its question stays.
    assert [sample.sample_id for sample in benchmark.samples] == ["0:question:1"]
    assert [item.sample_id for item in benchmark.skipped] == ["0:caption:0", "0:question:0"]
    assert all(reason in item.reason for item in benchmark.skipped)


@given(
    present=st.lists(st.booleans(), min_size=14, max_size=14),
    first=st.integers(0, 13),
    more=st.integers(0, 13),
)
def test_boxes_over_a_span_against_the_rule_frame_by_frame(
    present: list[bool], first: int, more: int
) -> None:
    span = Span(first, min(first + more, 13))
    frames = [frame for frame, here in enumerate(present) if here]
    boxes = np.array([[frame, 0, frame + 1, 1] for frame in frames], float).reshape(-1, 4)
    found = ObjectBoxes(3, np.array(frames, np.int64), boxes)
    wanted: list[int] | None = []
    for frame in range(span.start_frame, span.end_frame + 1):
        if wanted is not None and present[frame]:
            wanted.append(frame)
        elif wanted and frame == span.end_frame:
            wanted.append(frame - 1)
        else:
            wanted = None
    if wanted is None:
        with pytest.raises(Unusable):
            found.over(span)
    else:
        assert found.over(span)[:, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temporal_gt": {"begin_fid": 5, "end_fid": 30}}, "outside 'used_segment'"),
        ({"temporal_gt": {"begin_fid": 51, "end_fid": 60}}, "outside 'used_segment'"),
        ({"temporal_gt": {"begin_fid": 30, "end_fid": 20}}, "from frame 30 to frame 20"),
        ({"temporal_gt": {"begin_fid": -1, "end_fid": 20}}, "less than 0"),
        ({"temporal_gt": {"begin_fid": 20}}, "no key 'end_fid'"),
        ({"used_segment": {"begin_fid": 100, "end_fid": 120}}, "in a video of 100 frames"),
        ({"used_segment": [10, 50]}, "'used_segment' is not a JSON object"),
        ({"frame_count": 0}, "less than 1"),
        ({"frame_count": None}, "no key 'frame_count'"),
        ({"fps": 0}, "not a number above 0"),
        ({"fps": float("nan")}, "not a number above 0"),
        ({"fps": "25"}, "not a number above 0"),
        ({"width": -640}, "less than 1"),
        ({"vid": 7}, "'vid' holds no sentence"),
    ],
)
def test_a_faulty_entry_loses_all_its_pairs(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    benchmark = loaded(tmp_path, vidstg_entry(**changes), vidstg_entry())
    assert [item.sample_id for item in benchmark.skipped] == [
        "0:caption:0",
        "0:question:0",
        "0:question:1",
    ]
    assert all(reason in item.reason for item in benchmark.skipped)
    assert [sample.sample_id for sample in benchmark.samples] == [
        "1:caption:0",
        "1:question:0",
        "1:question:1",
    ]


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ({"description": "", "target_id": 0}, "'description' holds no sentence"),
        ({"description": "a dog", "target_id": "x"}, "not a whole number"),
        ({"description": "a dog"}, "no key 'target_id'"),
        ({"description": "a dog", "target_id": 9}, "object 9 has no box"),
        ("a dog", "the sentence is not a JSON object"),
    ],
)
def test_a_faulty_sentence_is_skipped_alone(tmp_path: Path, caption: Any, reason: str) -> None:
    benchmark = loaded(tmp_path, vidstg_entry(captions=[caption]))
    (item,) = benchmark.skipped
    assert item.sample_id == "0:caption:0"
    assert reason in item.reason
    assert len(benchmark.samples) == 2


def test_odd_entries_are_named(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, 7, vidstg_entry(questions=None, **{"subject/objects": "dog"}))
    assert [(item.sample_id, item.reason) for item in benchmark.skipped] == [
        ("0", "the entry is not a JSON object"),
        ("1:question", "no list 'questions'"),
    ]
    assert [sample.tags for sample in benchmark.samples] == [{"type": "object"}]


def _boxes_with(frame: int, item: Any) -> dict[str, Any]:
    content = vidor_content(EVERYWHERE)
    content["trajectories"][frame] = item
    return content


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        (_boxes_with(25, [{"tid": 0, "bbox": vidor_box(25) | {"xmax": float("nan")}}]), "finite"),
        (_boxes_with(25, [{"tid": 0, "bbox": vidor_box(25) | {"xmax": 3}}]), "is inverted"),
        (_boxes_with(25, [{"tid": 0, "bbox": vidor_box(25)}] * 2), "two boxes at frame 25"),
        (_boxes_with(25, [{"tid": 0, "bbox": {"xmin": 1}}]), "frame 25 is malformed"),
        (_boxes_with(25, [{"tid": 0, "bbox": vidor_box(25) | {"xmax": "a"}}]), "not a number"),
        (_boxes_with(25, [{"tid": [0], "bbox": vidor_box(25)}]), "frame 25 is malformed"),
        (_boxes_with(25, None), "frame 25 is malformed"),
        ({"trajectories": {}}, "looks like a VidOR annotation"),
        ([vidstg_entry()], "looks like VidSTG annotations"),
        ('{"trajectories": [[{"tid": 0,', "ends in the middle"),
        ("{trajectories}", "not JSON"),
        ("", "which is empty"),
    ],
)
def test_a_faulty_box_file_costs_its_own_samples_only(
    tmp_path: Path, boxes: Any, reason: str
) -> None:
    write(tmp_path / "vidor" / "other.json", vidor_content(EVERYWHERE))
    other = vidstg_entry(vid="other")
    benchmark = loaded(tmp_path, vidstg_entry(questions=[]), other, boxes=boxes)
    (item,) = benchmark.skipped
    assert item.sample_id == "0:caption:0"
    assert reason in item.reason
    assert len(benchmark.samples) == 3


def test_a_box_that_is_wrong_outside_the_tube_does_no_harm(tmp_path: Path) -> None:
    boxes = _boxes_with(40, [{"tid": 0, "bbox": vidor_box(40) | {"xmax": 3}}] * 2)
    assert len(loaded(tmp_path, vidstg_entry(), boxes=boxes).samples) == 3


def test_a_missing_box_file_is_named(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, vidstg_entry(), vidstg_entry(vid="other", questions=[]))
    assert [(item.sample_id, item.reason) for item in benchmark.skipped] == [
        ("1:caption:0", f"no box file other.json below {tmp_path / 'vidor'}")
    ]


def test_videos_and_boxes_below_one_root(tmp_path: Path) -> None:
    write(tmp_path / "anno" / "test_annotations.json", [vidstg_entry(), vidstg_entry(vid="2")])
    write(tmp_path / "vidor" / f"{VID}.json", vidor_content(EVERYWHERE))
    write(tmp_path / "vidor" / "2.json", vidor_content(EVERYWHERE))
    touch(tmp_path / "video" / "1110" / f"{VID}.mp4")
    benchmark = load_benchmark(Request("vidstg", "test", root=tmp_path))
    assert {sample.video for sample in benchmark.samples} == {
        tmp_path / "video" / "1110" / f"{VID}.mp4"
    }
    assert [item.reason for item in benchmark.skipped] == [f"no 2 below {tmp_path}"] * 3


def answer(name: str) -> Prediction:
    return from_dict(
        {"id": name, "start_frame": 20, "end_frame": 30, "boxes": {"20": [0, 0, 1, 1]}}
    )


def test_without_boxes_there_is_a_listing_that_cannot_be_scored(tmp_path: Path) -> None:
    outside = vidstg_entry(temporal_gt={"begin_fid": 60, "end_fid": 70}, questions=[])
    file = write(tmp_path / "test_annotations.json", [vidstg_entry(), outside])
    with pytest.raises(UsageError, match="pass --boxes"):
        load_benchmark(Request("vidstg", annotations=file))
    with pytest.raises(InputError, match="no box file of any annotated video"):
        load_benchmark(Request("vidstg", "test", root=tmp_path))
    for request in (
        Request("vidstg", annotations=file, needs_boxes=False),
        Request("vidstg", "test", root=tmp_path, needs_boxes=False),
    ):
        listing = load_benchmark(request)
        assert not listing.with_boxes
        assert [sample.truth.span for sample in listing.samples] == [Span(20, 30)] * 3
        with pytest.raises(InputError, match="without its true boxes"):
            score(listing, {"0:caption:0": answer("0:caption:0")})
        assert [sample.sample_id for sample in listing.samples] == [
            "0:caption:0",
            "0:question:0",
            "0:question:1",
        ]
        assert [item.sample_id for item in listing.skipped] == ["1:caption:0"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no box file of any annotated video"):
        load_benchmark(Request("vidstg", annotations=file, boxes=empty, needs_boxes=False))


def test_with_boxes_the_listing_has_the_samples(tmp_path: Path) -> None:
    boxes = vidor_content({0: range(100)})
    benchmark = loaded(tmp_path, vidstg_entry(), boxes=boxes)
    file, folder = tmp_path / "notes.json", tmp_path / "vidor"
    listing = load_benchmark(Request("vidstg", annotations=file, boxes=folder, needs_boxes=False))
    assert listing.with_boxes
    assert listing.skipped == benchmark.skipped
    assert [sample.sample_id for sample in listing.samples] == ["0:caption:0", "0:question:0"]
    assert [sample.tags for sample in listing.samples] == [
        sample.tags for sample in benchmark.samples
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"1_a.mp4": hcstvg_entry()}, "looks like HC-STVG annotations"),
        ([{"ref_id": 1, "sentences": []}], "looks like RefCOCO references"),
        ('[{"vid": "1", "vid": "2"}]', "the key 'vid' occurs twice"),
        ("[", "ends in the middle"),
    ],
)
def test_files_of_other_data_sets(tmp_path: Path, content: Any, problem: str) -> None:
    file = write(tmp_path / "a.json", content)
    for needed in (True, False):
        with pytest.raises(InputError, match=problem):
            load_benchmark(Request("vidstg", annotations=file, boxes=tmp_path, needs_boxes=needed))


def test_an_unknown_split_names_those_there(tmp_path: Path) -> None:
    for split in ("test", "val"):
        write(tmp_path / f"{split}_annotations.json", [vidstg_entry()])
    with pytest.raises(UsageError, match="one of those there: test, val"):
        load_benchmark(Request("vidstg", "train", root=tmp_path, needs_boxes=False))


@pytest.fixture(scope="module")
def real_annotation() -> Path:
    """The published test annotation, in ``data/vidstg`` of ``ZEROTUBE_SHARED``."""
    shared = Path(os.environ.get("ZEROTUBE_SHARED", Path(__file__).parents[3].parent / "shared"))
    file = shared / "data" / "vidstg" / "test_annotations.json"
    if not file.is_file():
        pytest.skip(f"no VidSTG annotation at {file}; set ZEROTUBE_SHARED to its folder")
    return file


def test_the_real_test_annotation_has_the_published_counts(real_annotation: Path) -> None:
    listing = load_benchmark(Request("vidstg", annotations=real_annotation, needs_boxes=False))
    assert listing.skipped == ()
    assert len({sample.sample_id.partition(":")[0] for sample in listing.samples}) == 4610
    kinds = Counter(sample.kind for sample in listing.samples)
    assert kinds == {"declarative": 4610, "interrogative": 5693}


def test_every_real_sentence_is_a_sample_or_skipped(real_annotation: Path, tmp_path: Path) -> None:
    listing = load_benchmark(Request("vidstg", annotations=real_annotation, needs_boxes=False))
    first = listing.samples[0]
    content = vidor_content({0: range(first.frame_count or 0)}, frames=first.frame_count or 0)
    write(tmp_path / f"{first.video_name}.json", content)
    benchmark = load_benchmark(Request("vidstg", annotations=real_annotation, boxes=tmp_path))
    assert len(benchmark.samples) + len(benchmark.skipped) == 10_303
    assert {sample.video_name for sample in benchmark.samples} == {first.video_name}
