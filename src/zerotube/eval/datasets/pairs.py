"""Pairs: the samples of a data set without their boxes, which may have files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zerotube.eval.types import Benchmark, Sample, Skipped
from zerotube.geometry.spans import Span


@dataclass(frozen=True)
class Pair:
    """A video and a query with the described time.

    Attributes:
        sample_id: as in `Sample`, like all the others.
        query: the sentence.
        kind: what the benchmark reports apart.
        video_name: as the annotation names it.
        video: where it is stored, if it is there.
        span: the described time in original frames, both ends included.
        segment: original frames that the method may see; None for all.
        frame_count: frames of the video by its annotation.
        width, height: pixels by the annotation.
        fps: frames per second by the annotation.
        tags: more to break results down by.
    """

    sample_id: str
    query: str
    kind: str
    video_name: str
    video: Path | None
    span: Span
    segment: Span | None = None
    frame_count: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """What there is to ask in one split of a data set.

    Attributes:
        dataset: as in `Benchmark`, like ``split``.
        split: for example "test".
        pairs: in the order of the annotation.
        skipped: what was left out, and why.
        with_boxes: whether the true boxes were read; else a pair may yet turn out to have none.
        notes: as in `Benchmark`.
    """

    dataset: str
    split: str
    pairs: tuple[Pair, ...]
    skipped: tuple[Skipped, ...]
    with_boxes: bool
    notes: tuple[str, ...] = ()


def pair_of(sample: Sample) -> Pair:
    """A sample without its boxes."""
    return Pair(
        sample_id=sample.sample_id,
        query=sample.query,
        kind=sample.kind,
        video_name=sample.video_name,
        video=sample.video,
        span=sample.truth.span,
        segment=sample.segment,
        frame_count=sample.frame_count,
        width=sample.width,
        height=sample.height,
        fps=sample.fps,
        tags=sample.tags,
    )


def listing_of(benchmark: Benchmark) -> Listing:
    """A benchmark without its boxes."""
    return Listing(
        benchmark.dataset,
        benchmark.split,
        tuple(map(pair_of, benchmark.samples)),
        benchmark.skipped,
        with_boxes=True,
        notes=benchmark.notes,
    )
