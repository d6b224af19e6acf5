"""What each ablation sets beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from zerotube.errors import ModelError, UsageError
from zerotube.eval.ablations import ABLATIONS, rows_of, with_known_heads
from zerotube.eval.published import published
from zerotube.method.config import preset

FULL = preset("paper")
FEW = preset("paper", frames=6)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_row_is_compared_with_one_before_it(ablation: str) -> None:
    rows = rows_of(ablation, FULL)
    labels = [row.variant.label for row in rows]
    assert len(rows) >= 3
    assert len({repr(row.variant) for row in rows}) == len(rows)
    assert sum(row.compared_with is None for row in rows) == 1
    for row in rows:
        assert row.compared_with in (None, *labels)
        assert row.compared_with != row.variant.label


def test_components_are_the_presets() -> None:
    settings = {row.variant.label: row.variant.settings for row in rows_of("components", FULL)}
    assert settings["baseline (mean of tokens)"] == preset("baseline")
    assert settings["GTI"] == preset("gti")
    assert settings["GTI + V_s + V_t"] == preset("dsth")
    assert settings["full (+ TAS)"] == FULL
    assert not settings["GTI + undivided query (vanilla tuning)"].decomposed


def test_extensions_are_the_default_beside_others_and_with_one_part_changed() -> None:
    base = preset(scan_window=2, frames=16)
    rows = {row.variant.label: row for row in rows_of("extensions", base)}
    settings = {label: row.variant.settings for label, row in rows.items()}
    assert settings["default"] == base
    for label, name in (("GTI", "gti"), ("paper", "paper")):
        mine, theirs = settings[label].to_dict(), preset(name, frames=16).to_dict()
        assert {k: v for k, v in mine.items() if k not in ("scan_stride", "attention_weight")} == {
            k: v for k, v in theirs.items() if k not in ("scan_stride", "attention_weight")
        }
    assert {row.compared_with for row in rows.values()} == {None, "GTI", "default"}
    changed = {
        label: {k for k, v in one.to_dict().items() if v != base.to_dict()[k]}
        for label, one in settings.items()
        if rows[label].compared_with == "default"
    }
    assert len(changed) == 17
    assert all(changed.values())
    assert changed["default, no windows around the ends"] == {"end_windows"}
    assert changed["default, heads by maximum attention"] == {"heads"}
    assert changed["default, maps of single time steps as well"] == {"frame_maps"}
    assert changed["default, span of K frames"] == {"span_rule"}
    assert changed["default, tracks by attention alone"] == {"track_maps"}


def test_methods_are_whole_ones_beside_the_default() -> None:
    base = preset(scan_window=2, frames=16)
    rows = rows_of("methods", base)
    assert rows[0].variant.settings == base
    assert {row.compared_with for row in rows[1:]} == {"default"}
    extensions = {row.variant.label: row.variant.settings for row in rows_of("extensions", base)}
    for row in rows:
        assert extensions[row.variant.label] == row.variant.settings


@pytest.mark.parametrize("ablation", ["methods", "extensions"])
def test_the_model_s_own_words_are_rows_where_somebody_can_be_asked(ablation: str) -> None:
    base = preset(scan_window=2, frames=16)
    silent = {row.variant.label for row in rows_of(ablation, base)}
    rows = {row.variant.label: row for row in rows_of(ablation, base, asks=True)}
    alone = rows["the same model, simply asked for the time"].variant.settings
    assert alone == preset("asked", frames=16, scan_stride=base.scan_stride)
    both = rows["default, the model's words as well"].variant.settings
    assert both == base.changed(time="ask")
    assert silent | {
        "the same model, simply asked for the time",
        "default, the model's words as well",
    } == set(rows)


def test_chosen_heads_are_a_row_where_somebody_has_chosen_them(tmp_path: Path) -> None:
    rows = rows_of("extensions", preset())
    assert with_known_heads(rows, "bundled") == rows
    labels = {row.variant.label for row in rows}
    left = {row.variant.label for row in with_known_heads(rows, str(tmp_path))}
    assert labels - left == {"default, chosen heads"}
    (tmp_path / "zerotube-heads.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not JSON"):
        with_known_heads(rows, str(tmp_path))


@pytest.mark.parametrize(
    ("ablation", "dataset"), [("components", "hcstvg-v1"), ("objective", "hcstvg-v2")]
)
def test_rows_that_the_paper_has_carry_its_names(ablation: str, dataset: str) -> None:
    kind = {"components": "components", "objective": "objectives"}[ablation]
    known = {row.system for row in published(dataset, comparison=kind)}
    assert {row.published for row in rows_of(ablation, FULL)} - {""} == known


def test_sweeps_are_the_papers_and_keep_the_rest() -> None:
    assert [row.variant.settings.top_k for row in rows_of("topk", FULL)] == [3, 5, 7, 9, 11]
    free = rows_of("topk", preset("paper", span_rule="rank-sum"))
    assert {row.variant.settings.span_rule for row in free} == {"top-k"}
    pairs = [(r.variant.settings.lr, r.variant.settings.iterations) for r in rows_of("lr", FULL)]
    assert sorted(pairs) == [(4, 1), (4, 2), (8, 1), (8, 2), (16, 1), (16, 2)]
    own = rows_of("frames", preset("gti", lr=2.0), ["10", "20"])
    assert [(r.variant.settings.frames, r.variant.settings.top_k) for r in own] == [
        (10, 4),
        (20, 7),
    ]
    assert all(row.variant.settings.lr == 2.0 for row in own)
    few = {row.variant.label: row.variant.settings.top_k for row in rows_of("extensions", FEW)}
    assert (few["GTI"], few["default"]) == (2, 2)


def test_trackers_are_named_by_the_user() -> None:
    truth, motion = rows_of("trackers", FULL, ["truth", "motion"])
    assert truth.variant.candidates is not None
    assert truth.variant.candidates.proposer == "truth"
    assert (motion.variant.label, motion.compared_with) == ("motion", "true tracks")


@pytest.mark.parametrize(
    ("ablation", "values", "said"),
    [
        ("colours", (), "one of methods"),
        ("components", ("3",), "none"),
        ("extensions", ("3",), "none"),
        ("topk", ("three",), "whole numbers"),
        ("topk", ("0",), "at least 1"),
        ("frames", ("8", "8"), "each value once"),
        ("lr", ("nan",), "finite"),
    ],
)
def test_what_cannot_be_run_is_refused(ablation: str, values: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        rows_of(ablation, FULL, values)
