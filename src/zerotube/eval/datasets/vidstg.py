"""VidSTG (Zhang et al. 2020): captions and questions about objects of VidOR videos.

The annotation is a list; a sample's id is ``{index in the file}:caption:{k}`` or
``{index}:question:{k}``. Captions are the declarative, questions the interrogative sentences. The
boxes lie in one VidOR file per video.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets.entries import Unusable, as_mapping, positive, sentence, whole
from zerotube.eval.datasets.files import FileIndex, Media, Sources, the_only
from zerotube.eval.datasets.pairs import Listing, Pair, listing_of
from zerotube.eval.datasets.reading import read_json, wrong_form
from zerotube.eval.datasets.registry import Request
from zerotube.eval.datasets.vidor import read_objects
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video.collection import VIDEO_SUFFIXES

WHAT = "VidSTG annotations"
KINDS = ("declarative", "interrogative")

_LISTS = (("captions", "caption", KINDS[0]), ("questions", "question", KINDS[1]))
_SPLITS = r"(.+)_annotations\.json"


@dataclass(frozen=True)
class _Asked:
    pair: Pair
    target_id: int
    entry: int
    """Index in the annotation: pairs of one entry and target share their truth."""


_Parsed = list[_Asked | Skipped]
"""In the order of the annotation."""


def load(request: Request) -> Benchmark:
    """Read the samples of VidSTG with their true boxes.

    Without ``request.annotations`` the file is ``{split}_annotations.json`` below the root. The
    VidOR files ``{vid}.json`` lie at any depth below ``request.boxes`` or the root; each is read
    once.

    Raises:
        UsageError: no split, one that is not there, or no folder with boxes.
        InputError: the annotation is missing, damaged or of another data set, or not one of its
            videos has a box file.
    """
    sources = Sources(request)
    return _with_boxes(request, _parse(sources), sources.boxes_index())


def listing(request: Request) -> Listing:
    """Read what is asked; with the rules about boxes where there are box files, else without.

    Raises:
        UsageError, InputError: as `load`, but for boxes that were not asked for.
    """
    sources = Sources(request)
    parsed = _parse(sources)
    index = sources.boxes_index()
    if request.boxes is not None or (index is not None and _any_box_file(parsed, index)):
        return listing_of(_with_boxes(request, parsed, index))
    return Listing(
        request.dataset,
        request.split,
        tuple(item.pair for item in parsed if isinstance(item, _Asked)),
        tuple(item for item in parsed if isinstance(item, Skipped)),
        with_boxes=False,
    )


def _parse(sources: Sources) -> _Parsed:
    names = ((f"{sources.request.split}_annotations.json",),)
    path = sources.annotation_file(names, _SPLITS)
    content = read_json(path, WHAT)
    if not isinstance(content, list) or not any(map(_is_entry, content)):
        raise wrong_form(path, content, WHAT)
    videos = Media(sources.index, VIDEO_SUFFIXES)
    return [item for number, entry in enumerate(content) for item in _entry(number, entry, videos)]


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and {"used_segment", "temporal_gt"} <= value.keys()


@dataclass(frozen=True)
class _Scene:
    """What the pairs of one entry have in common."""

    video_name: str
    video: Path | None
    span: Span
    segment: Span
    frame_count: int
    width: int
    height: int
    fps: float
    categories: Mapping[int, str]


def _entry(number: int, raw: Any, videos: Media) -> Iterator[_Asked | Skipped]:
    """The pairs of one entry; those that cannot be used with the reason."""
    scene: _Scene | Unusable
    try:
        entry = as_mapping(raw, "the entry")
        scene = _scene(entry, videos)
    except Unusable as reason:
        scene = reason
        if not isinstance(raw, dict):
            yield Skipped(str(number), reason.got)
            return
    for key, name, kind in _LISTS:
        asked = entry.get(key)
        if not isinstance(asked, list):
            yield Skipped(f"{number}:{name}", f"no list {key!r}")
            continue
        for place, item in enumerate(asked):
            sample_id = f"{number}:{name}:{place}"
            try:
                if isinstance(scene, Unusable):
                    raise scene
                yield _asked(sample_id, kind, as_mapping(item, "the sentence"), scene, number)
            except Unusable as reason:
                yield Skipped(sample_id, reason.got)


def _scene(entry: Mapping[str, Any], videos: Media) -> _Scene:
    name = sentence(entry, "vid")
    frame_count = whole(entry, "frame_count", least=1)
    segment = _frames(entry, "used_segment")
    if segment.start_frame >= frame_count:
        raise Unusable(
            f"'used_segment' from frame {segment.start_frame} in a video of {frame_count} frames"
        )
    described = _frames(entry, "temporal_gt")
    segment = Span(segment.start_frame, min(segment.end_frame, frame_count - 1))
    if described.start_frame not in segment:
        raise Unusable(
            f"'temporal_gt' from frame {described.start_frame} to {described.end_frame}, outside "
            f"'used_segment' from {segment.start_frame} to {segment.end_frame}"
        )
    return _Scene(
        video_name=name,
        video=videos.find(name),
        span=Span(described.start_frame, min(described.end_frame, segment.end_frame)),
        segment=segment,
        frame_count=frame_count,
        width=whole(entry, "width", least=1),
        height=whole(entry, "height", least=1),
        fps=positive(entry, "fps"),
        categories=_categories(entry.get("subject/objects")),
    )


def _frames(entry: Mapping[str, Any], key: str) -> Span:
    ends = as_mapping(entry.get(key), repr(key))
    first, last = whole(ends, "begin_fid"), whole(ends, "end_fid")
    if last < first:
        raise Unusable(f"{key!r} from frame {first} to frame {last}")
    return Span(first, last)


def _categories(raw: Any) -> dict[int, str]:
    """Names by object id; they only label results, so that what is odd among them is left out."""
    known = raw if isinstance(raw, list) else []
    return {
        item["tid"]: item["category"]
        for item in known
        if isinstance(item, dict)
        and isinstance(item.get("tid"), int)
        and isinstance(item.get("category"), str)
    }


def _asked(sample_id: str, kind: str, item: Mapping[str, Any], scene: _Scene, entry: int) -> _Asked:
    target_id = whole(item, "target_id")
    tags = {"type": item["type"]} if isinstance(item.get("type"), str) else {}
    if target_id in scene.categories:
        tags["category"] = scene.categories[target_id]
    pair = Pair(
        sample_id=sample_id,
        query=sentence(item, "description"),
        kind=kind,
        video_name=scene.video_name,
        video=scene.video,
        span=scene.span,
        segment=scene.segment,
        frame_count=scene.frame_count,
        width=scene.width,
        height=scene.height,
        fps=scene.fps,
        tags=tags,
    )
    return _Asked(pair, target_id, entry)


def _any_box_file(parsed: _Parsed, index: FileIndex) -> bool:
    names = {item.pair.video_name for item in parsed if isinstance(item, _Asked)}
    return not names or any(index.named(f"{name}.json") for name in names)


def _with_boxes(request: Request, parsed: _Parsed, index: FileIndex | None) -> Benchmark:
    wanted = "the VidOR annotations, a file {vid}.json per video"
    if index is None:
        raise UsageError(
            "no folder with the true boxes of VidSTG", wanted=wanted, fix="pass --boxes DIR"
        )
    if not _any_box_file(parsed, index):
        raise InputError(
            f"no box file of any annotated video below {index.root}",
            wanted=wanted,
            fix="pass --boxes DIR",
        )
    by_video: dict[str, list[_Asked]] = defaultdict(list)
    for item in parsed:
        if isinstance(item, _Asked):
            by_video[item.pair.video_name].append(item)
    truths: dict[tuple[int, int], Truth | str] = {}
    for name, asked in by_video.items():
        truths |= _truths(name, asked, index)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for item in parsed:
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        truth = truths[item.entry, item.target_id]
        if isinstance(truth, str):
            skipped.append(Skipped(item.pair.sample_id, truth))
        else:
            samples.append(_sample(item.pair, truth))
    return Benchmark(request.dataset, request.split, tuple(samples), tuple(skipped), apart=KINDS)


def _truths(name: str, asked: list[_Asked], index: FileIndex) -> dict[tuple[int, int], Truth | str]:
    """True tubes of one video by entry and target; a text says why there is none."""
    spans = {(item.entry, item.target_id): item.pair.span for item in asked}
    try:
        files = index.named(f"{name}.json")
        if not files:
            raise Unusable(f"no box file {name}.json below {index.root}")
        frames = Span(
            min(span.start_frame for span in spans.values()),
            max(span.end_frame for span in spans.values()),
        )
        objects = read_objects(the_only(files), {target for _, target in spans}, frames)
    except Unusable as reason:
        return dict.fromkeys(spans, reason.got)
    made: dict[tuple[int, int], Truth | str] = {}
    for (entry, target), span in spans.items():
        try:
            made[entry, target] = Truth(span, objects[target].over(span))
        except Unusable as reason:
            made[entry, target] = reason.got
    return made


def _sample(pair: Pair, truth: Truth) -> Sample:
    return Sample(
        sample_id=pair.sample_id,
        query=pair.query,
        kind=pair.kind,
        video_name=pair.video_name,
        video=pair.video,
        truth=truth,
        segment=pair.segment,
        frame_count=pair.frame_count,
        width=pair.width,
        height=pair.height,
        fps=pair.fps,
        tags=pair.tags,
    )
