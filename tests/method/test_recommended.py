"""Settings that a model brings along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zerotube.bundled import bundled_path
from zerotube.errors import ModelError, UsageError
from zerotube.method.config import preset
from zerotube.method.recommended import FILE, recommended, settings_for


def folder(path: Path, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (path / FILE).write_text(text)
    return str(path)


def test_the_bundled_model_brings_its_own() -> None:
    written = json.loads((bundled_path() / FILE).read_text())
    found = recommended("bundled")
    assert found.method == written["method"]
    assert found.why == written["why"] != ""
    assert settings_for("bundled") == preset("default", **written["method"])


def test_a_folder_brings_its_own_and_flags_win(tmp_path: Path) -> None:
    model = folder(tmp_path, {"method": {"lr": 0.5, "token_rule": "mean"}})
    assert settings_for(model) == preset("default", lr=0.5, token_rule="mean")
    assert settings_for(model, "default", {"lr": 0.25}).lr == 0.25
    assert settings_for(model, "default", {"lr": 0.25}).token_rule == "mean"


def test_a_recommended_k_keeps_its_share_of_the_frames_that_the_user_wants(tmp_path: Path) -> None:
    model = folder(tmp_path, {"method": {"frames": 10, "top_k": 5}})
    assert settings_for(model, "default", {"frames": 20}) == preset(frames=20, top_k=10)
    assert settings_for(model, "default", {"frames": 20, "top_k": 3}).top_k == 3


def test_a_named_preset_is_not_touched(tmp_path: Path) -> None:
    model = folder(tmp_path, {"method": {"lr": 0.5, "token_rule": "mean"}})
    assert settings_for(model, "paper", {"frames": 8}) == preset("paper", frames=8)


def test_a_model_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    assert settings_for(str(tmp_path)) == preset()
    assert recommended(str(tmp_path)).why == ""


def test_an_id_that_cannot_be_reached_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert settings_for("nobody/nothing") == preset()
    assert settings_for("not an id at all") == preset()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([], "without settings"),
        ({"why": "x"}, "without settings"),
        ({"method": {"lr": 0.1}, "why": 3}, "without settings"),
        ({"method": {"colour": "red"}}, "unknown setting 'colour'"),
        ({"method": {"lr": -1}}, "lr=-1"),
        ({"method": {"lr": "much"}}, "another type"),
        ({"method": {"token_rule": ["mean"]}}, "token_rule"),
    ],
    ids=str,
)
def test_a_file_that_says_nothing_usable(tmp_path: Path, content: object, got: str) -> None:
    model = folder(tmp_path, content)
    with pytest.raises(ModelError, match=got) as caught:
        settings_for(model)
    assert "\n" not in str(caught.value)
    assert settings_for(model, "paper") == preset("paper")


def test_a_wrong_flag_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        settings_for(str(tmp_path), "default", {"lr": 0.0})
