"""Layouts of others: one root for several data sets, and files that others converted.

Where each layout's facts come from stands in its test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.datasets.annotations import (
    hcstvg_entry,
    merged_vidstg,
    proc_entry,
    touch,
    vidor_content,
    vidstg_entry,
    write,
)
from zerotube.errors import InputError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.datasets.choosing import named_version
from zerotube.eval.types import Benchmark, Sample
from zerotube.geometry.spans import Span

VID = "2401075277"
EVERYWHERE = {0: range(100), 1: range(100)}
VERSION_2 = hcstvg_entry(width=None, height=None, caption=None) | {
    "img_size": [360, 640],
    "English": "The woman sits down.",
}


def ids(benchmark: Benchmark) -> list[str]:
    return [sample.sample_id for sample in benchmark.samples]


def cgstvg_root(root: Path) -> Path:
    """The layout of CG-STVG's README (github.com/HengLan/CGSTVG, "Dataset Preparation"). Its reader
    takes "caption" and "width" of both versions (datasets/hcstvg.py), so that the keys of their
    files do not tell the version: the folders do."""
    write(root / "hc-stvg/annos/hcstvg_v1/test.json", {"1_a.mp4": hcstvg_entry()})
    write(root / "hc-stvg/annos/hcstvg_v1/train.json", {"2_b.mp4": hcstvg_entry()})
    write(root / "hc-stvg2/annos/hcstvg_v2/test.json", {"1_a.mp4": hcstvg_entry(st_frame=5)})
    write(root / "hc-stvg2/annos/hcstvg_v2/train.json", {"2_b.mp4": hcstvg_entry(st_frame=5)})
    touch(root / "hc-stvg/v1_video/1_a.mp4", content=b"one")
    touch(root / "hc-stvg2/v2_video/1_a.mp4", content=b"another")
    touch(root / f"vidstg/videos/{VID}.mp4")
    write(root / "vidstg/sent_annos/test_annotations.json", [vidstg_entry()])
    merged = merged_vidstg(vidstg_entry(), objects=EVERYWHERE)
    write(root / "vidstg/vstg_annos/test.json", merged)
    return root


def test_one_root_holds_three_data_sets(tmp_path: Path) -> None:
    root = cgstvg_root(tmp_path)
    for dataset, first, folder in (
        ("hcstvg-v1", 30, "hc-stvg/v1_video"),
        ("hcstvg-v2", 4, "hc-stvg2/v2_video"),
    ):
        benchmark = load_benchmark(Request(dataset, "test", root))
        (sample,) = benchmark.samples
        assert sample.truth.span.start_frame == first
        # Both versions have a video of that name: each takes that of its own folder.
        assert sample.video == root / folder / "1_a.mp4"
        (note,) = benchmark.notes
        assert note.startswith(f"annotations read from {root}/{folder.partition('/')[0]}/annos")
    vidstg = load_benchmark(Request("vidstg", "test", root))
    assert ids(vidstg) == ["0:caption:0", "0:question:0", "0:question:1"]
    assert vidstg.samples[0].video == root / f"vidstg/videos/{VID}.mp4"
    assert vidstg.notes == ()


def test_keys_tell_the_version_where_folders_do_not(tmp_path: Path) -> None:
    """Version 1 writes "caption", "width" and "height", version 2 "English" and "img_size": the
    two files of TubeDETR's preprocessing (preproc_hcstvg.py and preproc_hcstvgv2.py) read them."""
    write(tmp_path / "a" / "train.json", {"2_b.mp4": VERSION_2})
    write(tmp_path / "b" / "train.json", {"1_a.mp4": hcstvg_entry()})
    write(tmp_path / "c" / "train.json", [vidstg_entry()])
    write(tmp_path / "d" / "train.json", "{damaged")
    assert ids(load_benchmark(Request("hcstvg-v1", "train", tmp_path))) == ["1_a.mp4"]
    assert ids(load_benchmark(Request("hcstvg-v2", "train", tmp_path))) == ["2_b.mp4"]
    with pytest.raises(InputError) as caught:
        load_benchmark(Request("hcstvg", "train", tmp_path))
    assert caught.value.got == (
        f"2 annotation files: {tmp_path}/a/train.json, {tmp_path}/b/train.json"
    )


def test_two_files_of_the_right_content_are_refused_by_name_unless_they_are_copies(
    tmp_path: Path,
) -> None:
    for folder in ("x", "y"):
        write(tmp_path / folder / "test.json", {"1_a.mp4": hcstvg_entry()})
    assert ids(load_benchmark(Request("hcstvg-v1", "test", tmp_path))) == ["1_a.mp4"]
    write(tmp_path / "y" / "test.json", {"1_a.mp4": hcstvg_entry(st_frame=9)})
    with pytest.raises(InputError, match=f"2 annotation files: {tmp_path}/x/test.json, .*/y/test"):
        load_benchmark(Request("hcstvg-v1", "test", tmp_path))


def test_files_of_other_data_sets_alone_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a" / "test.json", merged_vidstg(vidstg_entry(), objects=EVERYWHERE))
    write(tmp_path / "b" / "test.json", "{")
    with pytest.raises(InputError) as caught:
        load_benchmark(Request("hcstvg-v1", "test", tmp_path))
    assert "2 files, none of which holds HC-STVG annotations v1" in caught.value.got
    assert "a/test.json, which looks like VidSTG annotations merged" in caught.value.got
    assert "b/test.json, which ends in the middle" in caught.value.got


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("hc-stvg2/annos/hcstvg/val.json", "v2"),
        ("hc-stvg2/annos/hcstvg_v1/val.json", "v1"),
        ("HC-STVG_v2/val.json", "v2"),
        ("data/valv2_proc.json", "v2"),
        ("hc-stvg/annos/test.json", ""),
        ("vidstg/vstg_annos/test.json", ""),
        ("hcstvg2023/test.json", ""),
    ],
)
def test_the_version_that_a_path_names(path: str, version: str) -> None:
    assert named_version(Path(path)) == version


def test_files_preprocessed_for_tubedetr(tmp_path: Path) -> None:
    """Lists of the original's numbers, the video's name without its suffix but with its path
    (github.com/antoyang/TubeDETR, preproc/preproc_hcstvg.py and preproc_hcstvgv2.py)."""
    entries = [proc_entry("0/1_a.mp4", 0), proc_entry("31/2_b.mkv", 1, st_frame=596)]
    raw = {"1_a.mp4": hcstvg_entry(), "2_b.mkv": hcstvg_entry(st_frame=596)}
    write(tmp_path / "valv2_proc.json", entries)
    touch(tmp_path / "video" / "31" / "2_b.mkv", tmp_path / "video" / "0" / "1_a.mp4")
    converted = load_benchmark(Request("hcstvg-v2", "val", tmp_path))
    assert converted.notes == converted.skipped == ()
    write(tmp_path / "val_v2.json", raw)
    original = load_benchmark(Request("hcstvg-v2", "val", tmp_path))
    assert ids(converted) == ids(original) == list(raw)
    for one, other in zip(converted.samples, original.samples, strict=True):
        assert plain(one) == plain(other)


def plain(sample: Sample) -> tuple[Any, ...]:
    """A sample with its truth as values that compare."""
    known = (sample.sample_id, sample.query, sample.video_name, sample.video, sample.truth.span)
    size = (sample.width, sample.height, sample.frame_count, sample.fps)
    return (*known, *size, sample.truth.boxes_xyxy.tolist())


def test_faulty_entries_of_such_a_list(tmp_path: Path) -> None:
    entries = [
        proc_entry("0/1_a.mp4", 0),
        proc_entry("0/2_b.mp4", 1) | {"tube_end_frame": 40},
        {"trajectory": [], "tube_start_frame": 1, "original_video_id": "3_c"},
        7,
    ]
    write(tmp_path / "test_proc.json", entries)
    benchmark = load_benchmark(Request("hcstvg-v1", "test", tmp_path))
    assert ids(benchmark) == ["1_a.mp4"]
    assert [(item.sample_id, item.reason) for item in benchmark.skipped] == [
        ("2_b.mp4", "10 boxes for frames 31 to 40 (left out)"),
        ("3_c", "no key 'tube_end_frame'"),
        ("3", "the entry is not a JSON object"),
    ]


def tenths_entry(**changes: Any) -> dict[str, Any]:
    """Version 2 at three frames per second: four boxes from frame 6 (from 0) of 60."""
    entry = VERSION_2 | {
        "img_num": 60,
        "st_frame": 6,
        "bbox": [[10 * step, 20, 30 + 10 * step, 40] for step in range(4)],
    }
    return entry | changes


def test_the_authors_file_in_tenths_of_the_frame_rate(tmp_path: Path) -> None:
    """Their reader (github.com/zaiquanyang/LLaVA_Next_STVG, stvg/datasets/hcstvg.py) opens
    annos/hcstvg/{split}_proc.json, takes st_frame as it is, cuts the tube at img_num - 1, and
    decodes frame 10 k of the video for its frame k."""
    folder = tmp_path / "hc-stvg2" / "annos" / "hcstvg"
    content = {
        "1_a.mp4": tenths_entry(),
        "2_b.mp4": tenths_entry(st_frame=0),
        "3_c.mp4": tenths_entry(st_frame=58),
        "4_d.mp4": tenths_entry(st_frame=60),
    }
    write(folder / "val_proc.json", content)
    benchmark = load_benchmark(Request("hcstvg-v2", "val", tmp_path))
    spans = [sample.truth.span for sample in benchmark.samples]
    assert spans == [Span(60, 90), Span(0, 30), Span(580, 590)]
    sample = benchmark.samples[0]
    assert (sample.frame_count, sample.fps, sample.width, sample.height) == (600, 30, 640, 360)
    # The boxes at every tenth frame are the file's; between them edges move evenly.
    boxes = sample.truth.boxes_xyxy
    for step in range(4):
        assert boxes[10 * step].tolist() == [10 * step, 20, 30 + 20 * step, 60]
    assert boxes[5].tolist() == [5, 20, 40, 60]
    assert np.all(np.diff(boxes[:, 2]) == 2)
    (note,) = benchmark.notes
    assert note.startswith(f"{folder / 'val_proc.json'} counts in tenths of the frame rate")
    assert [item.reason for item in benchmark.skipped] == ["st_frame 60 (from 0) among 60 frames"]

    # The original goes first, and a file of that name in whole frames is read as such.
    write(folder / "val.json", {"9_z.mp4": VERSION_2})
    assert ids(load_benchmark(Request("hcstvg-v2", "val", tmp_path))) == ["9_z.mp4"]
    whole = write(tmp_path / "other_proc.json", {"9_z.mp4": VERSION_2})
    (sample,) = load_benchmark(Request("hcstvg-v2", annotations=whole)).samples
    assert sample.truth.span == Span(30, 39)


def test_boxes_of_a_merged_file_serve_where_there_are_no_box_files(tmp_path: Path) -> None:
    """What CG-STVG's users download has no VidOR files: its README links videos, vstg_annos and
    sent_annos, and datasets/vidstg.py says what vstg_annos/{split}.json holds."""
    entries = [
        vidstg_entry(),
        vidstg_entry(temporal_gt={"begin_fid": 40, "end_fid": 60}),
        vidstg_entry(
            used_segment={"begin_fid": 60, "end_fid": 110},
            temporal_gt={"begin_fid": 90, "end_fid": 120},
        ),
    ]
    objects = {0: [*range(20, 30), *range(40, 101)], 1: [*range(20, 25), *range(26, 101)]}
    original = tmp_path / "original"
    write(original / "test_annotations.json", entries)
    write(original / "vidor" / f"{VID}.json", vidor_content(objects))
    expected = load_benchmark(Request("vidstg", "test", original))
    merged = tmp_path / "merged"
    write(merged / "sent_annos" / "test_annotations.json", entries)
    write(merged / "vstg_annos" / "test.json", merged_vidstg(*entries, objects=objects))
    write(merged / "elsewhere" / "test.json", "{damaged")
    found = load_benchmark(Request("vidstg", "test", merged))
    assert len(found.samples) == 8  # object 1 has no box at frame 25
    assert list(map(plain, found.samples)) == list(map(plain, expected.samples))
    assert found.skipped == expected.skipped
    assert found.with_boxes
    by_name = Request(
        "vidstg",
        annotations=merged / "sent_annos" / "test_annotations.json",
        boxes=merged / "vstg_annos",
    )
    assert ids(load_benchmark(by_name)) == ids(expected)

    # The merged file alone: the same sentences and tubes under ids of its own.
    alone = load_benchmark(Request("vidstg", annotations=merged / "vstg_annos" / "test.json"))
    assert ids(alone) == [f"merged:{number}" for number in (0, 1, 3, 4, 5, 6, 7, 8)]
    assert alone.apart == ("declarative", "interrogative")
    for one, other in zip(alone.samples, expected.samples, strict=True):
        assert (one.query, one.kind, one.segment, one.tags) == (
            other.query,
            other.kind,
            other.segment,
            other.tags,
        )
        assert one.truth.span == other.truth.span
        assert np.array_equal(one.truth.boxes_xyxy, other.truth.boxes_xyxy)
    # How long a video is, is known where the boxes end with it.
    assert [one.frame_count for one in alone.samples] == [None] * 5 + [100] * 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"qtype": "other"}, "'qtype' is 'other', neither 'declar' nor 'inter'"),
        ({"sentence": "a dog"}, "'sentence' is not a JSON object"),
        ({"target_bboxs": None}, "no boxes of object 0"),
        ({"target_bboxs": [{"xmin": 1}] * 11}, "a box of the merged annotation is malformed"),
        ({"target_bboxs": [{}] * 11}, "object 0 has no box at frame 20"),
        ({"ori_temp_gt": {"begin_fid": 60, "end_fid": 70}}, "outside 'used_segment'"),
        ({"width": 0}, "less than 1"),
    ],
)
def test_a_faulty_entry_of_a_merged_file_is_skipped(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    content = merged_vidstg(vidstg_entry(), objects=EVERYWHERE)
    content["0"] |= changes
    # The first question is about the same object: it must not lend its boxes.
    del content["1"]
    write(tmp_path / "test.json", content)
    benchmark = load_benchmark(Request("vidstg", "test", tmp_path))
    assert ids(benchmark) == ["merged:2"]
    (item,) = benchmark.skipped
    assert item.sample_id == "merged:0"
    assert reason in item.reason


def test_their_file_of_every_tenth_frame_is_not_taken_for_one_of_all_frames(tmp_path: Path) -> None:
    """The authors of the method have a VidSTG file of their own (stvg/datasets/vidstg.py opens
    vstg_annos/{split}_proc.json, with st_frame, ed_frame and used_sample_frames)."""
    entry = {"vid": VID, "used_sample_frames": [0, 10], "target_bboxs": [], "st_frame": 0}
    file = write(tmp_path / "test_proc.json", {"0": entry})
    with pytest.raises(InputError, match="looks like VidSTG annotations cut to every tenth frame"):
        load_benchmark(Request("vidstg", annotations=file))
