"""``zerotube doctor``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_report(run) -> None:
    done = run("doctor")
    assert done.code == 0
    for word in ("python", "zerotube", "torch", "transformers", "av", "supervision", "trackers"):
        assert f"\n  {word} " in done.out
    assert "H.264 overlay.mp4" in done.out
    assert done.out.endswith("grounding can run\n")


def test_json(run) -> None:
    done = run("doctor", "--json")
    report = json.loads(done.out)
    assert report["can_ground"] is True
    assert {check["group"] for check in report["checks"]} >= {
        "versions",
        "devices",
        "video",
        "caches",
        "models",
    }
    for check in report["checks"]:
        assert check["status"] in ("ok", "missing", "broken")
        assert check["status"] != "broken" or check["fix"]


def test_a_broken_model_is_said_with_its_fix(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import zerotube.bundled

    monkeypatch.setattr(zerotube.bundled, "bundled_path", lambda: tmp_path)
    done = run("doctor")
    assert done.code == 1
    assert "broken" in done.out
    assert "run: pip install" in done.out
    assert done.out.rstrip().endswith("see the lines marked broken")
