"""``zerotube eval`` from the files of each data set to its scores, on clips that are made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerotube.geometry.masks import encode_mask
from zerotube.synth import HELD_OUT_SEED, set_sample
from zerotube.video import write_video

METHOD = ("--method", "gti", "--frames", "4", "--top-k", "2", "--quiet")


@pytest.fixture(scope="module")
def truth():
    return set_sample("attribute-hard", 0, HELD_OUT_SEED + 902)


def xywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return [x1, y1, x2 - x1, y2 - y1]


def clip(truth, path: Path) -> Path:
    path.parent.mkdir(parents=True)
    write_video(path, truth.frames, truth.fps, crf=14)
    return path


def write_vidstg(truth, root: Path) -> tuple[int, int]:
    """The annotation and the box file of video 42; returns its segment."""
    count, height, width = truth.frames.shape[:3]
    corners = ("xmin", "ymin", "xmax", "ymax")
    trajectories = [
        [
            {"tid": tid, "bbox": dict(zip(corners, map(float, track[frame]), strict=True))}
            for tid, track in enumerate(truth.boxes_xyxy)
        ]
        for frame in range(count)
    ]
    (root / "vidor").mkdir()
    content = {"video_id": "42", "frame_count": count, "trajectories": trajectories}
    (root / "vidor" / "42.json").write_text(json.dumps(content))
    first, last = 8, count - 3
    asked = {"description": truth.query, "type": "subject", "target_id": truth.target}
    entry = {
        "vid": "42",
        "fps": float(truth.fps),
        "frame_count": count,
        "width": width,
        "height": height,
        "used_segment": {"begin_fid": first, "end_fid": last},
        "temporal_gt": {"begin_fid": first + 4, "end_fid": last - 4},
        "subject/objects": [
            {"tid": tid, "category": "toy"} for tid in range(len(truth.boxes_xyxy))
        ],
        "captions": [asked],
        "questions": [asked | {"description": f"what {truth.query.split(' ', 3)[3]}?"}],
    }
    (root / "test_annotations.json").write_text(json.dumps([entry]))
    return first, last


def scored(run, dataset: str, root: Path, *words: object, proposer: str | None = "motion") -> dict:
    out = root / "run"
    chosen = () if proposer is None else ("--proposer", proposer)
    base = ("eval", "--dataset", dataset, "--root", root, *METHOD, *chosen)
    done = run(*base, *words, "--out", out, "--json")
    assert done.code == 0, done.err
    assert "data:image/jpeg" in (out / "report.html").read_text()
    return json.loads(done.out)


def test_hcstvg(run, truth, tmp_path: Path) -> None:
    name = "7_abc.mp4"
    clip(truth, tmp_path / "videos" / "part1" / name)
    boxes = truth.boxes_xyxy[truth.target]
    first, last = truth.start_frame, truth.end_frame
    entry = {
        "bbox": [xywh(box) for box in boxes[first : last + 1]],
        "st_frame": first + 1,
        "img_num": len(boxes),
        "st_time": 0.0,
        "ed_time": 1.0,
        "img_size": list(truth.frames.shape[1:3]),
        "English": truth.query,
    }
    gone = entry | {"English": "the red square grows"}
    (tmp_path / "val_v2.json").write_text(json.dumps({name: entry, "8_gone.mp4": gone}))
    found = scored(run, "hcstvg-v2", tmp_path, "--split", "val")
    assert found["samples"] == 1
    assert [item["id"] for item in found["skipped"]] == ["8_gone.mp4"]
    assert found["m_gt_vIoU"] < 0.2 or found["m_gt_vIoU"] > 0.7
    page = (tmp_path / "run" / "report.html").read_text()
    assert "LLaVA-OneVision-7B" in page
    assert "8_gone.mp4" in page


def test_hcstvg_in_tenths_of_the_frame_rate_is_scored_and_said(run, truth, tmp_path: Path) -> None:
    """The authors' own file: frame k of it is frame 10 k of the video."""
    clip(truth, tmp_path / "videos" / "7_abc.mp4")
    boxes = truth.boxes_xyxy[truth.target]
    entry = {
        "bbox": [xywh(box) for box in boxes[10:21:10]],
        "st_frame": 1,
        "img_num": -(-len(boxes) // 10),
        "img_size": list(truth.frames.shape[1:3]),
        "English": truth.query,
    }
    (tmp_path / "val_proc.json").write_text(json.dumps({"7_abc.mp4": entry}))
    found = scored(run, "hcstvg-v2", tmp_path, "--split", "val", "--protocol", "inclusive")
    assert (found["samples"], found["failed"], found["skipped"]) == (1, 0, [])
    said = "counts in tenths of the frame rate"
    assert said in (tmp_path / "run" / "report.html").read_text()
    done = run(
        "score", "--dataset", "hcstvg-v2", "--annotations", tmp_path / "val_proc.json", "--json",
        "--predictions", tmp_path / "run" / "predictions.jsonl", "--protocol", "inclusive",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert said in done.err
    assert json.loads(done.out)["m_vIoU"] == found["m_vIoU"]


def test_vidstg_is_seen_and_answered_inside_its_segment(run, truth, tmp_path: Path) -> None:
    clip(truth, tmp_path / "videos" / "42.mp4")
    first, last = write_vidstg(truth, tmp_path)
    found = scored(run, "vidstg", tmp_path, "--split", "test")
    assert (found["declarative"]["samples"], found["interrogative"]["samples"]) == (1, 1)
    lines = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for prediction in map(json.loads, lines):
        assert first <= prediction["start_frame"] <= prediction["end_frame"] <= last
        assert (
            {first, last}
            <= {int(frame) for frame in prediction["boxes"]}
            <= set(range(first, last + 1))
        )


def test_published_proposals_of_a_folder_per_video(run, truth, tmp_path: Path) -> None:
    """VidSTG's proposals, a file per category, masks at every tenth frame of their own."""
    clip(truth, tmp_path / "videos" / "42.mp4")
    write_vidstg(truth, tmp_path)
    count, height, width = truth.frames.shape[:3]
    shown = range(0, count, 10)
    for number, track in enumerate(truth.boxes_xyxy):
        boxes = [[float(edge) for edge in track[frame]] for frame in shown]
        masks = [np.zeros((height, width), bool) for _ in boxes]
        for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
            mask[round(top) : round(bottom), round(left) : round(right)] = True
        found = {
            "track_id": 1,
            "boxes": [[box] for box in boxes],
            "masks": [encode_mask(mask) for mask in masks],
            "class_name": "toy",
            "box_format": "xyxy",
            "img_width": width,
            "img_height": height,
        }
        file = tmp_path / "proposals" / "42" / f"toy{number}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        names = [f"{frame:05d}.jpg" for frame in shown]
        file.write_text(json.dumps({"sample_frames": names, "dino_sam2_proposals": [found]}))
    words = ("--split", "test", "--support", "mask", "--tracks", tmp_path / "proposals")
    found = scored(run, "vidstg", tmp_path, *words, proposer=None)
    assert (found["declarative"]["samples"], found["declarative"]["failed"]) == (1, 0)
    lines = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    tracks = [np.asarray(track, np.float32) for track in truth.boxes_xyxy]
    for prediction in map(json.loads, lines):
        # The answer is one of the objects, and goes on between the frames that were looked at.
        assert {"10", "15", "20"} <= prediction["boxes"].keys()
        for frame in ("10", "20"):
            box = prediction["boxes"][frame]
            assert min(np.abs(track[int(frame)] - box).max() for track in tracks) < 0.01


def test_refcoco_is_images(run, truth, tmp_path: Path) -> None:
    Image.fromarray(truth.frames[0]).save(tmp_path / "picture.png")
    line = {
        "image": "picture.png",
        "expression": truth.attribute,
        "bbox": xywh(truth.boxes_xyxy[truth.target, 0]),
        "split": "val",
    }
    (tmp_path / "refcoco.jsonl").write_text(json.dumps(line) + "\n")
    found = scored(
        run, "refcoco", tmp_path, "--split", "val", "--annotations", tmp_path / "refcoco.jsonl"
    )
    assert found["m_tIoU"] is None
    assert found["acc@0.5"] in (0.0, 1.0)
    assert found["protocol"] == "inclusive"
