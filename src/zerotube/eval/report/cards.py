"""Single samples on the page: which ones, and what is drawn of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.metrics import Overlap
from zerotube.eval.report.pictures import Footage, Picture, read_footage
from zerotube.eval.types import Prediction, Sample
from zerotube.geometry.spans import Span

PER_GALLERY = 6
"""Samples shown of the best, of the worst, and of those drawn at random."""


@dataclass(frozen=True)
class Choice:
    """Which samples are shown.

    Attributes:
        best, worst: of those with an answer, the best and the worst first; none is in both.
        drawn: at random from all the others, also those without an answer, in the run's order.
        others: how many the random ones were drawn from.
    """

    best: tuple[Sample, ...]
    worst: tuple[Sample, ...]
    drawn: tuple[Sample, ...]
    others: int


def choose(
    samples: Sequence[Sample],
    overlaps: Mapping[str, Overlap],
    predictions: Mapping[str, Prediction],
    seed: int,
) -> Choice:
    """Pick the samples to show; ties in vIoU are broken by gt_vIoU, tIoU and the order of the run.

    Args:
        samples: of the run.
        overlaps: by sample id.
        predictions: by sample id.
        seed: of the random ones.
    """

    def goodness(sample: Sample) -> tuple[float, float, float]:
        found = overlaps[sample.sample_id]
        return found.v_iou, found.gt_v_iou, float(np.nan_to_num(found.t_iou))

    answered = [
        sample
        for sample in samples
        if (answer := predictions.get(sample.sample_id)) is not None and answer.span is not None
    ]
    best = sorted(answered, key=goodness, reverse=True)[: min(PER_GALLERY, -(-len(answered) // 2))]
    taken = {sample.sample_id for sample in best}
    rest = [sample for sample in answered if sample.sample_id not in taken]
    worst = sorted(rest, key=goodness)[:PER_GALLERY]
    shown = {sample.sample_id for sample in (*best, *worst)}
    others = [sample for sample in samples if sample.sample_id not in shown]
    count = min(PER_GALLERY, len(others))
    places = np.sort(np.random.default_rng(seed).choice(len(others), count, replace=False))
    return Choice(tuple(best), tuple(worst), tuple(others[i] for i in places), len(others))


Corners = tuple[float, float, float, float]
"""A box: x1, y1, x2, y2 in pixels of the video."""


@dataclass(frozen=True)
class Tile:
    """One frame of a sample.

    Attributes:
        picture: the frame.
        label: its time.
        alt: what is to be seen, in words.
        true_box: None outside the true span.
        predicted_box: None where the predicted track has no box.
        outside: whether the frame lies outside the predicted span (the track goes on there).
        in_truth, in_prediction: whether the frame lies in the true and in the predicted span.
        left: where it is on the time bar, in percent.
    """

    picture: Picture
    label: str
    alt: str
    true_box: Corners | None
    predicted_box: Corners | None
    outside: bool
    in_truth: bool
    in_prediction: bool
    left: float


@dataclass(frozen=True)
class Bar:
    """A span on the time bar: where it begins and how long it is in percent, and its text."""

    left: float
    width: float
    text: str


@dataclass(frozen=True)
class Card:
    """Everything shown of one sample.

    Attributes:
        sample: the sample.
        overlap: its scores.
        error: why it has no answer; None if it has one.
        footage: what could be read of its video.
        tiles: its frames; none where the video cannot be read.
        true_bar, predicted_bar: on the time bar; None for stills, and where there is no answer.
    """

    sample: Sample
    overlap: Overlap
    error: str | None
    footage: Footage
    tiles: tuple[Tile, ...]
    true_bar: Bar | None
    predicted_bar: Bar | None


def card(sample: Sample, overlap: Overlap, prediction: Prediction | None, *, still: bool) -> Card:
    """Read a sample's video and lay truth and answer over it.

    Args:
        sample: the sample.
        overlap: its scores.
        prediction: its answer, or why there is none.
        still: whether the sample is one image.
    """
    footage = read_footage(sample, still=still)
    error = "no prediction" if prediction is None else prediction.error
    answer = prediction if prediction is not None and prediction.span is not None else None
    extent = _extent(sample, footage, answer)
    rate = footage.fps or sample.fps
    spans = (sample.truth.span, answer.span if answer is not None else None)
    true_bar, predicted_bar = (
        None if still or span is None else _bar(span, extent, rate) for span in spans
    )
    tiles = tuple(
        _tile(picture, sample, answer, footage, extent, still=still) for picture in footage.pictures
    )
    return Card(sample, overlap, error, footage, tiles, true_bar, predicted_bar)


def _extent(sample: Sample, footage: Footage, answer: Prediction | None) -> Span:
    """What the whole time bar stands for: the segment the method saw, else the whole video."""
    if sample.segment is not None:
        return sample.segment
    count = footage.frame_count or sample.frame_count
    if count:
        return Span(0, count - 1)
    ends = [sample.truth.span.end_frame]
    if answer is not None and answer.span is not None:
        ends.append(answer.span.end_frame)
    return Span(0, max(ends))


def _bar(span: Span, extent: Span, rate: float | None) -> Bar:
    first = min(max(span.start_frame, extent.start_frame), extent.end_frame)
    last = min(max(span.end_frame, first), extent.end_frame)
    frames = f"frames {span.start_frame}–{span.end_frame}"
    text = frames
    if rate:
        start_s, end_s = span.seconds(rate)
        text = f"{start_s:.1f}–{end_s:.1f} s, {frames}"
    return Bar(
        100 * (first - extent.start_frame) / extent.frame_count,
        100 * (last - first + 1) / extent.frame_count,
        text,
    )


def _tile(
    picture: Picture,
    sample: Sample,
    answer: Prediction | None,
    footage: Footage,
    extent: Span,
    *,
    still: bool,
) -> Tile:
    frame, true = picture.frame, sample.truth.span
    in_truth = frame in true
    in_prediction = answer is not None and answer.span is not None and frame in answer.span
    true_box = _corners(sample.truth.known_boxes[frame - true.start_frame]) if in_truth else None
    predicted_box = None
    if answer is not None:
        at = int(np.searchsorted(answer.frame_indices, frame))
        if at < len(answer.frame_indices) and answer.frame_indices[at] == frame:
            predicted_box = _corners(answer.boxes_xyxy[at])
    # Of a still the span means nothing, so that its box is never outside of it.
    outside = not (in_prediction or still)
    beyond = " (outside the predicted span)" if outside and predicted_box is not None else ""
    drawn = footage.problem is None
    return Tile(
        picture=picture,
        label="" if still else f"{picture.second:.1f} s",
        alt=f"frame {frame}: {_said('true box', true_box)}, "
        f"{_said('predicted box', predicted_box)}{beyond}",
        true_box=true_box if drawn else None,
        predicted_box=predicted_box if drawn else None,
        outside=outside,
        in_truth=in_truth and not still,
        in_prediction=in_prediction and not still,
        left=100 * (frame - extent.start_frame + 0.5) / extent.frame_count,
    )


def _corners(box: NDArray[np.float64]) -> Corners:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def _said(what: str, box: Corners | None) -> str:
    if box is None:
        return f"no {what}"
    return "{} {:.0f},{:.0f} to {:.0f},{:.0f}".format(what, *box)
