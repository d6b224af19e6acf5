"""Numbers, charts and choices behind the page."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eval.report.made_run import made_content
from zerotube.eval.bootstrap import Interval
from zerotube.eval.metrics import Overlap
from zerotube.eval.report import cards, charts, summary
from zerotube.eval.report.pictures import frames_to_show
from zerotube.eval.types import Prediction, Sample, Truth
from zerotube.geometry.spans import Span

UNIT = st.floats(0, 1, allow_subnormal=False)
OVERLAPS = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, n, elements=UNIT))


def counted(tips: list[str]) -> int:
    """Samples that the tooltips of a chart add up to."""
    return sum(int(re.findall(r"([\d,]+) samples?$", tip)[0].replace(",", "")) for tip in tips)


@given(OVERLAPS)
def test_a_histogram_loses_no_sample(values) -> None:
    chart = charts.histogram("vIoU", values)
    assert counted([bar.tip for bar in chart.bars]) == len(values)
    tallest = max(chart.bars, key=lambda bar: bar.height)
    for bar in chart.bars:
        assert bar.y + bar.height == pytest.approx(charts.BOTTOM)
        assert bar.y >= charts.TOP
        own, largest = counted([bar.tip]), counted([tallest.tip])
        assert bar.height == pytest.approx(tallest.height * own / largest)
    assert f"mean {values.mean():.3f}" in chart.alt
    assert chart.rules[0].text == f"mean {values.mean():.2f}"


@given(OVERLAPS, st.sampled_from([0.0, 0.3, 1.0]))
def test_a_scatter_plot_shows_counts_as_areas(values, other) -> None:
    chart = charts.scatter("tIoU", "gt_vIoU", values, np.full_like(values, other))
    counts = [counted([dot.tip]) for dot in chart.dots]
    assert sum(counts) == len(values)
    areas = [dot.radius**2 / count for dot, count in zip(chart.dots, counts, strict=True)]
    assert areas == pytest.approx([areas[0]] * len(areas))
    for dot in chart.dots:
        assert dot.x - dot.radius + 1e-6 >= charts.LEFT
        assert dot.x + dot.radius <= charts.RIGHT + 1e-6
        assert dot.y - dot.radius + 1e-6 >= charts.TOP
        assert dot.y + dot.radius <= charts.BOTTOM + 1e-6


def test_ten_thousand_samples_make_a_small_scatter_plot() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(10_000), rng.random(10_000)
    chart = charts.scatter("tIoU", "gt_vIoU", x, y)
    assert len(chart.dots) <= 400
    assert counted([dot.tip for dot in chart.dots]) == 10_000
    both = float(((x > 0.5) & (y > 0.5)).mean())
    assert f"both above 0.5 in {100 * both:.0f}%" in chart.alt


def test_means_by_length_are_where_the_axis_says() -> None:
    nan = float("nan")
    groups = [
        summary.Group("1–2", 40, {"m_vIoU": Interval(0.1, 0.05, 0.2)}),
        summary.Group("3–9", 3, {"m_vIoU": Interval(0.3, nan, nan)}),
    ]
    chart = charts.means_by_length("seconds", groups)
    at = {float(tick.text): tick.at for tick in chart.y_ticks}
    assert max(at) == 0.4
    assert chart.dots[0].y == pytest.approx(at[0.1])
    assert chart.dots[0].high == pytest.approx(at[0.2])
    assert chart.dots[1].low is None
    assert "1–2 seconds: 0.10 (0.05 to 0.20), 40 samples" in chart.alt


def made_part(samples, **changes) -> summary.Part:
    return summary.parts(made_content([replace(s, **changes) for s in samples]).scores)[0]


def test_a_part_holds_what_the_scores_hold(samples) -> None:
    content = made_content(samples)
    (part,) = summary.parts(content.scores)
    assert part.table.members == tuple(samples)
    assert part.means["m_tIoU"].mean == pytest.approx(part.table.values["m_tIoU"].mean())
    assert part.means["m_vIoU"] == content.scores.tables["all"].intervals()["m_vIoU"]


def test_breakdowns_divide_the_samples(samples) -> None:
    (part,) = summary.parts(made_content(samples).scores)
    broken = {item.name: item for item in summary.breakdowns(part)}
    assert set(broken) == {"kind", "noun", "objects"}
    for item in broken.values():
        assert sum(group.samples for group in item.groups) == 14
        for measure in item.measures:
            whole = sum(group.samples * group.means[measure].mean for group in item.groups) / 14
            assert whole == pytest.approx(part.means[measure].mean)
    assert [group.name for group in broken["objects"].groups] == sorted(
        {sample.tags["objects"] for sample in samples}, key=int
    )
    for group in broken["noun"].groups:
        own = np.array([sample.tags["noun"] == group.name for sample in samples])
        assert group.means["m_vIoU"].mean == pytest.approx(part.table.values["m_vIoU"][own].mean())
        # Of fewer than five samples an interval would promise too much.
        assert np.isnan(group.means["m_vIoU"].low) == (group.samples < 5)


def test_many_groups_show_the_largest(samples) -> None:
    many = [
        replace(samples[n % 14], sample_id=str(n), tags={"category": f"c{min(n, 60 - n):02d}"})
        for n in range(60)
    ]
    many[0] = replace(many[0], tags={})
    (part,) = summary.parts(made_content(many).scores)
    broken = {item.name: item for item in summary.breakdowns(part)}["category"]
    assert len(broken.groups) == 12
    assert all(group.samples == 2 for group in broken.groups)
    assert broken.note == "the 12 largest of 31 groups; 36 samples are in the others"


def test_a_tag_that_some_samples_lack_is_shown(samples) -> None:
    half = [
        replace(sample, kind="all", tags={"mood": "calm"} if n < 6 else {})
        for n, sample in enumerate(samples)
    ]
    (part,) = summary.parts(made_content(half).scores)
    (broken,) = summary.breakdowns(part)
    assert [(group.name, group.samples) for group in broken.groups] == [("(none)", 8), ("calm", 6)]


def test_lengths_are_in_seconds_where_the_rate_is_known(samples) -> None:
    (part,) = summary.parts(made_content(samples).scores)
    unit, groups = summary.by_length(part)
    assert unit == "seconds"
    assert sum(group.samples for group in groups) == 14
    ordered = sorted(part.table.members, key=lambda s: s.truth.span.frame_count / (s.fps or 0))
    shortest = ordered[0].truth.span.frame_count / (ordered[0].fps or 0)
    assert groups[0].name.startswith(f"{shortest:.1f}")
    whole = sum(group.samples * group.means["m_vIoU"].mean for group in groups) / 14
    assert whole == pytest.approx(part.means["m_vIoU"].mean)
    unit, groups = summary.by_length(made_part(samples, fps=None))
    assert unit == "frames"
    assert groups[-1].name.endswith(str(max(s.truth.span.frame_count for s in samples)))


def test_few_samples_or_equal_lengths_have_no_groups_of_length(samples) -> None:
    assert summary.by_length(summary.parts(made_content(samples[:6]).scores)[0])[1] == ()
    same = [replace(samples[0], sample_id=str(n)) for n in range(14)]
    assert len(summary.by_length(summary.parts(made_content(same).scores)[0])[1]) == 1


def test_labels_of_lengths_are_told_apart() -> None:
    assert summary._told_apart([(1.91, 1.93), (1.94, 1.94), (2.5, 4)], (1, 2)) == [
        "1.91–1.93",
        "1.94",
        "2.50–4.00",
    ]


def test_reasons_are_gathered() -> None:
    items = [("a", "no video"), ("b", "bad box"), ("c", "no video"), ("d", "x" * 5000)]
    first, *rest = summary.by_reason(items)
    assert (first.text, first.ids) == ("no video", ("a", "c"))
    assert len(rest) == 2
    assert len(rest[1].text) < 1700
    assert "3,400 characters" in rest[1].text


SPANS = st.tuples(st.integers(0, 80), st.integers(0, 80)).map(lambda p: Span(min(p), max(p)))


@given(SPANS, SPANS, st.integers(2, 8))
def test_frames_cover_the_video_and_the_truth(visible, truth, count) -> None:
    frames = frames_to_show(visible, truth, count)
    assert 1 <= len(frames) <= count
    assert np.all(np.diff(frames) > 0)
    assert all(frame in visible for frame in frames.tolist())
    first = max(visible.start_frame, truth.start_frame)
    last = min(visible.end_frame, truth.end_frame)
    in_truth = sum(first <= frame <= last for frame in frames.tolist())
    assert in_truth >= min(2, max(last - first + 1, 0))
    if visible.frame_count >= count:
        assert len(frames) == count


def test_a_short_truth_in_a_long_video_is_shown() -> None:
    frames = frames_to_show(Span(0, 9999), Span(5100, 5120))
    assert sum(5100 <= frame <= 5120 for frame in frames.tolist()) == 2
    assert frames[0] < 1700
    assert frames[-1] > 8300


BOX = np.array([[0.0, 0.0, 4.0, 4.0]])


def bare(name: str) -> Sample:
    return Sample(name, "it", "all", "v", None, Truth(Span(0, 0), BOX))


@given(st.lists(UNIT, min_size=1, max_size=40), st.integers(0, 3), st.integers(0, 5))
def test_best_worst_and_drawn_are_different_samples(values, failing, seed) -> None:
    samples = [bare(str(n)) for n in range(len(values) + failing)]
    overlaps = {str(n): Overlap(v, v, v) for n, v in enumerate(values)}
    overlaps |= {s.sample_id: Overlap(0, 0, 0) for s in samples[len(values) :]}
    found = {str(n): Prediction(str(n), Span(0, 0), np.array([0]), BOX) for n in range(len(values))}
    choice = cards.choose(samples, overlaps, found, seed)
    shown = [s.sample_id for s in (*choice.best, *choice.worst, *choice.drawn)]
    assert len(shown) == len(set(shown)) == min(len(samples), len(shown))
    assert len(shown) == len(samples) or len(shown) == 18 or choice.others > len(choice.drawn)
    best = [overlaps[s.sample_id].v_iou for s in choice.best]
    worst = [overlaps[s.sample_id].v_iou for s in choice.worst]
    assert best == sorted(values, reverse=True)[: len(best)]
    assert worst == sorted(values)[: len(worst)]
    assert {s.sample_id for s in choice.best + choice.worst} <= set(found)
    again = cards.choose(samples, overlaps, found, seed)
    assert again == choice


def test_other_seeds_draw_other_samples() -> None:
    samples = [bare(str(n)) for n in range(60)]
    nothing = {sample.sample_id: Overlap(0, 0, 0) for sample in samples}
    drawn = [cards.choose(samples, nothing, {}, seed).drawn for seed in (0, 1)]
    assert [len(one) for one in drawn] == [6, 6]
    assert set(drawn[0]) != set(drawn[1])


def test_a_time_bar_is_relative_to_what_the_method_saw() -> None:
    sample = replace(bare("a"), segment=Span(100, 199), fps=10.0)
    sample = replace(sample, truth=Truth(Span(110, 129), np.repeat(BOX, 20, axis=0)))
    answer = Prediction("a", Span(90, 104), np.arange(90, 105), np.repeat(BOX, 15, axis=0))
    card = cards.card(sample, Overlap(0, 0, 0), answer, still=False)
    assert card.true_bar == cards.Bar(10.0, 20.0, "11.0–13.0 s, frames 110–129")
    # What lies before the segment is cut from the bar, not from the text.
    assert card.predicted_bar == cards.Bar(0.0, 5.0, "9.0–10.5 s, frames 90–104")


def test_settings_are_flat_and_compared() -> None:
    rows = summary.setting_rows(
        {"method": {"layers": (6, 26), "lr": 8.0, "deep": {"on": True}}, "extra": None, "no": {}},
        {"method": {"layers": [6, 26], "lr": 4.0, "deep": {"on": True}}},
    )
    found = {row.name: (row.value, row.default, row.differs) for row in rows}
    assert found == {
        "method.layers": ("[6, 26]", "[6, 26]", False),
        "method.lr": ("8.0", "4.0", True),
        "method.deep.on": ("true", "true", False),
        "extra": ("null", None, False),
        "no": ("{}", None, False),
    }
