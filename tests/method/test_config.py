"""Presets are the rows of the ablation; wrong values are refused with the way out."""

from __future__ import annotations

import pytest

from zerotube.errors import UsageError
from zerotube.method.config import PRESETS, MethodSettings, named, preset


def test_presets_switch_the_components() -> None:
    rows = {
        name: (
            preset(name).token_rule,
            preset(name).spatial_prompt,
            preset(name).temporal_prompt,
            preset(name).assembling,
        )
        for name in PRESETS
    }
    assert rows == {
        "default": ("mean", False, False, False),
        "paper": ("highest", True, True, True),
        "tuned": ("highest", True, True, False),
        "release": ("fixed", False, False, False),
        "baseline": ("mean", False, False, False),
        "asked": ("mean", False, False, False),
        "gti": ("highest", False, False, False),
        "dsth": ("highest", True, True, False),
    }


def test_paper_is_the_papers() -> None:
    settings = preset("paper")
    assert (settings.frames, settings.top_k, settings.lr, settings.iterations) == (20, 7, 8.0, 1)
    assert (settings.objective, settings.token_rule, settings.span_rule) == (
        "exp",
        "highest",
        "top-k",
    )
    assert (settings.layer_start, settings.layer_end) == (6 / 32, 26 / 32)
    assert (settings.step, settings.decomposed, settings.wording) == ("gradient", True, "paper")


@pytest.mark.parametrize("name", ["paper", "tuned", "release", "baseline", "gti", "dsth"])
def test_what_is_named_after_others_scans_nothing_and_reads_attention_alone(name: str) -> None:
    settings = preset(name)
    assert (settings.contrast, settings.track_maps, settings.track_score) == (
        "ratio",
        "attention",
        "max",
    )
    assert settings.scan_window == 0
    assert settings.span_rule.startswith("top-k")


def test_release_is_what_the_released_code_runs() -> None:
    """Read line by line in the authors' repository (method section 11)."""
    settings = preset("release")
    assert (settings.frames, settings.top_k, settings.span_rule) == (20, 11, "top-k-to-tie")
    assert (settings.support, settings.frame_score) == ("mask", "pixels")
    assert (settings.layers, settings.wording) == ("from-end", "release")
    parts = (settings.spatial_prompt, settings.temporal_prompt, settings.assembling)
    assert parts == (False, False, False)


def test_the_default_tunes_nothing_and_what_is_switched_on_takes_no_unbounded_step() -> None:
    settings = MethodSettings()
    assert settings == preset() == preset("default")
    assert not settings.spatial_prompt
    assert not settings.temporal_prompt
    for tuned in (settings, preset("tuned")):
        assert (tuned.objective, tuned.step) == ("margin", "token-norm")


def test_gradients_are_kept_where_they_are_read_alone() -> None:
    assert preset().needs_gradients
    assert preset("paper").needs_gradients
    assert not preset("gti").needs_gradients
    assert not preset(track_maps="attention").needs_gradients
    assert preset(track_maps="attention", gradient_weight=0.5).needs_gradients


def test_settings_are_named_by_the_nearest_preset() -> None:
    assert [named(preset(name)) for name in PRESETS] == list(PRESETS)
    assert named(preset("paper", lr=4.0, frames=8)) == "paper, frames 8, lr 4.0"
    assert named(preset("paper", frames=8, top_k=5)) == "paper, frames 8, top_k 5"
    assert named(preset("release").within(8)) == "release, frames 8"
    assert named(preset("gti", token_rule="mean")) == "baseline"


def test_changes_win_over_the_preset_and_none_means_unset() -> None:
    assert preset("gti", spatial_prompt=True, lr=None).spatial_prompt
    assert preset("gti", lr=None).lr == preset("gti").lr


def test_settings_within_a_frame_limit_keep_the_share_of_the_span() -> None:
    settings = preset("paper", lr=2.0)
    assert settings.within(None) is settings
    assert settings.within(20) is settings
    assert settings.within(8) == preset("paper", lr=2.0, frames=8, top_k=3)
    assert settings.within(1) == preset("paper", lr=2.0, frames=1, top_k=1)


def test_k_follows_the_frames_where_it_is_not_given() -> None:
    assert [preset(frames=n).top_k for n in (1, 6, 8, 20, 40)] == [1, 2, 3, 7, 14]
    assert preset("release", frames=6).top_k == 3  # 11 of 20
    assert preset(frames=6, top_k=None).top_k == 2
    assert preset(frames=6, top_k=6).top_k == 6
    assert preset(frames=10, top_k=5).changed(frames=4, lr=2.0) == preset(frames=4, top_k=2, lr=2.0)


@pytest.mark.parametrize("rule", ["top-k", "rank-sum"])
def test_more_frames_in_the_span_than_are_sampled_are_refused(rule: str) -> None:
    with pytest.raises(UsageError, match=r"top_k=7 with frames=6.*lower top_k"):
        preset("gti", frames=6, top_k=7, span_rule=rule)
    with pytest.raises(UsageError, match="top_k=21 with frames=20"):
        preset("gti", top_k=21)
    with pytest.raises(UsageError, match=r"give frames alone to preset\(\)"):
        MethodSettings(frames=6)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(UsageError, match="'colour'"):
        preset("gti", colour="red")


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": 0},
        {"top_k": 0},
        {"iterations": 0},
        {"lr": 0.0},
        {"lr": float("inf")},
        {"lr": float("nan")},
        {"ema": 1.0},
        {"layer_start": 0.9},
        {"objective": "hope"},
        {"support": "hull"},
        {"span_rule": "best"},
        {"layers": "all"},
        {"wording": "poem"},
        {"frame_score": "inches"},
        {"token_rule": "median"},
        {"contrast": "sum"},
        {"track_maps": "none"},
        {"track_score": "median"},
        {"scan_window": -1},
        {"scan_stride": 0},
        {"end_windows": -2},
        {"scan_weight": -0.1},
        {"attention_weight": float("inf")},
        {"scan_weight": 0.0, "attention_weight": 0.0},
        {"colour": "red"},
    ],
    ids=str,
)
def test_wrong_values(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="zerotube ground --help"):
        preset("paper", **changes)


def test_unknown_preset() -> None:
    with pytest.raises(
        UsageError, match="default, paper, tuned, release, baseline, asked, gti, dsth"
    ):
        preset("magic")
