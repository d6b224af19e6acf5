"""Every bad input: one line, its exit code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

QUERY = "the red square"


def _empty_file(folder: Path, clip: Path) -> Path:
    (folder / "empty.mp4").write_bytes(b"")
    return folder / "empty.mp4"


def _folder_without_images(folder: Path, clip: Path) -> Path:
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("no pictures here", encoding="utf-8")
    return folder / "notes"


def _sound_only(folder: Path, clip: Path) -> Path:
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return folder / "sound.wav"


def _text(folder: Path, clip: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 100, encoding="utf-8")
    return folder / "text.mp4"


def _header_only(folder: Path, clip: Path) -> Path:
    (folder / "header.mp4").write_bytes(clip.read_bytes()[:64])
    return folder / "header.mp4"


@pytest.mark.parametrize(
    "make", [_empty_file, _folder_without_images, _sound_only, _text, _header_only]
)
def test_a_video_that_cannot_be_read(make, run, clip: Path, tmp_path: Path) -> None:
    video = make(tmp_path, clip)
    done = run("ground", video, QUERY, "--out", tmp_path / "out")
    assert done.code == 3
    assert video.name in done.error_line()
    assert done.out == ""
    assert not (tmp_path / "out").exists()


def test_a_missing_video(run, tmp_path: Path) -> None:
    done = run("ground", tmp_path / "nowhere.mp4", QUERY)
    assert done.code == 3
    assert "nowhere.mp4" in done.error_line()
    done = run("propose", tmp_path / "nowhere.mp4", "--out", tmp_path / "tracks.json")
    assert done.code == 3
    assert "nowhere.mp4" in done.error_line()


@pytest.mark.parametrize("query", ["", "   ", "?!", "x" * 10_000, "the man " * 1250])
def test_a_query_that_cannot_be_used(run, clip: Path, query: str) -> None:
    done = run("ground", clip, query)
    assert done.code == 3
    assert len(done.error_line()) < 400


def test_an_unknown_model(run, clip: Path) -> None:
    done = run("ground", clip, QUERY, "--model", "nobody/no-such-model")
    assert done.code == 3
    assert "nobody/no-such-model" in done.error_line()


def test_a_model_folder_without_weights(run, clip: Path, tmp_path: Path, repository: Path) -> None:
    bundled = repository / "src" / "zerotube" / "bundled"
    folder = tmp_path / "model"
    shutil.copytree(bundled, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.py"))
    done = run("ground", clip, QUERY, "--model", folder)
    assert done.code == 3
    assert "without weights" in done.error_line()


def test_a_model_of_another_architecture(run, clip: Path, tmp_path: Path) -> None:
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    done = run("ground", clip, QUERY, "--model", tmp_path)
    assert done.code == 3
    assert "BertForMaskedLM" in done.error_line()


def test_nothing_to_ground(run, tmp_path: Path) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    for index in range(12):
        Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(folder / f"{index:03}.png")
    for command in (
        ("ground", folder, QUERY, "--out", tmp_path / "out"),
        ("propose", folder, "--out", tmp_path / "tracks.json"),
    ):
        done = run(*command)
        assert done.code == 4
        assert "track" in done.error_line()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "tracks.json").exists()


def test_a_missing_track_file(run, clip: Path, tmp_path: Path) -> None:
    done = run("ground", clip, QUERY, "--tracks", tmp_path / "none.json")
    assert done.code == 3
    assert "none.json" in done.error_line()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.json", "{not json"),
        ("empty.json", ""),
        ("list.json", "[1, 2, 3]"),
        ("words.csv", "a,b,c,d,e,f\n"),
        ("late.csv", "1,1,10,10,20,20,1,-1,-1,-1\n900,1,10,10,20,20,1,-1,-1,-1\n"),
    ],
)
def test_a_track_file_that_does_not_fit(
    run, clip: Path, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    done = run("ground", clip, QUERY, "--tracks", tmp_path / name)
    assert done.code == 3
    assert done.error_line()


def test_tracks_of_another_video(run, clip: Path, write_clip, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", frames=12, size=(96, 64))
    assert run("propose", other, "--out", tmp_path / "tracks.json").code == 0
    done = run("ground", clip, QUERY, "--tracks", tmp_path / "tracks.json")
    assert done.code == 3
    assert "96" in done.error_line() or "12" in done.error_line()


def test_numbers_that_are_not_finite(run, clip: Path, tmp_path: Path) -> None:
    words = ("--method", "tuned", "--lr", "1e39", "--out", tmp_path / "out")
    done = run("ground", clip, QUERY, *words)
    assert done.code == 3
    assert "--lr" in done.error_line()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--method", "nonsense"),
        ("--frames", "0"),
        ("--top-k", "0"),
        ("--top-k", "21"),
        ("--frames", "6", "--top-k", "7"),
        ("--layer-start", "0.9", "--layer-end", "0.1"),
        ("--ema", "1"),
        ("--scan-stride", "0"),
        ("--present-above", "-3"),
        ("--lr", "nan"),
        ("--lr", "inf"),
        ("--proposer", "nonsense"),
        ("--proposer-set", "nonsense"),
        ("--proposer-set", "nonsense=1"),
        ("--device", "nonsense"),
        ("--device", "cuda:77"),
        ("--dtype", "int8"),
    ],
)
def test_settings_that_make_no_sense(run, clip: Path, flags: tuple[str, ...]) -> None:
    done = run("ground", clip, QUERY, *flags)
    assert done.code == 2
    assert done.error_line()


@pytest.mark.parametrize(
    "command", [("ground", "x"), ("nonsense",), ("ground", "x", "y", "--objective", "z")]
)
def test_usage(run, command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.code == 2
    assert "Usage:" in done.err


def test_an_output_that_exists_is_refused_before_any_work(run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "tube.json").write_text("mine", encoding="utf-8")
    done = run("ground", clip, QUERY, "--out", tmp_path, "--model", "nobody/no-such-model")
    assert done.code == 2
    assert "--overwrite" in done.error_line()
    assert (tmp_path / "tube.json").read_text(encoding="utf-8") == "mine"
    done = run("propose", clip, "--out", tmp_path / "tube.json")
    assert done.code == 2
    assert (tmp_path / "tube.json").read_text(encoding="utf-8") == "mine"


def test_an_output_that_cannot_be_written(run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run("ground", clip, QUERY, "--out", out)
        assert done.code == 3
        assert done.error_line()
    done = run("propose", clip, "--out", tmp_path / "file" / "tracks.json")
    assert done.code == 3


def test_debug_shows_the_traceback(run, tmp_path: Path) -> None:
    from zerotube.errors import VideoError

    with pytest.raises(VideoError):
        run("--debug", "ground", tmp_path / "nowhere.mp4", QUERY)
