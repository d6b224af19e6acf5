"""VidSTG (Zhang et al. 2020): captions and questions about objects of VidOR videos.

The annotation is a list; a sample's id is ``{index in the file}:caption:{k}`` or
``{index}:question:{k}``. Captions are the declarative, questions the interrogative sentences. The
boxes are stored in one VidOR file per video.

CG-STVG's layout is read too: ``sent_annos/{split}_annotations.json`` is the original, and
``vstg_annos/{split}.json`` has its sentences with their boxes (`vidstg_merged`). Its boxes serve
where there is no VidOR file. Where it stands alone it is the annotation; then a sample's id is
``merged:{key}``, since it does not say which index of the original a sentence comes from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets.choosing import Wanted
from zerotube.eval.datasets.entries import Unusable, as_mapping, positive, sentence, whole
from zerotube.eval.datasets.files import FileIndex, Media, Sources
from zerotube.eval.datasets.reading import read_json, read_large_json, wrong_form
from zerotube.eval.datasets.registry import Request
from zerotube.eval.datasets.vidor import BoxFiles, Described
from zerotube.eval.datasets.vidstg_merged import MergedBoxes, is_merged, merged_boxes
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video.collection import VIDEO_SUFFIXES

WHAT = "VidSTG annotations"
KINDS = ("declarative", "interrogative")

_LISTS = (("captions", "caption", KINDS[0]), ("questions", "question", KINDS[1]))
_SPLITS = r"(.+)_annotations\.json"
_MERGED_KINDS = {"declar": KINDS[0], "inter": KINDS[1]}


@dataclass(frozen=True, eq=False)
class _Asked:
    """A sample, at first without its boxes, and the object that it asks for."""

    sample: Sample
    target_id: int

    @property
    def described(self) -> Described:
        """Where its boxes are looked for."""
        return self.target_id, self.sample.truth.span


@dataclass(frozen=True)
class _Parsed:
    """An annotation.

    Attributes:
        items: in its order.
        split: as asked for, or as the file is named; "" if neither says.
        boxes: those that are part of it.
        notes: on how it was found.
    """

    items: tuple[_Asked | Skipped, ...]
    split: str
    boxes: MergedBoxes | None
    notes: tuple[str, ...]

    @property
    def asked(self) -> Iterator[_Asked]:
        """What can be asked."""
        return (item for item in self.items if isinstance(item, _Asked))


def load(request: Request) -> Benchmark:
    """Read the samples of VidSTG.

    Without ``request.annotations`` the file is ``{split}_annotations.json`` below the root, else
    CG-STVG's ``{split}.json``. The VidOR files ``{vid}.json`` are found at any depth below
    ``request.boxes`` or the root; each is read once. Without them the boxes are those of
    ``{split}.json``. Where there are none either, ``request.needs_boxes`` decides.

    Raises:
        UsageError: no split, one that is not there, or no folder with boxes where they are needed.
        InputError: the annotation is missing, damaged or of another data set, or not one of its
            videos has a box file where one is needed.
    """
    sources = Sources(request)
    parsed, index = _parse(sources), sources.boxes_index()
    boxes = _boxes(parsed, index)
    if boxes is None and (request.needs_boxes or request.boxes is not None):
        raise _no_boxes(index)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for item in parsed.items if boxes is None else _with_boxes(parsed, boxes):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            samples.append(item.sample)
    return Benchmark(
        request.dataset,
        request.split,
        tuple(samples),
        tuple(skipped),
        apart=KINDS,
        notes=parsed.notes,
    )


def _parse(sources: Sources) -> _Parsed:
    found = sources.annotation_file(_wanted(sources.request.split))
    content = _read(found.path)
    videos = Media(sources.index, VIDEO_SUFFIXES, near=found.path)
    items: tuple[_Asked | Skipped, ...]
    boxes = None
    if is_merged(content):
        boxes = merged_boxes(content)
        items = tuple(_merged_item(key, entry, videos) for key, entry in content.items())
    elif _is_original(content):
        items = tuple(
            item for number, entry in enumerate(content) for item in _entry(number, entry, videos)
        )
    else:
        raise wrong_form(found.path, content, WHAT)
    named = re.fullmatch(_SPLITS, found.path.name)
    split = sources.request.split or (named[1] if named else "")
    return _Parsed(items, split, boxes, found.notes)


def _wanted(split: str) -> Wanted:
    names = ((f"{split}_annotations.json",), (f"{split}.json",))
    return Wanted(WHAT, names, _SPLITS, lambda content: _is_original(content) or is_merged(content))


def _read(path: Path) -> Any:
    if path.stem.endswith("_annotations"):
        return read_json(path, WHAT)
    # A merged file has a box for every frame of every sentence: hundreds of megabytes.
    content = read_large_json(path, WHAT)
    return content if is_merged(content) else read_json(path, WHAT)


def _is_original(content: Any) -> bool:
    return isinstance(content, list) and any(map(_is_entry, content))


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and {"used_segment", "temporal_gt"} <= value.keys()


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the sentences of one entry have in common: a sample that nothing is asked about yet,
    and the names of its objects by id."""

    sample: Sample
    categories: Mapping[int, str]


def _entry(number: int, raw: Any, videos: Media) -> Iterator[_Asked | Skipped]:
    """The sentences of one entry; those that cannot be used with the reason."""
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
                yield _asked(sample_id, kind, as_mapping(item, "the sentence"), scene)
            except Unusable as reason:
                yield Skipped(sample_id, reason.got)


def _scene(entry: Mapping[str, Any], videos: Media) -> _Scene:
    frame_count = whole(entry, "frame_count", least=1)
    categories = _categories(entry.get("subject/objects"))
    return _made_scene(entry, videos, "temporal_gt", frame_count, categories)


def _made_scene(
    entry: Mapping[str, Any],
    videos: Media,
    described_by: str,
    frame_count: int | None,
    categories: Mapping[int, str],
) -> _Scene:
    name = sentence(entry, "vid")
    segment = _frames(entry, "used_segment")
    if frame_count is not None:
        if segment.start_frame >= frame_count:
            raise Unusable(
                f"'used_segment' from frame {segment.start_frame} in a video of {frame_count} "
                "frames"
            )
        segment = Span(segment.start_frame, min(segment.end_frame, frame_count - 1))
    described = _frames(entry, described_by)
    if described.start_frame not in segment:
        raise Unusable(
            f"{described_by!r} from frame {described.start_frame} to {described.end_frame}, "
            f"outside 'used_segment' from {segment.start_frame} to {segment.end_frame}"
        )
    span = Span(described.start_frame, min(described.end_frame, segment.end_frame))
    sample = Sample(
        sample_id="",
        query="",
        kind="",
        video_name=name,
        video=videos.find(name),
        truth=Truth(span, None),
        segment=segment,
        frame_count=frame_count,
        width=whole(entry, "width", least=1),
        height=whole(entry, "height", least=1),
        fps=positive(entry, "fps"),
    )
    return _Scene(sample, categories)


def _merged_item(key: str, raw: Any, videos: Media) -> _Asked | Skipped:
    """The sentence of one entry of a merged file, or why it cannot be used."""
    sample_id = f"merged:{key}"
    try:
        entry = as_mapping(raw, "the entry")
        item = as_mapping(entry.get("sentence"), "'sentence'")
        kind = _MERGED_KINDS.get(sentence(entry, "qtype"))
        if kind is None:
            raise Unusable(f"'qtype' is {entry['qtype']!r}, neither 'declar' nor 'inter'")
        described, boxes = _frames(entry, "ori_temp_gt"), entry.get("target_bboxs")
        # The file does not say how long the video is, but where its boxes end early, it ends.
        end = described.start_frame + len(boxes if isinstance(boxes, list) else ())
        frame_count = end if described.start_frame < end <= described.end_frame else None
        category = {"tid": item.get("target_id"), "category": entry.get("target_category")}
        categories = _categories([category])
        scene = _made_scene(entry, videos, "ori_temp_gt", frame_count, categories)
        return _asked(sample_id, kind, item, scene)
    except Unusable as reason:
        return Skipped(sample_id, reason.got)


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


def _asked(sample_id: str, kind: str, item: Mapping[str, Any], scene: _Scene) -> _Asked:
    target_id = whole(item, "target_id")
    tags = {"type": item["type"]} if isinstance(item.get("type"), str) else {}
    if target_id in scene.categories:
        tags["category"] = scene.categories[target_id]
    query = sentence(item, "description")
    asked = replace(scene.sample, sample_id=sample_id, query=query, kind=kind, tags=tags)
    return _Asked(asked, target_id)


def _boxes(parsed: _Parsed, index: FileIndex | None) -> MergedBoxes | BoxFiles | None:
    """Where the true boxes are: in the annotation, in box files, or in a merged file beside it."""
    if parsed.boxes is not None or index is None:
        return parsed.boxes
    return BoxFiles(index) if _any_box_file(parsed, index) else _merged_beside(parsed.split, index)


def _no_boxes(index: FileIndex | None) -> UsageError | InputError:
    wanted = "the VidOR annotations, a file {vid}.json per video"
    if index is None:
        return UsageError(
            "no folder with the true boxes of VidSTG", wanted=wanted, fix="pass --boxes DIR"
        )
    return InputError(
        f"no box file of any annotated video below {index.root}",
        wanted=f"{wanted}, or CG-STVG's vstg_annos/{{split}}.json",
        fix="pass --boxes DIR",
    )


def _any_box_file(parsed: _Parsed, index: FileIndex) -> bool:
    names = {item.sample.video_name for item in parsed.asked}
    return not names or any(index.named(f"{name}.json") for name in names)


def _merged_beside(split: str, index: FileIndex) -> MergedBoxes | None:
    """The boxes of the split's merged file; None if there is none."""
    for path in index.named(f"{split}.json") if split else ():
        # Files of that name may be of other data sets, and damaged: that does not matter here.
        with suppress(InputError):
            content = read_large_json(path, WHAT)
            if is_merged(content):
                return merged_boxes(content)
    return None


def _with_boxes(parsed: _Parsed, boxes: MergedBoxes | BoxFiles) -> Iterator[_Asked | Skipped]:
    by_video: dict[str, set[Described]] = defaultdict(set)
    for item in parsed.asked:
        by_video[item.sample.video_name].add(item.described)
    tubes = {name: boxes.tubes(name, described) for name, described in by_video.items()}
    for one in parsed.items:
        if isinstance(one, Skipped):
            yield one
            continue
        truth = tubes[one.sample.video_name][one.described]
        if isinstance(truth, str):
            yield Skipped(one.sample.sample_id, truth)
        else:
            yield replace(one, sample=replace(one.sample, truth=truth))
