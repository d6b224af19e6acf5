"""The authors' published proposals: a good file is read, whatever contradicts the format is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proposals.files.track_files import refused, save
from zerotube.errors import TracksError
from zerotube.geometry.masks import decode_mask, encode_mask
from zerotube.proposals import read_tracks
from zerotube.video.types import VideoInfo

INFO = VideoInfo("clip.mp4", Fraction(25), 45, 64, 48, 1.8, 0, False, ())
FRAMES = (0, 10, 20, 30, 40)


def mask(box: list[float]) -> dict[str, Any]:
    """The encoding of the mask that fills a box."""
    picture = np.zeros((48, 64), dtype=np.bool_)
    left, top, right, bottom = (int(edge) for edge in box)
    picture[top:bottom, left:right] = True
    return encode_mask(picture)


def good() -> dict[str, Any]:
    """Two tracks, the second out of sight at frame 20. The names of their values are ours."""
    first = [[float(x), 10.0, float(x) + 8, 30.0] for x in (4, 8, 12, 16, 20)]
    second = [[40.0, 20.0, 50.0, 40.0]] * 2 + [[0.0] * 4] + [[44.0, 20.0, 54.0, 40.0]] * 2
    return {
        "sample_frames": [f"{frame:05d}.jpg" for frame in FRAMES],
        "dino_sam2_proposals": [
            {
                "track_id": track_id,
                "bboxes": [[box] for box in boxes],
                "rles": [mask(box) for box in boxes],
                "class_name": label,
                "box_format": "xyxy",
                "img_width": 64,
                "img_height": 48,
            }
            for track_id, boxes, label in ((3, first, "person"), (3, second, "dog"))
        ],
        "video_path": "somewhere/else.mp4",
    }


def test_boxes_masks_and_labels(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "55_a.json", good()), INFO)
    assert tracks.source == "reference gdino+sam2"
    person, dog = tracks.tracks
    assert [(track.track_id, track.label) for track in tracks] == [(1, "person"), (2, "dog")]
    # Between the samples every frame is filled in, and after the last one less than a step.
    assert person.frame_indices.tolist() == list(range(45))
    assert person.frame_indices[person.observed].tolist() == list(FRAMES)
    assert person.boxes_xyxy[10].tolist() == [8, 10, 16, 30]
    assert person.boxes_xyxy[15].tolist() == [10, 10, 18, 30]
    assert person.boxes_xyxy[44].tolist() == [20, 10, 28, 30]
    assert person.scores.tolist() == [1.0] * 45
    assert person.masks_rle is not None
    seen = decode_mask(person.masks_rle[10] or {})
    assert seen[10:30, 8:16].all()
    assert seen.sum() == 160
    assert person.masks_rle[11] is None
    # Out of sight at 20: neither there nor in the steps before and after it.
    assert dog.frame_indices.tolist() == [*range(11), *range(30, 45)]
    assert dog.boxes_xyxy[5].tolist() == [40, 20, 50, 40]
    (warning,) = tracks.warnings
    assert "1 boxes without area" in warning


def test_masks_between_the_sample_frames_move_with_the_box(tmp_path: Path) -> None:
    """All boxes of a track have one size, and its masks fill them: each moved mask fills its own
    box as far as whole pixels can."""
    content = good()
    # Told apart from a mask that only follows the box: the one at frame 20 lacks its upper half.
    content["dino_sam2_proposals"][0]["rles"][2] = mask([12, 20, 20, 30])
    person, dog = read_tracks(save(tmp_path / "t.json", content), INFO).tracks
    shapes = {}
    for frame in range(45):
        found = person.mask_at(frame)
        assert found is not None
        rows, columns = np.nonzero(found)
        left = person.boxes_xyxy[frame, 0]
        assert columns.max() - columns.min() == 7
        assert abs(columns.min() - left) <= 0.5
        shapes[frame] = (rows.min(), rows.max())
    # Nearest in time; 15 is as near to 10 as to 20, and 25 as near to 20 as to 30.
    upper_half_is_missing = [frame for frame, rows in shapes.items() if rows == (20, 29)]
    assert upper_half_is_missing == [*range(16, 26)]
    assert set(shapes.values()) == {(10, 29), (20, 29)}
    assert np.array_equal(person.mask_at(20), decode_mask(mask([12, 20, 20, 30])))
    assert [frame for frame in range(50) if dog.mask_at(frame) is None] == [
        *range(11, 30),
        *range(45, 50),
    ]


def test_names_of_the_fields_do_not_matter_but_their_order_does(tmp_path: Path) -> None:
    content = good()
    content["dino_sam2_proposals"] = [
        dict(zip("abcdefg", track.values(), strict=True))
        for track in content["dino_sam2_proposals"]
    ]
    assert len(read_tracks(save(tmp_path / "t.json", content), INFO)) == 2
    content["dino_sam2_proposals"] = [
        dict(reversed(track.items())) for track in content["dino_sam2_proposals"]
    ]
    with pytest.raises(TracksError, match="the boxes of a track"):
        read_tracks(save(tmp_path / "t.json", content), INFO)


def test_a_long_gap_between_samples_is_not_filled(tmp_path: Path) -> None:
    content = good()
    content["sample_frames"] = ["0.jpg", "5.jpg", "10.jpg", "40.jpg", "44.jpg"]
    person = read_tracks(save(tmp_path / "t.json", content), INFO).tracks[0]
    assert person.frame_indices.tolist() == [*range(11), *range(40, 45)]


def test_one_sample_frame_is_one_box(tmp_path: Path) -> None:
    content = good()
    content["sample_frames"] = ["00007.jpg"]
    for track in content["dino_sam2_proposals"]:
        track["bboxes"], track["rles"] = track["bboxes"][:1], track["rles"][:1]
    for track in read_tracks(save(tmp_path / "t.json", content), INFO):
        assert track.frame_indices.tolist() == [7]


def test_a_track_that_is_never_seen_is_left_out_and_named(tmp_path: Path) -> None:
    content = good()
    content["dino_sam2_proposals"][0]["bboxes"] = [[[0, 0, 0, 0]]] * 5
    tracks = read_tracks(save(tmp_path / "t.json", content), INFO)
    assert [track.label for track in tracks] == ["dog"]
    assert "tracks [0]" in tracks.warnings[0]


def test_a_label_of_that_name_does_not_make_one_of_our_files_theirs(tmp_path: Path) -> None:
    ours = {
        "schema": "zerotube.tracks/1",
        "video": {"frame_count": 45, "width": 64, "height": 48, "fps": "25"},
        "tracks": [
            {"id": 1, "label": "dino_sam2_proposals", "frames": [0], "boxes_xyxy": [[0, 0, 9, 9]]}
        ],
    }
    assert read_tracks(save(tmp_path / "t.json", ours), INFO).source == "file"


def test_a_folder_holds_the_files_of_one_video(tmp_path: Path) -> None:
    save(tmp_path / "dog.json", good())
    save(tmp_path / "adult.json", good())
    save(tmp_path / "cat.json", good() | {"dino_sam2_proposals": []})
    (tmp_path / "notes.txt").write_text("left alone")
    tracks = read_tracks(tmp_path, INFO)
    assert [track.track_id for track in tracks] == [1, 2, 3, 4]
    assert [text.split(":")[0] for text in tracks.warnings] == ["adult.json", "dog.json"]
    assert tracks.by_id(3).boxes_xyxy[10].tolist() == [8, 10, 16, 30]

    save(tmp_path / "dog.json", "{}")
    refused(INFO, tmp_path, "dog.json")


@pytest.mark.parametrize("content", [None, {"dino_sam2_proposals": []}])
def test_a_folder_without_tracks_is_refused(content: dict[str, Any] | None, tmp_path: Path) -> None:
    if content is not None:
        save(tmp_path / "t.json", good() | content)
    refused(INFO, tmp_path, "directory")


def track(content: dict[str, Any], number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = content["dino_sam2_proposals"][number]
    return found


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no frames": (lambda c: c.update(sample_frames=[]), "sample_frames"),
    "frames missing": (lambda c: c.pop("sample_frames"), "sample_frames"),
    "frames as numbers": (lambda c: c.update(sample_frames=[0, 10]), "sample_frames[0]"),
    "a frame without number": (lambda c: c["sample_frames"].__setitem__(1, "b.jpg"), "[1]"),
    "a negative frame": (lambda c: c["sample_frames"].__setitem__(0, "-1.jpg"), "[0]"),
    "a frame of a path": (lambda c: c["sample_frames"].__setitem__(0, "a/0.jpg"), "[0]"),
    "a frame too late": (lambda c: c["sample_frames"].__setitem__(4, "45.jpg"), "frame 45"),
    "a frame twice": (lambda c: c["sample_frames"].__setitem__(1, "0.jpg"), "frame 0 after 0"),
    "frames in disorder": (lambda c: c["sample_frames"].reverse(), "frame 30 after 40"),
    "a frame too few": (lambda c: c["sample_frames"].pop(), "5 boxes"),
    "no tracks": (lambda c: c.update(dino_sam2_proposals=[]), "dino_sam2_proposals"),
    "tracks as object": (lambda c: c.update(dino_sam2_proposals={}), "dino_sam2_proposals"),
    "a track as list": (lambda c: c.update(dino_sam2_proposals=[[]]), "dino_sam2_proposals[0]"),
    "a value too few": (lambda c: track(c, 1).pop("class_name"), "proposals[1]"),
    "a value too many": (lambda c: track(c).update(score=1.0), "8 values"),
    "id as list": (lambda c: track(c).update(track_id=[1]), "proposals[0].track_id"),
    "boxes missing": (lambda c: track(c).update(bboxes=None), "proposals[0].bboxes"),
    "a box too few": (lambda c: track(c)["bboxes"].pop(), "4 boxes"),
    "boxes not nested": (
        lambda c: track(c).update(bboxes=[box[0] for box in track(c)["bboxes"]]),
        "proposals[0].bboxes[0]",
    ),
    "two boxes in a frame": (lambda c: track(c)["bboxes"][1].append([0, 0, 1, 1]), "bboxes[1]"),
    "three edges": (lambda c: track(c)["bboxes"][1][0].pop(), "bboxes[1][0]"),
    "an edge as text": (lambda c: track(c)["bboxes"][1][0].__setitem__(0, "8"), "bboxes[1][0][0]"),
    "NaN": (lambda c: track(c)["bboxes"][1][0].__setitem__(0, float("nan")), "bboxes[1][0][0]"),
    "inverted": (lambda c: track(c)["bboxes"].__setitem__(1, [[20, 0, 9, 9]]), "frame 10"),
    "outside": (lambda c: track(c)["bboxes"].__setitem__(1, [[64, 0, 70, 9]]), "frame 10"),
    "masks missing": (lambda c: track(c).update(rles=None), "proposals[0].rles"),
    "a mask too many": (lambda c: track(c)["rles"].append(mask([0, 0, 1, 1])), "6 masks"),
    "a mask as polygon": (lambda c: track(c)["rles"].__setitem__(2, [[1, 2]]), "rles[2]"),
    "no mask": (lambda c: track(c)["rles"].__setitem__(2, None), "rles[2]"),
    "mask of another size": (
        lambda c: track(c)["rles"].__setitem__(2, {"size": [64, 48], "counts": "04"}),
        "rles[2].size",
    ),
    "damaged mask": (
        lambda c: track(c)["rles"].__setitem__(2, {"size": [48, 64], "counts": "04"}),
        "rles[2]",
    ),
    "mask of run lengths": (
        lambda c: track(c)["rles"].__setitem__(2, {"size": [48, 64], "counts": [3072]}),
        "rles[2].counts",
    ),
    "no class": (lambda c: track(c).update(class_name=""), "proposals[0].class_name"),
    "another box format": (lambda c: track(c).update(box_format="xywh"), "box_format"),
    "another width": (lambda c: track(c).update(img_width=128), "128x48"),
    "another height": (lambda c: track(c).update(img_height=24), "64x24"),
    "width as text": (lambda c: track(c).update(img_width="64"), "img_width"),
    "nothing in sight": (
        lambda c: [track(c, k).update(bboxes=[[[0, 0, 0, 0]]] * 5) for k in (0, 1)],
        "no track with a box",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(name: str, tmp_path: Path) -> None:
    content = good()
    change, place = BAD[name]
    change(content)
    refused(INFO, save(tmp_path / "t.json", content), place)


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(part: float, tmp_path: Path) -> None:
    text = json.dumps(good())
    refused(INFO, save(tmp_path / "t.json", text[: int(part * len(text))]), "t.json")
