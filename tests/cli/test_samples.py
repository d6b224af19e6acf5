"""``zerotube samples``."""

from __future__ import annotations

import json
from pathlib import Path

from eval.datasets.annotations import hcstvg_entry, touch, vidor_content, vidstg_entry, write


def test_a_table_for_people(run, tmp_path: Path) -> None:
    content = {f"{name}.mp4": hcstvg_entry(caption=f"The man\n{name}.") for name in "abc"}
    content["d.mp4"] = hcstvg_entry(st_frame=0)
    file = write(tmp_path / "a.json", content)
    done = run("samples", "--dataset", "hcstvg-v1", "--annotations", file, "--limit", 2)
    assert done.code == 0
    assert done.out.splitlines() == [
        "id     video  frames  seconds    segment  query",
        "a.mp4  a.mp4  30-39   1.00-1.33  -        The man a.",
        "b.mp4  b.mp4  30-39   1.00-1.33  -        The man b.",
    ]
    assert "3 samples (3 declarative) of 3 videos, the first 2 listed" in done.err
    assert "warning: 1 samples skipped" in done.err
    assert "skipped d.mp4: 'st_frame' is 0, less than 1" in done.err


def test_json(run, tmp_path: Path) -> None:
    write(tmp_path / "test_annotations.json", [vidstg_entry(), vidstg_entry(vid="7", fps=0)])
    write(tmp_path / "boxes" / "2401075277.json", vidor_content({0: range(100)}))
    touch(tmp_path / "videos" / "2401075277.mp4")
    done = run("samples", "--dataset", "vidstg", "--root", tmp_path, "--split", "test", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert {key: told[key] for key in ("dataset", "split", "count", "kinds", "with_boxes")} == {
        "dataset": "vidstg",
        "split": "test",
        "count": 2,
        "kinds": {"declarative": 1, "interrogative": 1},
        "with_boxes": True,
    }
    assert [item["id"] for item in told["samples"]] == ["0:caption:0", "0:question:0"]
    assert told["samples"][0] == {
        "id": "0:caption:0",
        "kind": "declarative",
        "query": "a dog runs.",
        "video": "2401075277",
        "path": str(tmp_path / "videos" / "2401075277.mp4"),
        "start_frame": 20,
        "end_frame": 30,
        "start_s": 0.8,
        "end_s": 1.24,  # 31 frames at 25 a second
        "segment": {"start_frame": 10, "end_frame": 50},
        "frame_count": 100,
        "width": 640,
        "height": 360,
        "fps": 25.0,
        "tags": {"type": "object", "category": "dog"},
    }
    assert [item["id"] for item in told["skipped"]] == [
        "0:question:1",
        "1:caption:0",
        "1:question:0",
        "1:question:1",
    ]
    assert "object 1 has no box" in told["skipped"][0]["reason"]


def test_the_annotation_alone_is_enough(run, tmp_path: Path) -> None:
    write(tmp_path / "test_annotations.json", [vidstg_entry()])
    done = run("samples", "--dataset", "vidstg", "--root", tmp_path, "--split", "test", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert (told["count"], told["with_boxes"], told["skipped"]) == (3, False, [])
    assert "no box files" in done.err
    assert "no video below --root" in done.err


def test_many_skipped_samples_are_counted_and_some_named(run, tmp_path: Path) -> None:
    content = {f"{number}.mp4": hcstvg_entry(caption="") for number in range(9)}
    file = write(tmp_path / "a.json", content)
    done = run("samples", "--dataset", "hcstvg", "--annotations", file)
    assert done.code == 0
    assert "9 samples skipped" in done.err
    assert done.err.count("zerotube: warning: skipped ") == 5
    assert "4 more are named by --json" in done.err


def test_wrong_input_is_one_line(run, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", [vidstg_entry()])
    for words, code, told in (
        (("--dataset", "hcstvg", "--annotations", file), 3, "looks like VidSTG annotations"),
        (("--dataset", "nonsense", "--annotations", file), 2, "data set 'nonsense'"),
        (("--dataset", "hcstvg"), 2, "neither a root folder nor an annotation file"),
        (("--dataset", "vidstg"), 2, "neither a root folder nor an annotation file"),
        (("--dataset", "vidstg", "--root", tmp_path, "--split", "val"), 2, "no split 'val'"),
        (("--dataset", "vidstg", "--annotations", tmp_path), 3, "the folder"),
    ):
        done = run("samples", *words)
        assert done.code == code
        assert told in done.error_line()
        assert done.out == ""
    assert run("samples", "--dataset", "vidstg", "--annotations", file, "--limit", 0).code == 2
