"""COCO-VID: the JSON of video object detection that pycocotools' ``COCO`` loads.

``videos``, ``images`` (one for each frame that has a box), ``categories`` (the nouns), ``tracks``
(one per answer, with its sentence) and ``annotations``: ``bbox`` [left, top, width, height] in
pixels, ``track_id`` and the same number as ``instance_id``, ``segmentation`` as a compressed RLE
where the track has masks. ``frame_id`` counts from 0. A video has no picture files of its own:
``file_name`` of an image is ``NAME/000012.jpg`` for frame 12, as
``ffmpeg -i NAME.mp4 -start_number 0 NAME/%06d.jpg`` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zerotube.exports.answer import Answer
from zerotube.geometry.masks import decode_mask
from zerotube.tube.serialize import format_json


def coco_vid_text(answers: Sequence[Answer]) -> str:
    """The whole file as JSON; ids count from 1.

    Args:
        answers: one or more, of any number of videos.
    """
    videos = _numbered(str(answer.video.path) for answer in answers)
    nouns = _numbered(answer.track.label for answer in answers)
    frames = {
        (videos[str(answer.video.path)], int(frame)): answer
        for answer in answers
        for frame in answer.track.frame_indices
    }
    images = {key: number for number, key in enumerate(sorted(frames), start=1)}
    names = _video_names(answers, videos)
    annotations: list[dict[str, Any]] = []
    for track_id, answer in enumerate(answers, start=1):
        video_id = videos[str(answer.video.path)]
        for row, frame in enumerate(answer.track.frame_indices):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": images[video_id, int(frame)],
                    "video_id": video_id,
                    "category_id": nouns[answer.track.label],
                    "track_id": track_id,
                    "instance_id": track_id,
                    **_shape(answer, row),
                    "iscrowd": 0,
                    "score": _plain(answer.track.scores[row]),
                    "interpolated": not bool(answer.track.observed[row]),
                }
            )
    content = {
        "videos": [_video(answers, path, number, names) for path, number in videos.items()],
        "images": [
            {
                "id": number,
                "file_name": f"{names[video_id]}/{frame:06d}.jpg",
                "video_id": video_id,
                "frame_id": frame,
                "width": frames[video_id, frame].video.width,
                "height": frames[video_id, frame].video.height,
            }
            for (video_id, frame), number in images.items()
        ],
        "categories": [{"id": number, "name": noun} for noun, number in nouns.items()],
        "tracks": [
            {
                "id": number,
                "video_id": videos[str(answer.video.path)],
                "category_id": nouns[answer.track.label],
                "query": answer.query,
                "presence": answer.presence,
                "start_frame": int(answer.track.frame_indices[0]),
                "end_frame": int(answer.track.frame_indices[-1]),
            }
            for number, answer in enumerate(answers, start=1)
        ],
        "annotations": annotations,
    }
    return format_json(content) + "\n"


def _numbered(names: Any) -> dict[str, int]:
    """Different names in the order in which they first come, numbered from 1."""
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}


def _video_names(answers: Sequence[Answer], videos: dict[str, int]) -> dict[int, str]:
    """Number of a video -> its name; one that is taken gets the number behind it."""
    names: dict[int, str] = {}
    for answer in answers:
        number = videos[str(answer.video.path)]
        if number not in names:
            name = answer.video_name
            while name in names.values():
                name = f"{name}-{number}"
            names[number] = name
    return names


def _video(
    answers: Sequence[Answer], path: str, number: int, names: dict[int, str]
) -> dict[str, Any]:
    info = next(answer.video for answer in answers if str(answer.video.path) == path)
    return {
        "id": number,
        "name": names[number],
        "file_name": path,
        "width": info.width,
        "height": info.height,
        "length": info.frame_count,
        "fps": float(info.fps),
    }


def _shape(answer: Answer, row: int) -> dict[str, Any]:
    """Box, area and outline; without a mask the outline is the box, as a polygon."""
    x1, y1, x2, y2 = (_plain(value) for value in answer.track.boxes_xyxy[row])
    masks = answer.track.masks_rle
    rle = None if masks is None else masks[row]
    if rle is None:
        area = (x2 - x1) * (y2 - y1)
        outline: Any = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    else:
        area, outline = float(decode_mask(rle).sum()), rle
    return {
        "bbox": [x1, y1, round(x2 - x1, 4), round(y2 - y1, 4)],
        "area": round(area, 4),
        "segmentation": outline,
    }


def _plain(value: np.float32) -> float:
    """float32 as the shortest decimals that give the same float32 again."""
    return float(str(np.float32(value)))
