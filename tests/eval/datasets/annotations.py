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
