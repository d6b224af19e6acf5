"""Answers in foreign formats, read back by the tools that the formats belong to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from trackers import load_mot_file

from tube.scene import make_result, write_squares
from zerotube.errors import InputError, UsageError
from zerotube.exports import FORMATS, Answer, export
from zerotube.geometry.masks import encode_mask
from zerotube.proposals.files import read_tracks
from zerotube.proposals.types import TrackSet
from zerotube.tube.types import GroundingResult


def masked(result: GroundingResult) -> GroundingResult:
    """The same answer; its track has the lower half of its box as its mask, every fourth frame."""
    tracks = []
    for track in result.tracks:
        masks = []
        for frame, (x1, y1, x2, y2) in zip(
            track.frame_indices, track.boxes_xyxy.round().astype(int), strict=True
        ):
            mask = np.zeros((result.video.height, result.video.width), bool)
            mask[(y1 + y2) // 2 : y2, x1:x2] = True
            masks.append(encode_mask(mask) if frame % 4 == 0 else None)
        tracks.append(dataclasses.replace(track, masks_rle=tuple(masks)))
    old = result.tracks
    kept = TrackSet(tuple(tracks), old.frame_count, old.width, old.height, old.source)
    return dataclasses.replace(result, tracks=kept)


def test_pycocotools_loads_the_boxes_of_a_coco_vid(result: GroundingResult, tmp_path: Path) -> None:
    coco = COCO(str(export(result, tmp_path / "new" / "answers.json", "coco-vid")))
    tube = result.tube
    frames = [coco.imgs[number]["frame_id"] for number in coco.getImgIds()]
    assert frames == tube.frame_indices.tolist()
    found = coco.loadAnns(coco.getAnnIds())
    boxes = np.array([one["bbox"] for one in found])
    boxes[:, 2:] += boxes[:, :2]
    assert np.allclose(boxes, tube.boxes_xyxy, atol=1e-3)
    assert [one["area"] for one in found] == pytest.approx(
        [float(np.prod(box[2:] - box[:2])) for box in tube.boxes_xyxy], abs=0.01
    )
    assert {one["track_id"] for one in found} == {1}
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == [tube.label]
    for one in found:  # the outline of a track without masks is its box
        left, top, width, height = one["bbox"]
        mask = coco.annToMask(one)
        assert mask.sum() == pytest.approx(width * height, rel=0.15)
        rows, columns = np.nonzero(mask)
        assert abs(rows.min() - top) <= 1
        assert abs(columns.max() + 1 - left - width) <= 1
    (video,) = coco.dataset["videos"]
    assert (video["name"], video["width"], video["height"]) == ("squares", 96, 64)
    assert video["length"] == 24
    assert video["fps"] == pytest.approx(float(result.video.fps))
    (track,) = coco.dataset["tracks"]
    assert track["query"] == result.query.text
    assert (track["start_frame"], track["end_frame"]) == (
        tube.span.start_frame,
        tube.span.end_frame,
    )


def test_masks_reach_pycocotools(result: GroundingResult, tmp_path: Path) -> None:
    held = masked(result)
    track = held.tracks.by_id(held.tube.track_id)
    coco = COCO(str(export(held, tmp_path / "answers.json", "coco-vid")))
    for one in coco.loadAnns(coco.getAnnIds()):
        frame = coco.imgs[one["image_id"]]["frame_id"]
        wanted = track.mask_at(frame)
        assert wanted is not None
        assert np.array_equal(coco.annToMask(one).astype(bool), wanted)
        assert one["area"] == wanted.sum()


def test_several_videos_and_sentences_share_one_coco_vid(
    result: GroundingResult, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    write_squares(folder / "squares.mp4", 96, 64, 24)
    second = make_result(folder / "squares.mp4", noun="thing")
    again = dataclasses.replace(
        result, query=dataclasses.replace(result.query, text="it moves", statement="it moves")
    )
    coco = COCO(str(export([result, second, again], tmp_path / "all.json", "coco-vid")))
    assert [video["name"] for video in coco.dataset["videos"]] == ["squares", "squares-2"]
    assert [track["video_id"] for track in coco.dataset["tracks"]] == [1, 2, 1]
    assert [track["query"] for track in coco.dataset["tracks"]][2] == "it moves"
    names = [image["file_name"] for image in coco.dataset["images"]]
    assert len(set(names)) == len(names)
    assert len(names) == len(result.tube.frame_indices) + len(second.tube.frame_indices)
    of_first_frame = coco.getAnnIds(imgIds=[coco.getImgIds()[0]])
    assert {coco.anns[number]["track_id"] for number in of_first_frame} == {1, 3}


def test_two_videos_never_share_a_name(result: GroundingResult, tmp_path: Path) -> None:
    answers = []
    for path in ("one/a-3.mp4", "two/a.mp4", "three/a.mp4"):
        source = dataclasses.replace(result.video, path=str(tmp_path / path))
        answers.append(dataclasses.replace(result, video=source))
    coco = COCO(str(export(answers, tmp_path / "all.json", "coco-vid")))
    assert [video["name"] for video in coco.dataset["videos"]] == ["a-3", "a", "a-3-3"]


def test_a_mot_file_counts_from_one_and_is_read_back(
    result: GroundingResult, tmp_path: Path
) -> None:
    path = export([result, result], tmp_path / "answers.txt", "mot")
    tube = result.tube
    rows = np.loadtxt(path, delimiter=",")
    first = rows[rows[:, 1] == 1]
    assert first[:, 0].tolist() == (tube.frame_indices + 1).tolist()
    assert np.allclose(first[:, 2:4], tube.boxes_xyxy[:, :2], atol=1e-3)
    assert np.allclose(first[:, 4:6], tube.boxes_xyxy[:, 2:] - tube.boxes_xyxy[:, :2], atol=1e-3)
    assert (rows[:, 7:] == -1).all()
    assert set(rows[:, 1]) == {1, 2}
    back = read_tracks(path, result.video)
    assert np.allclose(back.by_id(1).boxes_xyxy, tube.boxes_xyxy, atol=1e-3)


def test_the_mot_reader_of_trackers_finds_the_boxes(
    result: GroundingResult, tmp_path: Path
) -> None:
    found = load_mot_file(export([result, result], tmp_path / "answers.txt", "mot"))
    tube = result.tube
    assert sorted(found) == (tube.frame_indices + 1).tolist()
    for frame, box in zip(tube.frame_indices, tube.boxes_xyxy, strict=True):
        read = found[int(frame) + 1]
        assert read.ids.tolist() == [1, 2]
        assert np.allclose(read.boxes, [*box[:2], *(box[2:] - box[:2])], atol=1e-3)
        assert (read.confidences > 0).all()


def test_a_mot_file_holds_one_video(result: GroundingResult, tmp_path: Path) -> None:
    write_squares(tmp_path / "second.mp4", 96, 64, 24)
    second = make_result(tmp_path / "second.mp4")
    with pytest.raises(UsageError, match="answers in one video"):
        export([result, second], tmp_path / "answers.txt", "mot")
    assert not (tmp_path / "answers.txt").exists()


def test_boxes_over_a_gap_are_marked_as_interpolated(source: Path) -> None:
    result = make_result(source)
    track = result.tracks.by_id(result.tube.track_id)
    kept = (track.frame_indices % 3 == 0) | (track.frame_indices == result.tube.span.end_frame)
    thin = dataclasses.replace(
        track,
        frame_indices=track.frame_indices[kept],
        boxes_xyxy=track.boxes_xyxy[kept],
        observed=track.observed[kept],
        scores=np.linspace(0.5, 1.0, int(kept.sum()), dtype=np.float32),
    )
    old = result.tracks
    others = tuple(one for one in old if one.track_id != thin.track_id)
    tracks = TrackSet((*others, thin), old.frame_count, old.width, old.height, old.source)
    answer = Answer.of(dataclasses.replace(result, tracks=tracks))
    frames = answer.track.frame_indices
    assert answer.track.observed.tolist() == np.isin(frames, thin.frame_indices).tolist()
    assert not answer.track.observed.all()
    assert np.all(np.diff(answer.track.scores) > 0)


@pytest.mark.parametrize("name", FORMATS)
def test_an_existing_file_stays(result: GroundingResult, tmp_path: Path, name: str) -> None:
    path = tmp_path / "answers"
    path.write_text("mine")
    with pytest.raises(UsageError, match="an existing"):
        export(result, path, name)
    assert path.read_text() == "mine"
    export(result, path, name, overwrite=True)
    assert path.read_text() != "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["answers"]


def test_wrong_requests_are_refused(result: GroundingResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of coco-vid, mot"):
        export(result, tmp_path / "a", "coco")
    with pytest.raises(UsageError, match="no answers"):
        export([], tmp_path / "a", "mot")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export(result, tmp_path / "file" / "a.txt", "mot")
