"""``zerotube samples``: what a data set asks, before anything is computed."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerotube.cli import console
from zerotube.cli.dataset_flags import (
    ANNOTATIONS_OPTION,
    BOXES_OPTION,
    DATASET_OPTION,
    ROOT_OPTION,
    SPLIT_OPTION,
)

if TYPE_CHECKING:
    from zerotube.eval.datasets.pairs import Listing, Pair
    from zerotube.geometry.spans import Span

_NAMED = 5
"""Skipped samples named on stderr; --json names all."""


def samples(
    dataset: DATASET_OPTION,
    root: ROOT_OPTION = None,
    split: SPLIT_OPTION = "",
    annotations: ANNOTATIONS_OPTION = None,
    boxes: BOXES_OPTION = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="List the first N; all are counted."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON object: dataset, split, count, kinds, samples, skipped."
        ),
    ] = False,
) -> None:
    """List the samples of a data set: id, video, described time, segment and query.

    Frames count from 0, both ends included; seconds go from when the first frame appears to when
    the last one ends. The annotation alone is enough: videos are looked for where --root names a
    folder that has any, and VidSTG's rules about missing boxes apply where --boxes or --root has
    VidOR annotations.
    """
    from zerotube.eval.datasets import Request
    from zerotube.eval.datasets.listing import list_pairs

    listing = list_pairs(Request(dataset, split, root, annotations, boxes))
    shown = listing.pairs[:limit]
    kinds = Counter(pair.kind for pair in listing.pairs)
    if as_json:
        print(json.dumps(_as_dict(listing, shown, kinds), ensure_ascii=False, indent=2))
    else:
        console.print_rows(
            [("id", "video", "frames", "seconds", "segment", "query"), *map(_row, shown)]
        )
    _tell(listing, len(shown), kinds, videos_wanted=root is not None)


def _tell(listing: Listing, shown: int, kinds: Counter[str], *, videos_wanted: bool) -> None:
    """What a reader of the list should know, on stderr."""
    for note in listing.notes:
        console.note(note)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    videos = len({pair.video_name for pair in listing.pairs})
    total = len(listing.pairs)
    listed = f", the first {shown} listed" if shown < total else ""
    console.note(f"{total} samples{f' ({counted})' * bool(counted)} of {videos} videos{listed}")
    if not listing.with_boxes:
        console.note(
            "no box files: listed by the annotation alone; with --boxes, samples whose boxes are "
            "incomplete are left out"
        )
    if videos_wanted and listing.pairs and all(pair.video is None for pair in listing.pairs):
        console.note("no video below --root: listed by the annotation alone")
    if listing.skipped:
        console.warn(f"{len(listing.skipped)} samples skipped")
        for item in listing.skipped[:_NAMED]:
            console.warn(f"skipped {item.sample_id}: {item.reason}")
        if len(listing.skipped) > _NAMED:
            console.note(f"{len(listing.skipped) - _NAMED} more are named by --json")


def _row(pair: Pair) -> tuple[str, ...]:
    seconds = None if pair.fps is None else pair.span.seconds(pair.fps)
    return (
        pair.sample_id,
        pair.video_name,
        _frames(pair.span),
        "-" if seconds is None else f"{seconds[0]:.2f}-{seconds[1]:.2f}",
        "-" if pair.segment is None else _frames(pair.segment),
        console.one_line(pair.query),
    )


def _frames(span: Span) -> str:
    return f"{span.start_frame}-{span.end_frame}"


def _as_dict(listing: Listing, shown: tuple[Pair, ...], kinds: Counter[str]) -> dict[str, Any]:
    return {
        "dataset": listing.dataset,
        "split": listing.split,
        "count": len(listing.pairs),
        "kinds": dict(kinds),
        "with_boxes": listing.with_boxes,
        "samples": [_pair_dict(pair) for pair in shown],
        "skipped": [{"id": item.sample_id, "reason": item.reason} for item in listing.skipped],
    }


def _pair_dict(pair: Pair) -> dict[str, Any]:
    seconds = None if pair.fps is None else pair.span.seconds(pair.fps)
    segment = pair.segment
    return {
        "id": pair.sample_id,
        "kind": pair.kind,
        "query": pair.query,
        "video": pair.video_name,
        "path": None if pair.video is None else str(pair.video),
        "start_frame": pair.span.start_frame,
        "end_frame": pair.span.end_frame,
        "start_s": None if seconds is None else round(seconds[0], 6),
        "end_s": None if seconds is None else round(seconds[1], 6),
        "segment": None
        if segment is None
        else {"start_frame": segment.start_frame, "end_frame": segment.end_frame},
        "frame_count": pair.frame_count,
        "width": pair.width,
        "height": pair.height,
        "fps": pair.fps,
        "tags": dict(pair.tags),
    }
