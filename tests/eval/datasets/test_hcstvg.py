"""HC-STVG: both spellings, frame numbers, videos by name, and entries that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.datasets.annotations import hcstvg_entry, touch, vidstg_entry, write
from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.datasets.entries import Unusable
from zerotube.eval.datasets.files import Media
from zerotube.eval.datasets.hcstvg import _sample as sample_of
from zerotube.eval.types import Benchmark
from zerotube.geometry.spans import Span


def loaded(tmp_path: Path, content: object, **request: object) -> Benchmark:
    file = write(tmp_path / "notes" / "any.json", content)
    return load_benchmark(Request("hcstvg", annotations=file, **request))


def test_version_1(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, {"1_a.mp4": hcstvg_entry()})
    (sample,) = benchmark.samples
    assert (benchmark.dataset, benchmark.apart, benchmark.still) == ("hcstvg", (), False)
    assert sample.sample_id == sample.video_name == "1_a.mp4"
    assert sample.query == "The man in black walks to the door."
    assert sample.truth.span == Span(30, 39)
    assert sample.truth.boxes_xyxy[0].tolist() == [10, 20, 40, 60]
    assert sample.truth.boxes_xyxy[-1].tolist() == [19, 20, 49, 60]
    assert (sample.width, sample.height, sample.frame_count, sample.fps) == (640, 360, 600, 30)
    assert sample.video is None
    assert sample.segment is None


def test_version_2_has_other_names_and_height_first(tmp_path: Path) -> None:
    entry = hcstvg_entry(width=None, height=None, caption=None)
    entry |= {"img_size": [360, 640], "English": "The woman sits down.", "Chinese": "她坐下"}
    (sample,) = loaded(tmp_path, {"1_a.mp4": entry}).samples
    assert (sample.width, sample.height) == (640, 360)
    assert sample.query == "The woman sits down."


@given(first=st.integers(1, 30), boxes=st.integers(1, 40), frames=st.integers(1, 30))
def test_frames_are_counted_from_1_and_cut_at_the_end(first: int, boxes: int, frames: int) -> None:
    entry = hcstvg_entry(bbox=[[row, 0, 1, 1] for row in range(boxes)], st_frame=first)
    entry["img_num"] = frames
    # Written down frame by frame: box k belongs to frame first - 1 + k if the video has it.
    expected = {first - 1 + row: row for row in range(boxes) if first - 1 + row < frames}
    if not expected:
        with pytest.raises(Unusable, match="st_frame"):
            sample_of("a", entry, Media(None, ()))
        return
    truth = sample_of("a", entry, Media(None, ())).truth
    frames_of_truth = range(truth.span.start_frame, truth.span.end_frame + 1)
    assert dict(zip(frames_of_truth, truth.boxes_xyxy[:, 0], strict=True)) == expected


def test_videos_lie_in_part_folders_under_several_suffixes(tmp_path: Path) -> None:
    content = {name: hcstvg_entry() for name in ("1_a.mp4", "2_b.mp4", "3_c.mkv", "4_d")}
    videos = tmp_path / "videos"
    touch(videos / "0" / "1_a.mp4", videos / "1" / "2_b.mkv", videos / "31" / "x" / "3_c.MP4")
    touch(videos / "4_d.webm", videos / "4_d.txt", videos / "._4_d.mp4")
    benchmark = loaded(tmp_path, content, root=tmp_path)
    found = [sample.video.relative_to(videos).as_posix() for sample in benchmark.samples]
    assert found == ["0/1_a.mp4", "1/2_b.mkv", "31/x/3_c.MP4", "4_d.webm"]
    assert benchmark.skipped == ()


def test_a_folder_of_videos_may_be_a_link_even_in_a_circle(tmp_path: Path) -> None:
    touch(tmp_path / "disk" / "part" / "1_a.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "videos").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "part" / "up").symlink_to(tmp_path / "disk")
    (sample,) = loaded(tmp_path, {"1_a.mp4": hcstvg_entry()}, root=root).samples
    assert sample.video == root / "videos" / "part" / "1_a.mp4"


def test_a_missing_video_is_skipped_by_name(tmp_path: Path) -> None:
    touch(tmp_path / "v" / "1_a.mp4")
    content = {"1_a.mp4": hcstvg_entry(), "2_b.mp4": hcstvg_entry()}
    benchmark = loaded(tmp_path, content, root=tmp_path)
    assert [sample.sample_id for sample in benchmark.samples] == ["1_a.mp4"]
    assert [(item.sample_id, item.reason) for item in benchmark.skipped] == [
        ("2_b.mp4", f"no 2_b.mp4 below {tmp_path}")
    ]


def test_a_link_to_nothing_is_a_missing_video(tmp_path: Path) -> None:
    touch(tmp_path / "v" / "1_a.mp4")
    (tmp_path / "v" / "2_b.mp4").symlink_to(tmp_path / "gone.mp4")
    content = {"1_a.mp4": hcstvg_entry(), "2_b.mp4": hcstvg_entry()}
    benchmark = loaded(tmp_path, content, root=tmp_path)
    assert [item.reason for item in benchmark.skipped] == [f"no 2_b.mp4 below {tmp_path}"]


def test_a_root_without_any_video_holds_annotations_alone(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, {"1_a.mp4": hcstvg_entry()}, root=tmp_path)
    assert [sample.video for sample in benchmark.samples] == [None]


def test_copies_of_a_video_are_one_but_different_files_are_not(tmp_path: Path) -> None:
    for folder in "ab":
        touch(tmp_path / folder / "1_a.mp4")
    touch(tmp_path / "a" / "2_b.mp4")
    touch(tmp_path / "b" / "2_b.mp4", content=b"another video")
    content = {"1_a.mp4": hcstvg_entry(), "2_b.mp4": hcstvg_entry()}
    benchmark = loaded(tmp_path, content, root=tmp_path)
    assert [sample.video for sample in benchmark.samples] == [tmp_path / "a" / "1_a.mp4"]
    (item,) = benchmark.skipped
    assert "2 different files" in item.reason
    assert str(tmp_path / "b" / "2_b.mp4") in item.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bbox": [[1, 2, 3, 4], [1, 2, float("nan"), 4]]}, "box 1 (from 0) is not finite"),
        ({"bbox": [[1, 2, float("inf"), 4]]}, "not finite"),
        ({"bbox": [[1e308, 2, 1e308, 4]]}, "not finite"),
        ({"bbox": [[9, 9, -3, 4]]}, "negative width or height"),
        ({"bbox": [[1, 2, 3]]}, "four numbers"),
        ({"bbox": [[1, 2, 3, 4], [1, 2, 3]]}, "four numbers"),
        ({"bbox": [["a", 2, 3, 4]]}, "four numbers"),
        ({"bbox": [[10**400, 2, 3, 4]]}, "four numbers"),
        ({"bbox": []}, "no list of boxes"),
        ({"bbox": {"0": [1, 2, 3, 4]}}, "no list of boxes"),
        ({"st_frame": 0}, "'st_frame' is 0, less than 1"),
        ({"st_frame": 601}, "st_frame 601 (from 1) in a video of 600 frames"),
        ({"st_frame": 1.5}, "'st_frame' is 1.5, not a whole number"),
        ({"st_frame": float("nan")}, "not a whole number"),
        ({"st_frame": True}, "not a whole number"),
        ({"img_num": None}, "no key 'img_num'"),
        ({"img_num": -600}, "less than 1"),
        ({"img_num": 10**12}, "not a whole number"),
        ({"caption": "  "}, "'caption' holds no sentence"),
        ({"caption": None}, "no key 'caption' or 'English'"),
        ({"caption": 7}, "no sentence"),
        ({"width": None}, "no key 'width'"),
        ({"width": 0}, "less than 1"),
        ({"width": None, "height": None, "img_size": 640}, "'img_size' is not [height, width]"),
    ],
)
def test_a_faulty_entry_is_skipped_with_the_reason(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    content = {"1_a.mp4": hcstvg_entry(**changes), "2_b.mp4": hcstvg_entry()}
    benchmark = loaded(tmp_path, content)
    assert [sample.sample_id for sample in benchmark.samples] == ["2_b.mp4"]
    (item,) = benchmark.skipped
    assert item.sample_id == "1_a.mp4"
    assert reason in item.reason


def test_an_entry_of_another_kind_is_skipped(tmp_path: Path) -> None:
    content = {"1_a.mp4": [1, 2], "2_b.mp4": hcstvg_entry(), "3_c.mp4": {"caption": "x"}}
    reasons = [item.reason for item in loaded(tmp_path, content).skipped]
    assert reasons == ["the entry is not a JSON object", "no key 'bbox'"]


def test_a_box_without_area_is_allowed(tmp_path: Path) -> None:
    (sample,) = loaded(tmp_path, {"a.mp4": hcstvg_entry(bbox=[[5, 5, 0, 0]])}).samples
    assert np.array_equal(sample.truth.boxes_xyxy, [[5, 5, 5, 5]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps({"a.mp4": hcstvg_entry()})[:-40], "ends in the middle"),
        (json.dumps({"a.mp4": hcstvg_entry()})[:-5], "ends in the middle"),
        ("", "which is empty"),
        (" \n", "which is empty"),
        ("{'a': 1}", "which is not JSON"),
        ('{"a.mp4": {}, "a.mp4": {}}', "the key 'a.mp4' occurs twice"),
        ('{"a.mp4": {"st_frame": 1, "st_frame": 2}}', "the key 'st_frame' occurs twice"),
        (json.dumps([vidstg_entry()]), "looks like VidSTG annotations"),
        (json.dumps(vidstg_entry()), "a single entry of VidSTG annotations"),
        (json.dumps(hcstvg_entry()), "a single entry of HC-STVG annotations"),
        ('{"images": [], "annotations": []}', "looks like COCO instances"),
        ('{"trajectories": []}', "looks like a VidOR annotation"),
        ('{"videos": [], "trajectories": {}}', "preprocessed for TubeDETR"),
        ('{"id": "a", "start_frame": 1, "end_frame": 2, "boxes": {}}', "a prediction file"),
        ('{"image": "a", "expression": "b"}\n{"image": "a", "expression": "b"}', "RefCOCO"),
        ("[]", "a JSON list of objects without keys"),
        ("{}", "a JSON object without keys"),
        ("3", "a single JSON value of type int"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert problem in caught.value.got
    assert "any.json" in caught.value.got


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\x80\x04]\x94.")
    with pytest.raises(InputError, match="looks like a pickle"):
        load_benchmark(Request("hcstvg", annotations=tmp_path / "a.json"))


def test_paths_of_the_wrong_kind(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", {"a.mp4": hcstvg_entry()})
    with pytest.raises(InputError, match="the folder"):
        load_benchmark(Request("hcstvg", annotations=tmp_path))
    with pytest.raises(InputError, match="no readable file"):
        load_benchmark(Request("hcstvg", annotations=tmp_path / "b.json"))
    with pytest.raises(InputError, match="a file at"):
        load_benchmark(Request("hcstvg", annotations=file, root=file))
    with pytest.raises(InputError, match="nothing at"):
        load_benchmark(Request("hcstvg", annotations=file, root=tmp_path / "none"))


def test_the_split_is_found_by_its_usual_names(tmp_path: Path) -> None:
    for name, video in (("v1/test.json", "1.mp4"), ("v2/val_v2.json", "2.mp4")):
        write(tmp_path / name, {video: hcstvg_entry()})
    for dataset, split, video in (
        ("hcstvg-v1", "test", "1.mp4"),
        ("hcstvg-v2", "val", "2.mp4"),
        ("hcstvg", "val", "2.mp4"),
    ):
        benchmark = load_benchmark(Request(dataset, split, root=tmp_path))
        assert [sample.sample_id for sample in benchmark.samples] == [video]
        assert (benchmark.dataset, benchmark.split) == (dataset, split)


def test_the_name_with_the_version_goes_first(tmp_path: Path) -> None:
    write(tmp_path / "train.json", {"1.mp4": hcstvg_entry()})
    write(tmp_path / "train_v2.json", {"2.mp4": hcstvg_entry()})
    (sample,) = load_benchmark(Request("hcstvg-v2", "train", root=tmp_path)).samples
    assert sample.sample_id == "2.mp4"
    with pytest.raises(InputError, match="2 annotation files"):
        load_benchmark(Request("hcstvg", "train", root=tmp_path))


def test_an_unknown_split_names_those_there(tmp_path: Path) -> None:
    write(tmp_path / "a" / "train_v2.json", {"2.mp4": hcstvg_entry()})
    write(tmp_path / "val_v2.json", {"2.mp4": hcstvg_entry()})
    for split in ("test", ""):
        with pytest.raises(UsageError) as caught:
            load_benchmark(Request("hcstvg-v2", split, root=tmp_path))
        assert caught.value.wanted == "one of those there: train, val"
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match=r"named test_v2.json or testv2.json or test.json"):
        load_benchmark(Request("hcstvg-v2", "test", root=empty))
