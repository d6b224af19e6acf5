"""RefCOCO, RefCOCO+ (Yu et al. 2016) and RefCOCOg (Mao et al. 2016): objects in single images.

An image is a video of one frame. Two forms are read:

- JSON lines, {image, expression, bbox [x, y, width, height], split}; a sample's id is the index of
  its line, blank ones not counted, over all splits of the file: "17";
- the publishers' pickles ``refs(unc).p``, ``refs(umd).p`` and ``refs(google).p`` with COCO's
  ``instances.json`` in the same folder; the id is ``{ref_id}:{sent_id}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets.choosing import one_annotation_file, shortened
from zerotube.eval.datasets.entries import (
    Unusable,
    boxes_from_xywh,
    sentence,
    whole,
)
from zerotube.eval.datasets.files import FileIndex, Media, Sources
from zerotube.eval.datasets.plain_pickle import read_plain_pickle
from zerotube.eval.datasets.reading import (
    decoded,
    parse_json,
    read_bytes,
    read_large_json,
    wrong_form,
)
from zerotube.eval.datasets.registry import Request
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video.folder_video import IMAGE_SUFFIXES

WHAT = "RefCOCO references (JSON lines or a pickle)"

_LINE = '{"image": str, "expression": str, "bbox": [x, y, width, height], "split": str}'
_PICKLE_SUFFIXES = (".p", ".pickle", ".pkl")
_PICKLES = {
    "refcoco": ("refs(unc).p", "refs(google).p"),
    "refcoco+": ("refs(unc).p",),
    "refcocog": ("refs(umd).p", "refs(google).p"),
}
"""By data set; where several are there, the first: the field reports these partitions."""

_YEAR_PREFIX = re.compile(r"COCO_(train|val|test)20\d\d_")
"""COCO's images of 2014 have it, those of 2017 are named by the number alone."""


@dataclass(frozen=True)
class _Record:
    """One expression; its values are checked when it becomes a sample."""

    sample_id: str
    split: Any
    entry: Mapping[str, Any]
    image: Mapping[str, Any]
    bbox: Any
    expression_keys: tuple[str, ...]
    category: str | None = None


def load(request: Request) -> Benchmark:
    """Read the samples of RefCOCO, RefCOCO+ or RefCOCOg.

    Without ``request.annotations`` they are looked for below the root: the data set's pickles in a
    folder of its name, else ``{dataset}.jsonl``, ``{dataset}_{split}.jsonl`` or ``{split}.jsonl``.
    The kind of a sample is its split. Without a split, all of a named file are read, and reported
    apart.

    Raises:
        UsageError: no split, or one that is not in the file.
        InputError: the file is missing, damaged, or of another data set.
    """
    sources = Sources(request)
    path = request.annotations or _found(request, sources.index)
    records: list[_Record | Skipped] = list(_records(path))
    known = sorted({_split(item) for item in records if isinstance(item, _Record)} - {""})
    if request.split not in known and (request.split or request.annotations is None):
        raise UsageError(
            f"no split {request.split!r} in {path}" if request.split else "no split",
            wanted=f"one of those there: {shortened(known)}",
            fix="pass --split NAME",
        )
    images = Media(sources.index, IMAGE_SUFFIXES)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for item in records:
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        if request.split and _split(item) not in ("", request.split):
            continue
        try:
            samples.append(_sample(item, images))
        except Unusable as reason:
            skipped.append(Skipped(item.sample_id, reason.got))
    kinds = tuple(dict.fromkeys(sample.kind for sample in samples))
    return Benchmark(
        request.dataset,
        request.split,
        tuple(samples),
        tuple(skipped),
        apart=kinds if len(kinds) > 1 else (),
        still=True,
    )


def _split(record: _Record) -> str:
    """The record's split; empty if it does not say."""
    return record.split if isinstance(record.split, str) else ""


def _found(request: Request, index: FileIndex | None) -> Path:
    dataset, split = request.dataset, request.split
    if index is None:
        raise UsageError("no root", wanted="a folder or a file", fix="pass --annotations FILE")
    pickles = _PICKLES[dataset]
    converted = (f"{dataset}.jsonl", f"{dataset}_{split}.jsonl", f"{split}.jsonl")
    for name in (*pickles, *converted):
        found = [path for path in index.named(name) if _belongs(path, dataset)]
        if found:
            return one_annotation_file(found)
    raise InputError(
        f"no references of {dataset} below {request.root}",
        wanted=f"{' or '.join(pickles)} in a folder {dataset}, or {dataset}.jsonl",
        fix="pass --annotations FILE",
    )


def _belongs(path: Path, dataset: str) -> bool:
    """Whether the nearest folder named after one of the data sets is named after this one."""
    if path.name.startswith((f"{dataset}.", f"{dataset}_")):
        return True
    named = [part.lower() for part in path.absolute().parts[:-1] if part.lower() in _PICKLES]
    return not named or named[-1] == dataset


def _records(path: Path) -> Iterator[_Record | Skipped]:
    content = read_bytes(path, WHAT)
    if path.suffix.lower() in _PICKLE_SUFFIXES or content[:1] == b"\x80":
        return _from_pickle(read_plain_pickle(content, path), path)
    return _from_lines(_lines(decoded(content, path, WHAT), path))


def _lines(text: str, path: Path) -> list[Any]:
    """The values of the lines.

    Raises:
        InputError: a line is not JSON, or not one is a record.
    """
    values: list[Any] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(parse_json(line, f"line {number} of {path}", _LINE))
        except InputError:
            if values:
                raise
            # The file may be one JSON value over many lines: then it is of another data set.
            values = [parse_json(text, str(path), WHAT)]
            break
    if not any(
        isinstance(value, dict) and {"image", "expression"} <= value.keys() for value in values
    ):
        raise wrong_form(path, values[0], WHAT)
    return values


def _from_lines(values: Iterable[Any]) -> Iterator[_Record | Skipped]:
    for number, value in enumerate(values):
        sample_id = str(number)
        if not isinstance(value, dict):
            yield Skipped(sample_id, "the line is not a JSON object")
            continue
        yield _Record(
            sample_id,
            value.get("split"),
            value,
            {"file_name": value.get("image")},
            value.get("bbox"),
            ("expression",),
        )


def _from_pickle(references: Any, path: Path) -> Iterator[_Record | Skipped]:
    if not isinstance(references, list) or not any(
        isinstance(item, dict) and {"ref_id", "sentences"} <= item.keys() for item in references
    ):
        raise wrong_form(path, references, "RefCOCO references")
    instances = path.with_name("instances.json")
    if not instances.is_file():
        raise InputError(
            f"no {instances.name} beside {path}",
            wanted="COCO's instances, which hold the boxes",
            fix=f"put {instances.name} of the same data set there",
        )
    content = read_large_json(instances, "COCO instances")
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise wrong_form(instances, content, "COCO instances")
    boxes, images = _by_id(content["annotations"]), _by_id(content["images"])
    categories = _by_id(content.get("categories"))
    for place, reference in enumerate(references):
        if not isinstance(reference, dict) or not isinstance(reference.get("sentences"), list):
            yield Skipped(f"reference {place}", "no reference with a list 'sentences'")
            continue
        found = boxes.get(_number(reference, "ann_id"), {})
        category = categories.get(_number(reference, "category_id"), {}).get("name")
        for number, said in enumerate(reference["sentences"]):
            if not isinstance(said, dict) or "sent_id" not in said:
                yield Skipped(f"reference {place}:{number}", "a sentence without 'sent_id'")
                continue
            yield _Record(
                f"{reference.get('ref_id')}:{said['sent_id']}",
                reference.get("split"),
                said,
                images.get(_number(reference, "image_id"), {}),
                found.get("bbox"),
                ("sent", "raw"),
                category if isinstance(category, str) else None,
            )


def _number(reference: Mapping[str, Any], key: str) -> int:
    """An id of COCO; -1, which nothing has, if it is none."""
    value = reference.get(key)
    return value if isinstance(value, int) else -1


def _by_id(raw: Any) -> dict[int, dict[str, Any]]:
    items = raw if isinstance(raw, list) else []
    return {
        item["id"]: item
        for item in items
        if isinstance(item, dict) and isinstance(item.get("id"), int)
    }


def _sample(record: _Record, images: Media) -> Sample:
    if not _split(record):
        raise Unusable("no text under 'split'")
    image = record.image
    if not image:
        raise Unusable("an image that 'instances.json' does not have")
    name = image.get("file_name")
    if not isinstance(name, str) or not name.strip():
        raise Unusable("no image is named")
    if record.bbox is None:
        raise Unusable("no box")
    sized = "width" in image and "height" in image
    return Sample(
        sample_id=record.sample_id,
        query=sentence(record.entry, *record.expression_keys),
        kind=_split(record),
        video_name=name,
        video=images.find(name, _YEAR_PREFIX.sub("", name)),
        truth=Truth(Span(0, 0), boxes_from_xywh([record.bbox])),
        frame_count=1,
        width=whole(image, "width", least=1) if sized else None,
        height=whole(image, "height", least=1) if sized else None,
        tags={} if record.category is None else {"category": record.category},
    )
