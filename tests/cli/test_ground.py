"""``zerotube ground`` on tiny clips, with the bundled model and the motion proposer."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from zerotube.method.config import Contrast, MethodSettings, preset
from zerotube.method.recommended import settings_for

FILES = {"tube.json", "overlay.mp4", "attention.png", "timeline.png"}
QUERY = "the red square moves right"


def test_for_people_with_files(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    done = run("ground", clip, QUERY, "--out", out)
    assert done.code == 0
    assert {path.name for path in out.iterdir()} == FILES
    rows = dict(line.split(None, 1) for line in done.out.splitlines())
    assert {"object", "time", "verdict", "token", "model"} <= set(rows)
    assert rows["time"].endswith("of 24")
    assert "shapes" in rows["model"]
    for name in FILES:
        assert str(out / name) in done.out
    stages = [line.split()[0] for line in done.err.splitlines()]
    assert stages == ["decode", "propose", "encode", "read", "scan"]

    again = run("ground", clip, QUERY, "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.error_line()
    assert run("ground", clip, QUERY, "--out", out, "--overwrite", "--quiet").code == 0


def test_what_is_not_there_is_said_and_no_tube_is_given_where_that_is_asked(
    run, clip: Path, tmp_path: Path
) -> None:
    asked = ("ground", clip, "the purple star grows", "--quiet")
    answer = json.loads(run(*asked, "--json").out)
    assert answer["verdict"] == "absent"
    assert answer["presence"] < 0.1
    assert json.loads(run("ground", clip, QUERY, "--quiet", "--json").out)["verdict"] == "present"
    out = tmp_path / "out"
    none = run(*asked, "--abstain", "--out", out)
    assert none.code == 4
    assert "leave --abstain out" in none.error_line()
    assert not out.exists()


def test_exports_are_written_beside_the_result(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    formats = ("--export", "coco-vid", "--export", "mot")
    done = run("ground", clip, QUERY, "--out", out, *formats, "--quiet")
    assert done.code == 0
    answer = json.loads((out / "tube.json").read_text(encoding="utf-8"))
    coco = json.loads((out / "coco_vid.json").read_text(encoding="utf-8"))
    assert [image["frame_id"] for image in coco["images"]] == [
        box["frame"] for box in answer["boxes"]
    ]
    assert coco["tracks"][0]["query"] == QUERY
    assert len((out / "mot.txt").read_text(encoding="utf-8").splitlines()) == len(answer["boxes"])
    for name in ("coco_vid.json", "mot.txt"):
        assert str(out / name) in done.out


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [(("--export", "mot"), "--out"), (("--export", "coco", "--out", "new"), "coco-vid, mot")],
)
def test_exports_that_cannot_be_are_refused_at_once(
    run, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags, wanted: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("ground", clip, QUERY, *flags)
    assert done.code == 2
    assert wanted in done.error_line()
    assert not list(tmp_path.iterdir())


def test_json_is_tube_json_and_nothing_else(run, clip: Path, tmp_path: Path) -> None:
    done = run("ground", clip, QUERY, "--json", "--quiet", "--out", tmp_path / "out")
    assert done.code == 0
    assert done.out == (tmp_path / "out" / "tube.json").read_text(encoding="utf-8")
    assert json.loads(done.out)["query"] == QUERY
    assert done.err == ""


@pytest.mark.parametrize("contrast", get_args(Contrast))
def test_every_contrast_has_its_picture(run, clip: Path, tmp_path: Path, contrast: str) -> None:
    done = run("ground", clip, QUERY, "--contrast", contrast, "--out", tmp_path / "out", "--quiet")
    assert done.code == 0
    assert (tmp_path / "out" / "attention.png").is_file()


def test_tokens_that_were_combined_are_counted_not_quoted(run, clip: Path) -> None:
    done = run("ground", clip, QUERY, "--method", "gti", "--token-rule", "top-2", "--quiet")
    assert ["token", "2", "tokens"] in [line.split() for line in done.out.splitlines()]


def test_without_out_nothing_is_written(
    run, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("ground", clip, QUERY, "--quiet").code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["default", "paper", "release", "baseline", "gti", "dsth"])
def test_presets(run, clip: Path, method: str) -> None:
    done = run("ground", clip, QUERY, "--json", "--method", method)
    expected = settings_for("bundled") if method == "default" else preset(method)
    settings = json.loads(done.out)["settings"]
    assert settings["method"] == expected.to_dict()
    assert settings["preset"].split(",")[0] == method


OTHER = {
    "frames": 8,
    "token_rule": "top-2",
    "layers": "from-end",
    "frame_score": "pixels",
    "wording": "release",
    "contrast": "excluding",
    "heads": "max-attention",
    "frame_maps": "frames",
    "track_maps": "attention",
    "track_score": "max",
    "scan_window": 3,
    "scan_stride": 1,
    "end_windows": 3,
    "scan_weight": 2.0,
    "attention_weight": 0.5,
    "gradient_weight": 0.75,
    "ask_weight": 0.5,
    "ask_samples": 3,
    "present_above": 2.0,
    "absent_below": -9.0,
    "abstain": True,
    "answers": 3,
    "plurals": False,
    "layer_start": 0.25,
    "layer_end": 1.0,
    "spatial_prompt": True,
    "temporal_prompt": True,
    "assembling": True,
    "decomposed": True,
    "objective": "entropy",
    "step": "gradient",
    "lr": 2.5,
    "iterations": 2,
    "ema": 0.5,
    "top_k": 3,
    "span_rule": "rank-sum",
    "support": "mask",
    "frame_fit": "pad",
    "max_visual_tokens": 100,
    "grid_side": 6,
}
"""For every setting a value that is not its default, nor what the bundled model recommends."""


def test_every_setting_reaches_the_result(run, clip: Path) -> None:
    # The bundled model cannot be asked for a time: tests/cli/test_ask.py has this setting.
    assert {*OTHER, "time"} == {field.name for field in fields(MethodSettings)}
    words: list[object] = []
    for name, value in OTHER.items():
        flag = name.replace("_", "-")
        switch = {False: [f"--no-{flag}"], True: [f"--{flag}"]}
        words += switch[value] if isinstance(value, bool) else [f"--{flag}", value]
    done = run("ground", clip, QUERY, "--json", "--quiet", *words)
    assert done.code == 0
    assert json.loads(done.out)["settings"]["method"] == OTHER | {"time": "scan"}


def test_phrases_can_be_given(run, clip: Path) -> None:
    phrases = ("--attribute", "the blue square", "--action", "the square stays still")
    done = run("ground", clip, QUERY, "--json", "--method", "gti", *phrases)
    parts = json.loads(done.out)["sub_queries"]
    assert (parts["attribute"], parts["action"]) == phrases[1::2]


def test_settings_of_the_proposer(run, clip: Path) -> None:
    words = ("--method", "gti", "--json", "--proposer-set", "max-fps=6")
    done = run("ground", clip, QUERY, *words)
    assert json.loads(done.out)["settings"]["proposer"]["max_fps"] == 6


def test_tracks_from_a_file(run, clip: Path, tmp_path: Path) -> None:
    assert run("propose", clip, "--out", tmp_path / "tracks.json").code == 0
    words = ("--method", "gti", "--json", "--tracks", tmp_path / "tracks.json")
    from_file = json.loads(run("ground", clip, QUERY, *words).out)
    direct = json.loads(run("ground", clip, QUERY, "--method", "gti", "--json").out)
    for key in ("start_frame", "end_frame", "track_id", "boxes"):
        assert from_file[key] == direct[key]


def test_an_unknown_word_is_named(run, clip: Path) -> None:
    done = run("ground", clip, "the zebra sings", "--method", "gti", "--quiet")
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if line.startswith("zerotube: warning:")]
    assert len(warnings) == 1
    assert "'zebra'" in warnings[0]
    assert "--model" in warnings[0]


@pytest.mark.parametrize("frames", [1, 5])
def test_fewer_frames_than_are_sampled(run, write_clip, tmp_path: Path, frames: int) -> None:
    short = write_clip(tmp_path / "short.mp4", frames=frames)
    done = run("ground", short, QUERY, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "out" / "tube.json").read_text(encoding="utf-8"))
    assert content["video"]["frame_count"] == frames
    assert 0 <= content["start_frame"] <= content["end_frame"] < frames


def test_a_truncated_video_is_used_as_far_as_it_goes(run, write_clip, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=48)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    done = run("ground", cut, QUERY, "--method", "gti", "--quiet", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "zerotube: warning:" in done.err
    content = json.loads((tmp_path / "out" / "tube.json").read_text(encoding="utf-8"))
    assert 0 < content["video"]["frame_count"] < 48


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("cups.mp4", "the yellow ball"),
        ("coffee.mp4", "the person pours coffee"),
        ("dog.mp4", "the dog runs"),
        ("juggle.mp4", "the man juggles"),
    ],
)
def test_real_footage_runs_to_the_end(
    run, real_clips: Path, tmp_path: Path, name: str, query: str
) -> None:
    done = run("ground", real_clips / name, query, "--method", "gti", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
