"""From results to findings: numbers that were worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.eval.analyses.consistency import check_benchmark, check_count, find_consistency
from zerotube.eval.analyses.peaks import find_peaks
from zerotube.eval.analyses.result import Findings, Table
from zerotube.eval.analyses.tokens import find_tokens
from zerotube.eval.types import Benchmark


def tokens_result(
    activations: list[float],
    ratios: list[float | None],
    gt_v_iou: list[float],
    of_mean: float,
    texts: tuple[str, ...] = ("?", "\n", "\n"),
    candidates: int = 2,
) -> dict[str, Any]:
    one = {
        "activations": activations,
        "ratios": {"span": ratios},
        "gt_v_iou": gt_v_iou,
        "gt_v_iou_of_mean": of_mean,
    }
    return {
        "tokens": [{"text": t, "position": i - len(texts)} for i, t in enumerate(texts)],
        "frames": 8,
        "true_frames": 4,
        "candidates": candidates,
        "right_candidates": min(candidates, 1),
        "attentions": {"relative": one, "plain": one},
    }


TOKENS = [
    # superior token, token of the highest activation; right at ranks
    tokens_result([1, 9, 5], [0.5, 2.0, 1.0], [0.1, 0.9, 0.2], 0.9),  # -2, -2; 1
    tokens_result([1, 5, 9], [0.5, 2.0, 1.0], [0.9, 0.9, 0.5], 0.1),  # -2, -1; 2, 3 (0.5 is not)
    tokens_result([3, 2, 1], [0.5, 1.0, 4.0], [0.9, 0.9, 0.9], 0.6),  # -1, -3; all
    tokens_result([1, 2, 3], [None, None, None], [0.0, 0.0, 0.0], 0.0, candidates=0),
]


def test_hit_ratios_by_hand() -> None:
    found = find_tokens(TOKENS)
    region = found.attentions["relative"].regions["span"]
    assert region.samples == 3
    assert [row.token for row in region.rows] == ["'?' (-3)", "'\\n' (-2)", "'\\n' (-1)"]
    assert [row.hit_ratio.mean for row in region.rows] == pytest.approx([0, 2 / 3, 1 / 3])
    assert [row.chosen.mean for row in region.rows] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert [row.mean_ratio.mean for row in region.rows] == pytest.approx([0.5, 5 / 3, 2.0])
    assert [row.median_ratio for row in region.rows] == pytest.approx([0.5, 2.0, 1.0])
    assert region.chance == pytest.approx(1 / 3)
    assert region.chosen_is_superior.mean == pytest.approx(1 / 3)
    assert "track" not in found.attentions["relative"].regions


def test_accuracy_by_rank_by_hand() -> None:
    found = find_tokens(TOKENS, failed=1)
    *ranks, mean = found.attentions["plain"].ranks
    assert [row.rank for row in ranks] == [1, 2, 3]
    # Of five samples: the fourth chose nothing, the fifth failed.
    assert [row.accuracy.mean for row in ranks] == pytest.approx([2 / 5, 2 / 5, 2 / 5])
    assert mean.rank is None
    assert mean.accuracy.mean == pytest.approx(2 / 5)
    # Paired: rank 2 wins the second sample and loses the first.
    assert ranks[1].difference.mean == 0.0
    assert (ranks[1].difference.low, ranks[1].difference.high) == pytest.approx((-0.6, 0.6))
    assert (ranks[0].difference.low, ranks[0].difference.high) == (0.0, 0.0)
    assert found.accuracy_at_random == pytest.approx(3 * 0.5 / 5)
    assert found.accuracy_of_best == pytest.approx(3 / 5)
    notes = " ".join(found.notes)
    assert "1 sample failed" in notes
    assert "1 sample of 4 without a ratio" in notes
    assert "1 sample without a candidate" in notes
    assert "no true tracks" in notes


def test_templates_of_different_lengths() -> None:
    short = tokens_result([2, 1], [1.0, 3.0], [0.9, 0.1], 0.9, texts=("?", "\n"))
    found = find_tokens([TOKENS[0], short])
    region = found.attentions["relative"].regions["span"]
    # The same text at another place is another token.
    assert [row.token for row in region.rows] == [
        "'?' (-3)",
        "'?' (-2)",
        "'\\n' (-2)",
        "'\\n' (-1)",
    ]
    assert region.chance == pytest.approx((1 / 3 + 1 / 2) / 2)
    ranks = found.attentions["relative"].ranks
    assert [(row.rank, row.samples) for row in ranks] == [(1, 2), (2, 2), (3, 1), (None, 2)]
    assert ranks[2].difference.mean == pytest.approx(-1.0)  # on the one sample that has it


def test_one_sample_says_so_and_has_no_interval() -> None:
    found = find_tokens(TOKENS[:1])
    hit = found.attentions["plain"].regions["span"].rows[1].hit_ratio
    assert not hit.known
    assert np.isfinite(hit.mean)
    assert any("one sample only" in note for note in found.notes)
    assert any("one sample only" in note for note in find_peaks(PEAKS[:1]).notes)


def peaks_result(
    before: float, after: float, masses: tuple[list[float], list[float]] | None
) -> dict[str, Any]:
    first, last = masses or (None, None)
    maps = {
        "before": {"peak": before, "masses": {"span": first}},
        "V_s": {"peak": after, "masses": {"span": last}},
        "V_t": {"peak": before, "masses": {"span": first}},
    }
    return {"attentions": {"relative": maps, "plain": maps}}


PEAKS = [
    peaks_result(2.0, 8.0, ([1.0, 3.0], [1.0, 9.0])),
    peaks_result(4.0, 4.0, ([2.0, 2.0], [6.0, 2.0])),
    peaks_result(6.0, 9.0, None),
]


def test_peaks_by_hand() -> None:
    found = find_peaks(PEAKS, failed=2)
    peak = found.change("relative", "V_s", "peak")
    assert peak.before == (2.0, 4.0, 6.0)
    assert peak.after == (8.0, 4.0, 9.0)
    assert peak.difference.mean == pytest.approx(3.0)
    assert (peak.difference.low, peak.difference.high) == (0.0, 6.0)
    assert peak.ratio == pytest.approx(21 / 12)
    share = found.change("relative", "V_s", "share of the mass inside the true box")
    assert share.before == pytest.approx((0.25, 0.5))
    assert share.after == pytest.approx((0.1, 0.75))
    assert found.change("plain", "V_s", "mass outside the true box").after == (9.0, 2.0)
    unchanged = found.change("plain", "V_t", "peak")
    assert unchanged.difference.mean == 0.0
    assert unchanged.ratio == 1.0
    raw = found.to_dict()
    assert raw["published"] == {"mean_peak_before": 6.7, "mean_peak_after": 23.9}
    assert raw["changes"][0]["median_after"] == 8.0
    published = [table.rows[-1][:3] for table in found.tables()]
    assert published[:2] == [("peak, the paper's models", "6.7", "23.9")] * 2
    assert all("paper" not in row[0] for row in published[2:])
    notes = " ".join(found.notes)
    assert "2 samples failed" in notes
    assert "1 sample of 3 without" in notes


def consistency_result(value: float, right: bool, v_iou: float) -> dict[str, Any]:
    answers = {
        "assembled": {
            "gt_v_iou": 0.9 if right else 0.5,
            "v_iou": {"half-open": v_iou, "inclusive": v_iou / 2},
        },
        "forward": {"gt_v_iou": 0.0, "v_iou": {"half-open": 0.0, "inclusive": 0.0}},
    }
    one = {"consistency": value, "answers": answers}
    return {"candidates": 3, "tunings": {"tuned": one, "untuned": one}}


def consistency_results(count: int) -> list[dict[str, Any]]:
    """The upper half by consistency is right; handed over in a mixed order."""
    order = np.random.default_rng(0).permutation(count)
    return [consistency_result(0.1 + 0.01 * k, k >= count // 2, 0.02 * k) for k in order]


def test_groups_by_hand() -> None:
    found = find_consistency(consistency_results(20))
    one = found.tunings["tuned"]
    assert [group.samples for group in one.groups] == [2] * 10
    assert [g.answers["assembled"].accuracy.mean for g in one.groups] == [0.0] * 5 + [1.0] * 5
    assert one.groups[3].mean == pytest.approx(0.1 + 0.065)
    assert (one.groups[3].lowest, one.groups[3].highest) == pytest.approx((0.16, 0.17))
    assert one.groups[3].answers["assembled"].m_v_iou.mean == pytest.approx(0.02 * 6.5)
    assert one.answers["assembled"].accuracy.mean == 0.5
    assert one.correlations["assembled"].v_iou.mean == pytest.approx(1.0)
    # Ranks 1..20 against 0 ten times, then 1 ten times.
    assert one.correlations["assembled"].right.mean == pytest.approx(
        np.corrcoef(np.arange(20), np.arange(20) >= 10)[0, 1]
    )
    assert np.isnan(one.correlations["forward"].right.mean)
    assert any("all right or all wrong" in note for note in found.notes)
    other = find_consistency(consistency_results(20), protocol="inclusive").tunings["tuned"]
    assert other.groups[9].answers["assembled"].m_v_iou.mean == pytest.approx(0.01 * 18.5)


def test_fewer_samples_than_groups_are_refused() -> None:
    with pytest.raises(InputError, match=r"9 samples for 10 groups.*at least 10.*--groups 9"):
        find_consistency(consistency_results(9))
    with pytest.raises(InputError, match="1 sample of kind 'x' for 2 groups"):
        check_count(1, 2, "x")
    few = find_consistency(consistency_results(10))
    assert any("groups of one sample" in note for note in few.notes)


def test_still_images_have_no_consistency() -> None:
    with pytest.raises(UsageError, match=r"still images of refcoco.*reads the same backwards"):
        check_benchmark(Benchmark("refcoco", "val", (), still=True))


@pytest.mark.parametrize(
    "found",
    [
        find_tokens(TOKENS, 1),
        find_tokens(TOKENS[3:]),
        find_peaks(PEAKS),
        find_peaks(PEAKS[2:]),
        find_consistency(consistency_results(11)),
    ],
    ids=["tokens", "tokens without ratios", "peaks", "peaks without boxes", "consistency"],
)
def test_every_finding_becomes_json_tables_and_a_figure(found: Findings) -> None:
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    for table in found.tables():
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert "nan" not in table.markdown()
    assert len(found.figure().axes) in (2, 4)


def test_a_table_keeps_its_columns_whatever_its_cells_hold() -> None:
    table = Table("t", ("a", "b"), (("`<|im_end|>`", "two\nlines"),))
    last = table.markdown().splitlines()[-1]
    assert last == "| `<\\|im_end\\|>` | two lines |"
