"""HC-STVG, versions 1 and 2 (Tang et al. 2021): one person per video of 20 seconds.

The annotation is one JSON object, a key per video; the sample's id is that key. Version 1 writes
``caption``, ``width`` and ``height``, version 2 ``English`` and ``img_size`` = [height, width];
either spelling is read for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerotube.eval.datasets.choosing import Wanted
from zerotube.eval.datasets.entries import (
    Unusable,
    as_mapping,
    boxes_from_xywh,
    checked_whole,
    sentence,
    whole,
)
from zerotube.eval.datasets.files import Media, Sources
from zerotube.eval.datasets.hcstvg_converted import (
    DURATION_S,
    as_published,
    is_converted,
    is_in_tenths,
    named_entries,
    tenths_note,
    truth_in_tenths,
)
from zerotube.eval.datasets.reading import read_json, wrong_form
from zerotube.eval.datasets.registry import Request
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video.collection import VIDEO_SUFFIXES

WHAT = "HC-STVG annotations"
_SPLITS = r"(train|val|test)(?:_?v[12])?(?:_proc)?\.json"


def load(request: Request) -> Benchmark:
    """Read the samples of HC-STVG.

    Without ``request.annotations`` the file is looked for below the root as ``{split}_v1.json``,
    ``{split}_v2.json`` or ``{split}.json``, and where none of these is there, as a file of that
    name with ``_proc`` (see `zerotube.eval.datasets.hcstvg_converted`). Truth: frames ``st_frame``
    - 1 to ``st_frame`` - 1 + len(``bbox``) - 1, cut at ``img_num`` - 1.

    Raises:
        UsageError: no split, or one that is not there.
        InputError: the annotation is missing, damaged, or of another data set.
    """
    sources = Sources(request)
    found = sources.annotation_file(_wanted(request))
    content = read_json(found.path, WHAT)
    if not _fits(content):
        raise wrong_form(found.path, content, WHAT)
    videos = Media(sources.index, VIDEO_SUFFIXES, near=found.path)
    tenths = is_in_tenths(found.path, content)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for name, raw in named_entries(content):
        try:
            entry = as_mapping(raw, "the entry")
            if tenths:
                samples.append(_sample_in_tenths(name, entry, videos))
            else:
                samples.append(_sample(name, as_published(entry), videos))
        except Unusable as reason:
            skipped.append(Skipped(name, reason.got))
    notes = (*found.notes, *((tenths_note(found.path),) if tenths else ()))
    return Benchmark(request.dataset, request.split, tuple(samples), tuple(skipped), notes=notes)


def _wanted(request: Request) -> Wanted:
    version = request.dataset.partition("-")[2]
    split = request.split
    numbered = [
        f"{split}{joint}{number}"
        for number in ((version,) if version else ("v1", "v2"))
        for joint in ("_", "")
    ]
    # The name with the version goes first; without one asked for, all names are alike.
    raw = [numbered, [split]] if version else [[*numbered, split]]
    tiers = [[f"{name}.json" for name in names] for names in raw]
    converted = [f"{name}_proc.json" for name in (*numbered, split)]
    return Wanted(
        " ".join((WHAT, version)).strip(), (*tiers, converted), _SPLITS, _fits, version, _version
    )


def _fits(content: Any) -> bool:
    if isinstance(content, dict):
        return any(map(_is_entry, content.values()))
    return is_converted(content)


def _version(content: Any) -> str:
    """Version 2 by the keys that only it has; those of version 1 stand in converted files too."""
    values = content.values() if isinstance(content, dict) else ()
    entry: dict[str, Any] = next(filter(_is_entry, values), {})
    return "v2" if {"English", "img_size"} & entry.keys() else ""


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
    truth = Truth(Span(first, last), boxes[: last - first + 1])
    return _made(name, entry, videos, truth, frame_count)


def _sample_in_tenths(name: str, entry: Mapping[str, Any], videos: Media) -> Sample:
    frame_count, truth = truth_in_tenths(entry)
    return _made(name, entry, videos, truth, frame_count)


def _made(
    name: str, entry: Mapping[str, Any], videos: Media, truth: Truth, frame_count: int
) -> Sample:
    width, height = _size(entry)
    return Sample(
        sample_id=name,
        query=sentence(entry, "caption", "English"),
        kind="declarative",
        video_name=name,
        video=videos.find(name),
        truth=truth,
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
