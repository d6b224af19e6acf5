"""``zerotube samples``: what a data set asks, before anything is computed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson
from zerotube.eval.datasets import Request

if TYPE_CHECKING:
    from zerotube.eval.types import Benchmark, Sample
    from zerotube.geometry.spans import Span

_NAMED = 5
"""Skipped samples named on stderr; --json names all."""


@with_flags(as_json="One JSON object: dataset, split, count, kinds, samples, skipped.")
def samples(
    *,
    data: Request,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="List the first N; all are counted."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the samples of a data set: id, video, described time, segment and query.

    Frames count from 0, both ends included; seconds go from when the first frame appears to when
    the last one ends. The annotation alone is enough: videos are looked for where --root names a
    folder that has any, and VidSTG's rules about missing boxes apply where --boxes or --root has
    VidOR annotations.
    """
    from zerotube.eval.datasets import load_benchmark

    benchmark = load_benchmark(replace(data, needs_boxes=False))
    shown = benchmark.samples[:limit]
    kinds = Counter(sample.kind for sample in benchmark.samples)
    if as_json:
        print(json.dumps(_as_dict(benchmark, shown, kinds), ensure_ascii=False, indent=2))
    else:
        console.print_rows(
            [("id", "video", "frames", "seconds", "segment", "query"), *map(_row, shown)]
        )
    _tell(benchmark, len(shown), kinds, videos_wanted=data.root is not None)


def _tell(benchmark: Benchmark, shown: int, kinds: Counter[str], *, videos_wanted: bool) -> None:
    """What a reader of the list should know, on stderr."""
    for note in benchmark.notes:
        console.note(note)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    videos = len({sample.video_name for sample in benchmark.samples})
    total = len(benchmark.samples)
    listed = f", the first {shown} listed" if shown < total else ""
    console.note(f"{total} samples{f' ({counted})' * bool(counted)} of {videos} videos{listed}")
    if not benchmark.with_boxes:
        console.note(
            "no box files: listed by the annotation alone; with --boxes, samples whose boxes are "
            "incomplete are left out"
        )
    if (
        videos_wanted
        and benchmark.samples
        and all(sample.video is None for sample in benchmark.samples)
    ):
        console.note("no video below --root: listed by the annotation alone")
    if benchmark.skipped:
        console.warn(f"{len(benchmark.skipped)} samples skipped")
        for item in benchmark.skipped[:_NAMED]:
            console.warn(f"skipped {item.sample_id}: {item.reason}")
        if len(benchmark.skipped) > _NAMED:
            console.note(f"{len(benchmark.skipped) - _NAMED} more are named by --json")


def _row(sample: Sample) -> tuple[str, ...]:
    seconds = None if sample.fps is None else sample.truth.span.seconds(sample.fps)
    return (
        sample.sample_id,
        sample.video_name,
        _frames(sample.truth.span),
        "-" if seconds is None else f"{seconds[0]:.2f}-{seconds[1]:.2f}",
        "-" if sample.segment is None else _frames(sample.segment),
        console.one_line(sample.query),
    )


def _frames(span: Span) -> str:
    return f"{span.start_frame}-{span.end_frame}"


def _as_dict(
    benchmark: Benchmark, shown: tuple[Sample, ...], kinds: Counter[str]
) -> dict[str, Any]:
    return {
        "dataset": benchmark.dataset,
        "split": benchmark.split,
        "count": len(benchmark.samples),
        "kinds": dict(kinds),
        "with_boxes": benchmark.with_boxes,
        "samples": [_sample_dict(sample) for sample in shown],
        "skipped": [{"id": item.sample_id, "reason": item.reason} for item in benchmark.skipped],
    }


def _sample_dict(sample: Sample) -> dict[str, Any]:
    seconds = None if sample.fps is None else sample.truth.span.seconds(sample.fps)
    segment = sample.segment
    return {
        "id": sample.sample_id,
        "kind": sample.kind,
        "query": sample.query,
        "video": sample.video_name,
        "path": None if sample.video is None else str(sample.video),
        "start_frame": sample.truth.span.start_frame,
        "end_frame": sample.truth.span.end_frame,
        "start_s": None if seconds is None else round(seconds[0], 6),
        "end_s": None if seconds is None else round(seconds[1], 6),
        "segment": None
        if segment is None
        else {"start_frame": segment.start_frame, "end_frame": segment.end_frame},
        "frame_count": sample.frame_count,
        "width": sample.width,
        "height": sample.height,
        "fps": sample.fps,
        "tags": dict(sample.tags),
    }
