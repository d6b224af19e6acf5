"""HC-STVG, versions 1 and 2 (Tang et al. 2021): one person per video of 20 seconds.

The annotation is one JSON object, a key per video; the sample's id is that key. Version 1 writes
``caption``, ``width`` and ``height``, version 2 ``English`` and ``img_size`` = [height, width];
either spelling is read for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerotube.eval.datasets.entries import (
    Unusable,
    as_mapping,
    boxes_from_xywh,
    checked_whole,
    sentence,
    whole,
)
from zerotube.eval.datasets.files import Media, Sources
from zerotube.eval.datasets.reading import read_json, wrong_form
from zerotube.eval.datasets.registry import Request
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video.collection import VIDEO_SUFFIXES

WHAT = "HC-STVG annotations"
DURATION_S = 20
"""Length of every video of the data set."""

_SPLITS = r"(train|val|test)(?:_?v[12])?\.json"


def load(request: Request) -> Benchmark:
    """Read the samples of HC-STVG.

    Without ``request.annotations`` the file is looked for below the root as ``{split}_v1.json``,
    ``{split}_v2.json`` or ``{split}.json``. Truth: frames ``st_frame`` - 1 to ``st_frame`` - 1 +
    len(``bbox``) - 1, cut at ``img_num`` - 1.

    Raises:
        UsageError: no split, or one that is not there.
        InputError: the annotation is missing, damaged, or of another data set.
    """
    sources = Sources(request)
    path = sources.annotation_file(_names(request), _SPLITS)
    content = read_json(path, WHAT)
    if not isinstance(content, dict) or not any(map(_is_entry, content.values())):
        raise wrong_form(path, content, WHAT)
    videos = Media(sources.index, VIDEO_SUFFIXES)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for name, entry in content.items():
        try:
            samples.append(_sample(name, as_mapping(entry, "the entry"), videos))
        except Unusable as reason:
            skipped.append(Skipped(name, reason.got))
    return Benchmark(request.dataset, request.split, tuple(samples), tuple(skipped))


def _names(request: Request) -> tuple[tuple[str, ...], ...]:
    plain = f"{request.split}.json"
    numbered = {
        version: (f"{request.split}_{version}.json", f"{request.split}{version}.json")
        for version in ("v1", "v2")
    }
    version = request.dataset.partition("-")[2]
    if version:
        return (numbered[version], (plain,))
    return ((*numbered["v1"], *numbered["v2"], plain),)


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and {"bbox", "st_frame"} <= value.keys()


def _sample(name: str, entry: Mapping[str, Any], videos: Media) -> Sample:
    if "bbox" not in entry:
        raise Unusable("no key 'bbox'")
    boxes = boxes_from_xywh(entry["bbox"])
    frame_count = whole(entry, "img_num", least=1)
    first = whole(entry, "st_frame", least=1) - 1
    last = min(first + len(boxes) - 1, frame_count - 1)
    if last < first:
        raise Unusable(f"st_frame {first + 1} (from 1) in a video of {frame_count} frames")
    width, height = _size(entry)
    return Sample(
        sample_id=name,
        query=sentence(entry, "caption", "English"),
        kind="declarative",
        video_name=name,
        video=videos.find(name),
        truth=Truth(Span(first, last), boxes[: last - first + 1]),
        frame_count=frame_count,
        width=width,
        height=height,
        fps=frame_count / DURATION_S,
    )


def _size(entry: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Width and height; None where the annotation does not say."""
    if "width" in entry or "height" in entry:
        return whole(entry, "width", least=1), whole(entry, "height", least=1)
    if "img_size" not in entry:
        return None, None
    size = entry["img_size"]
    if not isinstance(size, list) or len(size) != 2:
        raise Unusable("'img_size' is not [height, width]")
    height, width = (checked_whole(value, "'img_size'", least=1) for value in size)
    return width, height
