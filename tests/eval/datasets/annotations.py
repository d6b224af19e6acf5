"""Small annotations in the forms of the data sets, and files that hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(path: Path, content: Any) -> Path:
    """Write JSON, or a text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def touch(*paths: Path, content: bytes = b"video") -> None:
    """Files that are only looked for, never opened."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def hcstvg_entry(**changes: Any) -> dict[str, Any]:
    """An entry of version 1: ten boxes from frame 31 (from 1) of 600; None leaves a key out."""
    entry = {
        "bbox": [[10 + step, 20, 30, 40] for step in range(10)],
        "st_frame": 31,
        "img_num": 600,
        "st_time": 1.0,
        "ed_time": 1.3,
        "width": 640,
        "height": 360,
        "caption": "The man in black walks to the door.",
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}


def vidstg_entry(**changes: Any) -> dict[str, Any]:
    """Frames 10 to 50 of 100 are seen, frames 20 to 30 described; a caption, two questions."""
    entry = {
        "vid": "2401075277",
        "fps": 25.0,
        "frame_count": 100,
        "width": 640,
        "height": 360,
        "used_segment": {"begin_fid": 10, "end_fid": 50},
        "temporal_gt": {"begin_fid": 20, "end_fid": 30},
        "subject/objects": [{"tid": 0, "category": "dog"}, {"tid": 1, "category": "adult"}],
        "captions": [{"description": "a dog runs.", "type": "object", "target_id": 0}],
        "questions": [
            {"description": "what runs?", "type": "object", "target_id": 0},
            {"description": "who is beside the dog?", "type": "person", "target_id": 1},
        ],
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}


def vidor_box(frame: int) -> dict[str, float]:
    """The box of every object at a frame."""
    return {"xmin": frame, "ymin": 5, "xmax": frame + 20, "ymax": 45}


def vidor_content(objects: dict[int, range | list[int]], frames: int = 100) -> dict[str, Any]:
    """A VidOR annotation: the frames in which each object has a box."""
    return {
        "version": "VERSION 1.0",
        "trajectories": [
            [
                {"tid": tid, "bbox": vidor_box(frame), "generated": 0, "tracker": "none"}
                for tid, present in objects.items()
                if frame in present
            ]
            for frame in range(frames)
        ],
    }


def proc_entry(video_path: str, number: int, **changes: Any) -> dict[str, Any]:
    """`hcstvg_entry` as TubeDETR's preprocessing writes it into a list (github.com/antoyang/
    TubeDETR, preproc/preproc_hcstvg.py: first frame from 1 as annotated, last frame left out)."""
    original = hcstvg_entry(**changes)
    return {
        "original_video_id": video_path.rpartition("/")[2][:-4],
        "frame_count": original["img_num"],
        "width": original["width"],
        "height": original["height"],
        "tube_start_frame": original["st_frame"],
        "tube_end_frame": original["st_frame"] + len(original["bbox"]),
        "tube_start_time": original["st_time"],
        "tube_end_time": original["ed_time"],
        "video_path": video_path,
        "caption": original["caption"],
        "video_id": number,
        "trajectory": original["bbox"],
    }


def merged_vidstg(
    *entries: dict[str, Any], objects: dict[int, range | list[int]]
) -> dict[str, Any]:
    """VidSTG entries merged with boxes as CG-STVG keeps them (github.com/HengLan/CGSTVG,
    datasets/vidstg.py: a running number per sentence, captions before questions; {} where a frame
    has no box, but the box before it where that is the last frame)."""
    merged: dict[str, Any] = {}
    for entry in entries:
        segment, described = entry["used_segment"], entry["temporal_gt"]
        length = segment["end_fid"] - segment["begin_fid"] + 1
        end = min(described["end_fid"] + 1, entry["frame_count"])
        categories = {item["tid"]: item["category"] for item in entry["subject/objects"]}
        for key, qtype in (("captions", "declar"), ("questions", "inter")):
            for asked in entry[key]:
                target = asked["target_id"]
                boxes = [
                    vidor_box(frame) if frame in objects[target] else {}
                    for frame in range(described["begin_fid"], end)
                ]
                if boxes[-1] == {}:
                    boxes[-1] = boxes[-2]
                merged[str(len(merged))] = {
                    "vid": entry["vid"],
                    "fps": entry["fps"],
                    "used_segment": segment,
                    "width": entry["width"],
                    "height": entry["height"],
                    "ori_temp_gt": described,
                    "frame_count": length,
                    "temp_gt": {
                        "begin_fid": described["begin_fid"] - segment["begin_fid"],
                        "end_fid": min(described["end_fid"] - segment["begin_fid"], length - 1),
                    },
                    "id": len(merged),
                    "qtype": qtype,
                    "sentence": asked,
                    "target_category": categories[target],
                    "target_bboxs": boxes,
                }
    return merged
