"""Presets are the rows of the ablation; wrong values are refused with the way out."""

from __future__ import annotations

import pytest

from zerotube.errors import UsageError
from zerotube.method.config import PRESETS, MethodSettings, preset


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
        "baseline": ("mean", False, False, False),
        "gti": ("highest", False, False, False),
        "dsth": ("highest", True, True, False),
        "full": ("highest", True, True, True),
    }


def test_defaults_are_the_papers() -> None:
    settings = preset("full")
    assert (settings.frames, settings.top_k, settings.lr, settings.iterations) == (20, 7, 8.0, 1)
    assert (settings.objective, settings.token_rule, settings.span_rule) == (
        "exp",
        "highest",
        "top-k",
    )
    assert (settings.layer_start, settings.layer_end) == (6 / 32, 26 / 32)


def test_changes_win_over_the_preset_and_none_means_unset() -> None:
    assert preset("gti", spatial_prompt=True, lr=None).spatial_prompt
    assert preset("gti", lr=None).lr == MethodSettings().lr


def test_settings_within_a_frame_limit_keep_the_share_of_the_span() -> None:
    settings = preset("full", lr=2.0)
    assert settings.within(None) is settings
    assert settings.within(20) is settings
    assert settings.within(8) == preset("full", lr=2.0, frames=8, top_k=3)
    assert settings.within(1) == preset("full", lr=2.0, frames=1, top_k=1)


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
        {"token_rule": "median"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_wrong_values(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="zerotube ground --help"):
        preset("full", **changes)


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match="baseline, gti, dsth, full"):
        preset("magic")
