"""When: cut the described time out of what is known of every moment of the clip.

Equations (2) and (3) of docs/method.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.method.config import MethodSettings
from zerotube.method.types import Evidence, NamedTimes, Scan

Values = NDArray[np.float64]

MIN_PART = 1e-6
"""Parts of a stretch of time that are shorter, in frames, are none."""

SURE = 5.0
"""Margins beyond this say no more than it does: one yes in 150 is a no, or the other way round."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """Evidence over time, at moments that stand for the stretch around them.

    Attributes:
        moments: float64 ``(M,)``, original frames, also between two of them; increasing.
        edges: float64 ``(M + 1,)``, original frames: moment m stands for the time from ``edges[m]``
            to ``edges[m + 1]``.
        values: float64 ``(M,)``, evidence, in units of its standard deviation.
    """

    moments: Values
    edges: Values
    values: Values

    @property
    def lengths(self) -> Values:
        """How much time each moment stands for, float64 ``(M,)``, frames; above 0."""
        return _lengths(self.edges)


def cut(values: Values, lengths: Values) -> tuple[int, int]:
    """The run of moments, of any number, that has the largest between-class variance.

    Otsu's criterion (IEEE Trans. SMC 9, 1979) over runs in place of thresholds: of a run of length
    n in a whole of length N it is, up to a factor that all runs share,
    ``n (N - n) (mean inside - mean outside)^2``, for runs whose mean inside is above that outside.

    Args:
        values: float64 ``(M,)``, M >= 1.
        lengths: float64 ``(M,)``, how much time each moment stands for, > 0.

    Returns:
        First and last moment of the run, 0-based, both included. Of equal runs the longest is
        taken, then the earliest; values that are all equal give all moments.
    """
    total = lengths.sum()
    excess = (values - (values * lengths).sum() / total) * lengths
    excess_before = np.concatenate([[0.0], np.cumsum(excess)])
    length_before = np.concatenate([[0.0], np.cumsum(lengths)])
    first, last = np.triu_indices(len(values))
    length = length_before[last + 1] - length_before[first]
    above = np.maximum(excess_before[last + 1] - excess_before[first], 0.0)
    rest = length * (total - length)
    # The whole has no rest: excess 0.
    quality = np.divide(above**2, rest, out=np.zeros_like(above), where=rest > 1e-9 * total**2)
    best = np.flatnonzero(quality >= quality.max() * (1.0 - 1e-12))
    longest = best[np.argmax(length[best])]
    return int(first[longest]), int(last[longest])


def timeline(evidence: Evidence, row: int, settings: MethodSettings) -> Timeline:
    """What is known of every moment about one candidate, as one curve.

    The moments are the middles of the scanned windows, or the sampled frames where nothing was
    scanned; a stretch in which a model named an end falls into two there. The logarithms of the
    attention and of the gradient inside the track are read there, between two sampled frames
    linearly, and how many of the answers name each moment; each curve is put in units of its
    standard deviation over time, and they are added with the weights of the settings. Where the
    track is not seen the curve is at its lowest.

    Args:
        evidence: of a query.
        row: which candidate.
        settings: the weights.
    """
    frames = evidence.frame_indices.astype(np.float64)
    scan = evidence.scan
    moments = frames if scan is None else scan.moments
    edges = _edges(frames, moments)
    moments, edges = _split(moments, edges, evidence.named)
    seen = evidence.visible[row]
    curves = []
    if scan is not None:
        margins = np.interp(moments, scan.moments, scan.margins.clip(-SURE, SURE))
        curves.append((settings.scan_weight, margins))
    if evidence.named is not None:
        curves.append((settings.ask_weight, evidence.named.share_at(moments)))
    for weight, scores in (
        (settings.attention_weight, evidence.frame_scores),
        (settings.gradient_weight, evidence.gradient_scores),
    ):
        if weight and scores is not None and seen.any():
            curves.append((weight, np.interp(moments, frames, _logarithm(scores[row], seen))))
    values = np.zeros(len(moments))
    for weight, curve in curves:
        values += weight * standardised(curve, _lengths(edges))
    hidden = np.interp(moments, frames, seen.astype(np.float64)) <= 0.0
    if hidden.any() and not hidden.all():
        values[hidden] = values.min()
    return Timeline(moments, edges, values)


def runs_of(values: Values, lengths: Values, count: int) -> list[tuple[int, int]]:
    """The cut, then further runs beside it that are nearer to it than to the rest.

    What the first run leaves on either side is cut again, and so on; a run counts if its mean is
    above the middle between the mean of the first run and that of all outside it.

    Args:
        values, lengths: as of ``cut``.
        count: runs at most, >= 1.

    Returns:
        First and last moment of each, 0-based, both included; no two meet. The first is the cut,
        the others come in the order of their means, the highest first.
    """
    first, last = cut(values, lengths)
    inside = np.zeros(len(values), dtype=np.bool_)
    inside[first : last + 1] = True
    if inside.all():
        return [(first, last)]
    bar = (
        float(
            np.average(values[inside], weights=lengths[inside])
            + np.average(values[~inside], weights=lengths[~inside])
        )
        / 2
    )
    found: list[tuple[float, int, int]] = []
    # A moment lies between two runs, else they would be one.
    waiting = [(0, first - 2), (last + 2, len(values) - 1)]
    while waiting:
        begin, end = waiting.pop()
        if begin > end:
            continue
        part = slice(begin, end + 1)
        one, other = (begin + place for place in cut(values[part], lengths[part]))
        mean = float(np.average(values[one : other + 1], weights=lengths[one : other + 1]))
        if mean > bar:
            found.append((mean, one, other))
            waiting += [(begin, one - 2), (other + 2, end)]
    found.sort(key=lambda run: -run[0])
    return [(first, last), *((one, other) for _, one, other in found)][:count]


def spans_of(
    evidence: Evidence, row: int, settings: MethodSettings, count: int
) -> list[tuple[int, int]]:
    """First and last original frame of the runs of a candidate's timeline, the best one first."""
    found = timeline(evidence, row, settings)
    return [_frames(found, run) for run in runs_of(found.values, found.lengths, count)]


def scanned_spans(scan: Scan, frame_indices: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The same of the scan alone, before any track is known: all its runs, the best one first.

    Args:
        scan: the windows that were asked about.
        frame_indices: int64 ``(N,)``, original frames that were sampled.
    """
    edges = _edges(frame_indices.astype(np.float64), scan.moments)
    lengths = _lengths(edges)
    values = standardised(scan.margins.clip(-SURE, SURE), lengths)
    found = Timeline(scan.moments, edges, values)
    return [_frames(found, run) for run in runs_of(values, lengths, len(values))]


def span_of(evidence: Evidence, row: int, settings: MethodSettings) -> tuple[int, int]:
    """First and last original frame of what a candidate's timeline is cut to."""
    return spans_of(evidence, row, settings, 1)[0]


def _split(moments: Values, edges: Values, named: NamedTimes | None) -> tuple[Values, Values]:
    """Moments and edges with every named end that lies between two edges an edge as well.

    A moment whose stretch is split gives way to the middles of the parts; the others stay.
    """
    ends = np.empty(0) if named is None else named.ends
    # An end at an edge, but for rounding, splits nothing.
    ends = ends[np.abs(ends[:, None] - edges).min(axis=1, initial=np.inf) > MIN_PART]
    ends = ends[(ends > edges[0]) & (ends < edges[-1])]
    if not len(ends):
        return moments, edges
    finer = np.sort(np.concatenate([edges, ends]))
    middles = (finer[1:] + finer[:-1]) / 2
    owner = np.searchsorted(edges, middles) - 1
    whole = np.bincount(owner, minlength=len(moments))[owner] == 1
    return np.where(whole, moments[owner], middles), finer


def _frames(found: Timeline, run: tuple[int, int]) -> tuple[int, int]:
    start, end = round(float(found.edges[run[0]])), round(float(found.edges[run[1] + 1]))
    return start, max(start, end)


def _edges(frames: Values, moments: Values) -> Values:
    middles = (moments[1:] + moments[:-1]) / 2
    return np.concatenate([[min(frames[0], moments[0])], middles, [max(frames[-1], moments[-1])]])


def _lengths(edges: Values) -> Values:
    return np.asarray(np.maximum(np.diff(edges), 1e-9), dtype=np.float64)


def standardised(curve: Values, lengths: Values) -> Values:
    """A curve less its mean over time, in units of its standard deviation; 0 where it is flat."""
    shares = lengths / lengths.sum()
    around = curve - (curve * shares).sum()
    deviation = float(np.sqrt((around**2 * shares).sum()))
    flat = deviation <= 1e-9 * max(1.0, float(np.abs(curve).max()))
    return np.zeros_like(curve) if flat else np.asarray(around / deviation, dtype=np.float64)


def _logarithm(scores: Values, seen: NDArray[np.bool_]) -> Values:
    """Logarithms of scores; nothing counts half of the least score that is above 0."""
    positive = scores[seen & (scores > 0.0)]
    floor = 0.5 * float(positive.min()) if len(positive) else 1.0
    return np.asarray(np.log(np.maximum(scores, floor)), dtype=np.float64)
