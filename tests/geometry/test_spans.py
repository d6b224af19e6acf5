"""Spans of frames."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerotube.errors import InputError
from zerotube.geometry.spans import Span

spans = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda p: Span(min(p), max(p)))


@given(spans, spans)
def test_t_iou_is_the_overlap_of_lengths(a: Span, b: Span) -> None:
    inside = {2 * f + 1 for f in range(a.start_frame, a.end_frame)}
    other = {2 * f + 1 for f in range(b.start_frame, b.end_frame)}
    hull_start, hull_end = min(a.start_frame, b.start_frame), max(a.end_frame, b.end_frame)
    shared = len(inside & other)
    assert a.t_iou(b) == (shared / (hull_end - hull_start) if shared else 0.0)
    assert a.t_iou(b) == b.t_iou(a)


@given(spans, st.sampled_from([25, 12.5, Fraction(30000, 1001)]))
def test_a_span_ends_when_its_last_frame_does(span: Span, fps: float | Fraction) -> None:
    start_s, end_s = span.seconds(fps)
    assert start_s == pytest.approx(span.start_frame / fps)
    assert end_s - start_s == pytest.approx(span.frame_count / fps)
    after = Span(span.end_frame + 1, span.end_frame + 1)
    assert after.seconds(fps)[0] == end_s


@given(spans)
def test_a_span_counts_and_contains_both_ends(span: Span) -> None:
    assert span.frame_count == sum(frame in span for frame in range(42))
    assert span.start_frame in span
    assert span.end_frame in span


def test_one_frame_spans_share_no_length() -> None:
    assert Span(3, 3).t_iou(Span(3, 3)) == 0.0


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3)])
def test_ends_out_of_order_are_refused(start: int, end: int) -> None:
    with pytest.raises(InputError, match="start_frame <= end_frame"):
        Span(start, end)
