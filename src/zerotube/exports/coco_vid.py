"""COCO-VID: the JSON of video object detection that pycocotools' ``COCO`` loads.

``videos``, ``images`` (one for each frame that has a box), ``categories`` (the nouns), ``tracks``
(one per answer, with its sentence) and ``annotations``: ``bbox`` [left, top, width, height] in
pixels, ``track_id`` and the same number as ``instance_id``, ``segmentation`` as a compressed RLE
where the track has masks. ``frame_id`` counts from 0. A video has no picture files of its own:
``file_name`` of an image is ``NAME/000012.jpg`` for frame 12, as
``ffmpeg -i NAME.mp4 -start_number 0 NAME/%06d.jpg`` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zerotube.exports.answer import Answer
from zerotube.geometry.boxes import short_numbers
from zerotube.geometry.masks import encode_mask
from zerotube.tube.serialize import format_json


def coco_vid_text(answers: Sequence[Answer]) -> str:
    """The whole file as JSON; ids count from 1.

    Args:
        answers: one or more, of any number of videos.
    """
    infos = {str(answer.video.path): answer.video for answer in answers}
    videos = {path: number for number, path in enumerate(infos, start=1)}
    names = _video_names(answers, videos)
    labels = dict.fromkeys(answer.track.label for answer in answers)
    nouns = {label: number for number, label in enumerate(labels, start=1)}
    shown = {
        (str(answer.video.path), int(frame))
        for answer in answers
        for frame in answer.track.frame_indices
    }
    in_order = sorted(shown, key=lambda place: (videos[place[0]], place[1]))
    images = {place: number for number, place in enumerate(in_order, start=1)}
    annotations: list[dict[str, Any]] = []
    for track_id, answer in enumerate(answers, start=1):
        path, track = str(answer.video.path), answer.track
        for row, (frame, score) in enumerate(
            zip(track.frame_indices.tolist(), short_numbers(track.scores), strict=True)
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": images[path, frame],
                    "video_id": videos[path],
                    "category_id": nouns[track.label],
                    "track_id": track_id,
                    "instance_id": track_id,
                    **_shape(answer, row),
                    "iscrowd": 0,
                    "score": score,
                    "interpolated": not bool(track.observed[row]),
                }
            )
    content = {
        "videos": [
            {
                "id": videos[path],
                "name": names[path],
                "file_name": path,
                "width": info.width,
                "height": info.height,
                "length": info.frame_count,
                "fps": float(info.fps),
            }
            for path, info in infos.items()
        ],
        "images": [
            {
                "id": number,
                "file_name": f"{names[path]}/{frame:06d}.jpg",
                "video_id": videos[path],
                "frame_id": frame,
                "width": infos[path].width,
                "height": infos[path].height,
            }
            for (path, frame), number in images.items()
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


def _video_names(answers: Sequence[Answer], videos: Mapping[str, int]) -> dict[str, str]:
    """Path of a video -> its name; one that is taken gets the number of the video behind it."""
    names: dict[str, str] = {}
    for answer in answers:
        path, name = str(answer.video.path), answer.video_name
        if path not in names:
            while name in names.values():
                name = f"{name}-{videos[path]}"
            names[path] = name
    return names


def _shape(answer: Answer, row: int) -> dict[str, Any]:
    """Box, area and outline; without a mask the outline is the box, as a polygon."""
    x1, y1, x2, y2 = short_numbers(answer.track.boxes_xyxy[row])
    mask = answer.mask_at(int(answer.track.frame_indices[row]))
    area = (x2 - x1) * (y2 - y1) if mask is None else float(mask.sum())
    return {
        "bbox": [x1, y1, round(x2 - x1, 4), round(y2 - y1, 4)],
        "area": round(area, 4),
        "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]] if mask is None else encode_mask(mask),
    }
