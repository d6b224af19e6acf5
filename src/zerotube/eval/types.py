"""What the parts of the evaluation hand to each other: samples with their truth, and predictions.

Ground truth first exists here; no earlier stage imports this package, so the method cannot see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import InputError
from zerotube.eval.names import Protocol as Protocol
from zerotube.geometry.spans import Span
from zerotube.synth.absent import AbsentQuery

ALL = "all"
"""Name of the one part of a benchmark that reports nothing apart."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The described tube.

    Attributes:
        span: the described time in original frames, both ends included.
        boxes_xyxy: float64 ``(span.frame_count, 4)``, the target in each frame of the span, pixels
            of the original video; a box of no area is allowed and overlaps nothing. None where
            the boxes, which may be in files of their own, are not at hand.

    Raises:
        InputError: a wrong shape, a coordinate that is not finite, or an inverted box.
    """

    span: Span
    boxes_xyxy: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        if self.boxes_xyxy is not None:
            _check_boxes("the true tube", self.boxes_xyxy, self.span.frame_count)

    @property
    def known_boxes(self) -> NDArray[np.float64]:
        """The boxes.

        Raises:
            InputError: they are not at hand.
        """
        if self.boxes_xyxy is None:
            raise InputError(
                "a sample without its true boxes",
                wanted="the files that hold them",
                fix="pass --boxes DIR",
            )
        return self.boxes_xyxy


@dataclass(frozen=True, eq=False)
class Sample:
    """One question of a benchmark with its answer.

    Attributes:
        sample_id: unique within the benchmark (data-formats: the video key, or index and kind).
        query: the sentence, as annotated.
        kind: what the benchmark reports apart: "declarative" or "interrogative", or the name of a
            test set.
        video_name: the video or image as the annotation names it.
        video: where it is stored; None if no root was given, or if it is not there.
        truth: the described tube.
        segment: original frames that the method may see, both ends included; None for all.
        frame_count: frames of the video by its annotation; None if that does not say.
        width, height: pixels by the annotation; None if that does not say.
        fps: frames per second by the annotation; None if that does not say.
        true_tracks: a track file with the true tracks of all objects, where the benchmark has one.
        tags: more to break results down by, such as {"category": "dog"}.
        absent: a query that nothing in the video fits, where the benchmark has one.
    """

    sample_id: str
    query: str
    kind: str
    video_name: str
    video: Path | None
    truth: Truth
    segment: Span | None = None
    frame_count: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    true_tracks: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    absent: AbsentQuery | None = None


@dataclass(frozen=True)
class Skipped:
    """A sample that is not evaluated. It is counted and named, never dropped in silence.

    Attributes:
        sample_id: as in ``Sample``.
        reason: what is wrong with it, for people.
    """

    sample_id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The samples of one split of a data set.

    Attributes:
        dataset: "hcstvg-v1", "hcstvg-v2", "hcstvg" (version unknown), "vidstg", "refcoco",
            "refcoco+", "refcocog" or "synth".
        split: for example "test"; "" where an annotation file alone was given.
        samples: in the order of the annotation; ids are unique.
        skipped: what was left out, and why.
        apart: kinds whose results are reported apart and never averaged together; () for none.
        still: whether the samples are single images, where time means nothing.
        notes: what a reader of the scores must know about how the annotation was read.

    Raises:
        InputError: an id occurs twice.
    """

    dataset: str
    split: str
    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...] = ()
    apart: tuple[str, ...] = ()
    still: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for sample in self.samples:
            if sample.sample_id in seen:
                raise InputError(
                    f"sample id {sample.sample_id!r} twice",
                    wanted="one sample per id",
                    fix="remove the repeated entry from the annotations",
                )
            seen.add(sample.sample_id)

    @property
    def with_boxes(self) -> bool:
        """Whether the true boxes are known; else a sample may yet turn out to have none."""
        return all(sample.truth.boxes_xyxy is not None for sample in self.samples)

    def parts(self, samples: Sequence[Sample]) -> dict[str, tuple[Sample, ...]]:
        """Samples that are averaged together, by kind; one part, ``ALL``, where none is apart.

        Args:
            samples: of this benchmark; each is in one part, in their order.

        Returns:
            By kind, those of ``apart`` first, also one without samples.
        """
        if not self.apart:
            return {ALL: tuple(samples)}
        kinds = dict.fromkeys((*self.apart, *(sample.kind for sample in samples)))
        return {kind: tuple(one for one in samples if one.kind == kind) for kind in kinds}


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer to one sample, by this project or by any other system.

    Attributes:
        sample_id: as in ``Sample``.
        span: predicted time in original frames, both ends included; None if the system failed.
        frame_indices: int64 ``(n,)``, strictly increasing; the frames of the whole chosen track,
            also outside the span (gt_vIoU needs them).
        boxes_xyxy: float64 ``(n, 4)``, pixels of the original video.
        error: why there is no answer; None if there is one.

    Raises:
        InputError: arrays that do not fit, coordinates that are not finite, inverted boxes,
            negative frames, or neither a span nor an error.
    """

    sample_id: str
    span: Span | None
    frame_indices: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]
    error: str | None = None

    def __post_init__(self) -> None:
        frames = self.frame_indices
        if (self.span is None) == (self.error is None):
            raise self._wrong("both or neither of a span and an error", "exactly one")
        if frames.ndim != 1 or np.any(np.diff(frames) <= 0) or (len(frames) and frames[0] < 0):
            raise self._wrong("frames out of order, repeated or negative", "rising frames from 0")
        _check_boxes(f"prediction {self.sample_id!r}", self.boxes_xyxy, len(frames))

    def _wrong(self, got: str, wanted: str) -> InputError:
        return InputError(
            f"prediction {self.sample_id!r} with {got}",
            wanted=wanted,
            fix="correct the prediction",
        )


def _check_boxes(what: str, boxes: NDArray[np.float64], count: int) -> None:
    if boxes.shape != (count, 4):
        raise InputError(
            f"{what} with boxes of shape {boxes.shape}",
            wanted=f"shape ({count}, 4)",
            fix="give one box per frame",
        )
    if not np.isfinite(boxes).all():
        raise InputError(
            f"{what} with a box that is not finite",
            wanted="four finite pixel coordinates",
            fix="correct or remove the box",
        )
    bad = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))
    if len(bad):
        raise InputError(
            f"{what} with the inverted box {boxes[bad[0]].tolist()}",
            wanted="x1 <= x2 and y1 <= y2",
            fix="write boxes as [x1, y1, x2, y2]",
        )
