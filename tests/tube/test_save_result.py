"""All files of a result or none, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tube.scene import make_result, write_squares
from zerotube.errors import InputError, NumericalError, UsageError, VideoError
from zerotube.tube.io import RESULT_FILES
from zerotube.tube.types import GroundingResult

Patch = pytest.MonkeyPatch


def quick(monkeypatch: Patch) -> None:
    """Stand-ins for the three drawings, where only the files' fate matters."""

    def draw(result: GroundingResult, path: Path) -> None:
        path.write_text("new", encoding="utf-8")

    for name in (
        "zerotube.tube.overlay.write_overlay",
        "zerotube.tube.plots.draw_attention",
        "zerotube.tube.plots.draw_timeline",
    ):
        monkeypatch.setattr(name, draw)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_saving_writes_the_four_files_and_nothing_else(
    result: GroundingResult, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "er"
    assert result.save(out) == out
    assert sorted(p.name for p in out.iterdir()) == sorted(RESULT_FILES)
    assert json.loads((out / "tube.json").read_text(encoding="utf-8")) == result.to_dict()
    assert all(p.stat().st_size > 500 for p in out.iterdir())


@pytest.mark.parametrize("drawer", ["overlay.write_overlay", "plots.draw_timeline"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_drawing_that_fails_leaves_nothing(
    result: GroundingResult,
    tmp_path: Path,
    monkeypatch: Patch,
    drawer: str,
    error: type[BaseException],
) -> None:
    def fail(result: GroundingResult, path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise error

    quick(monkeypatch)
    monkeypatch.setattr(f"zerotube.tube.{drawer}", fail)
    with pytest.raises(error):
        result.save(tmp_path / "deep" / "er")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_earlier_result_and_the_users_files(
    result: GroundingResult, tmp_path: Path, monkeypatch: Patch
) -> None:
    quick(monkeypatch)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    result.save(tmp_path)
    before = listing(tmp_path)

    def fail(result: GroundingResult, path: Path) -> None:
        raise RuntimeError

    monkeypatch.setattr("zerotube.tube.plots.draw_timeline", fail)
    with pytest.raises(RuntimeError):
        result.save(tmp_path, overwrite=True)
    assert listing(tmp_path) == before


def test_a_result_that_is_no_json_is_refused_before_anything_is_written(
    result: GroundingResult, tmp_path: Path
) -> None:
    bad = replace(result, timings_s={"decode": float("nan")})
    with pytest.raises(NumericalError, match="timings_s: decode"):
        bad.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", RESULT_FILES)
def test_an_existing_file_is_not_overwritten_unasked(
    result: GroundingResult, tmp_path: Path, monkeypatch: Patch, name: str
) -> None:
    quick(monkeypatch)
    (tmp_path / name).write_text("old", encoding="utf-8")
    with pytest.raises(UsageError, match="--overwrite"):
        result.save(tmp_path)
    assert listing(tmp_path) == {name: b"old"}
    result.save(tmp_path, overwrite=True)
    assert sorted(listing(tmp_path)) == sorted(RESULT_FILES)
    assert (tmp_path / name).read_bytes() != b"old"


def test_other_files_are_not_touched(
    result: GroundingResult, tmp_path: Path, monkeypatch: Patch
) -> None:
    quick(monkeypatch)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "more").mkdir()
    result.save(tmp_path)
    result.save(tmp_path, overwrite=True)
    assert listing(tmp_path)["notes.txt"] == b"mine"
    assert (tmp_path / "more").is_dir()


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine", encoding="utf-8")
    return folder / "file"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "below"


def holding_a_folder(folder: Path) -> Path:
    (folder / "attention.png").mkdir()
    return folder


@pytest.mark.parametrize("place", [a_file, below_a_file, holding_a_folder])
def test_a_place_that_cannot_be_written_is_named(
    result: GroundingResult,
    tmp_path: Path,
    monkeypatch: Patch,
    place: Callable[[Path], Path],
) -> None:
    quick(monkeypatch)
    out = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="pass another --out"):
        result.save(out, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_an_input_error(
    result: GroundingResult, tmp_path: Path, monkeypatch: Patch
) -> None:
    def fail(result: GroundingResult, path: Path) -> None:
        raise OSError(28, "No space left on device")

    quick(monkeypatch)
    monkeypatch.setattr("zerotube.tube.plots.draw_attention", fail)
    with pytest.raises(InputError, match="No space left"):
        result.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_never_replaced(tmp_path: Path, monkeypatch: Patch) -> None:
    write_squares(tmp_path / "overlay.mp4", 32, 32, 4)
    bytes_before = (tmp_path / "overlay.mp4").read_bytes()
    result = make_result(tmp_path / "overlay.mp4", sampled=4)
    quick(monkeypatch)
    with pytest.raises(UsageError, match="source video itself"):
        result.save(tmp_path, overwrite=True)
    assert listing(tmp_path) == {"overlay.mp4": bytes_before}


def test_results_are_not_written_among_the_images_of_the_source(
    tmp_path: Path, monkeypatch: Patch, result: GroundingResult
) -> None:
    quick(monkeypatch)
    video = replace(result.video, path=str(tmp_path))
    with pytest.raises(UsageError, match="source video itself"):
        replace(result, video=video).save(tmp_path)


def test_a_source_that_vanished_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "gone.mp4"
    write_squares(source, 32, 32, 4)
    result = make_result(source, sampled=4)
    source.unlink()
    with pytest.raises(VideoError, match=r"gone\.mp4"):
        result.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_any_sentence_can_be_saved(tmp_path: Path, source: Path) -> None:
    text = "红色方块 costs $x_1$ {or} \udc80 “ein rötliches Quadrat”\n" + "again " * 1700
    result = make_result(source, sampled=4, text=text, noun="方块 $\\frac{")
    result.save(tmp_path)
    read = json.loads((tmp_path / "tube.json").read_text(encoding="utf-8"))
    assert read["query"] == text
    assert np.all([(tmp_path / name).stat().st_size > 500 for name in RESULT_FILES])


def test_only_the_files_asked_for_are_written(result: GroundingResult, tmp_path: Path) -> None:
    result.save(tmp_path / "out", files=["tube.json"])
    assert sorted(listing(tmp_path / "out")) == ["tube.json"]
    result.save(tmp_path / "out", files=("timeline.png", "attention.png"))
    assert sorted(listing(tmp_path / "out")) == ["attention.png", "timeline.png", "tube.json"]
    with pytest.raises(UsageError, match="an existing"):
        result.save(tmp_path / "out", files=["tube.json"])


@pytest.mark.parametrize("files", [[], ["tube.jsn"], ["tube.json", "clip.mp4"]])
def test_unknown_files_are_refused(
    result: GroundingResult, tmp_path: Path, files: list[str]
) -> None:
    with pytest.raises(UsageError, match=r"some of overlay\.mp4"):
        result.save(tmp_path / "out", files=files)
    assert not list(tmp_path.iterdir())


def test_a_source_that_is_gone_does_not_matter_without_the_video(tmp_path: Path) -> None:
    write_squares(tmp_path / "squares.mp4", 96, 64, 24)
    gone = make_result(tmp_path / "squares.mp4")
    (tmp_path / "squares.mp4").unlink()
    gone.save(tmp_path / "out", files=["tube.json", "timeline.png"])
    assert sorted(listing(tmp_path / "out")) == ["timeline.png", "tube.json"]


def test_printing_a_result_shows_the_answer(result: GroundingResult) -> None:
    lines = str(result).splitlines()
    span = result.tube.span
    assert lines[0] == f"object   track 1 ({result.tube.label}), chosen from 2"
    assert f"frames {span.start_frame} to {span.end_frame} of 24" in lines[1]
    assert [line.split()[0] for line in lines] == [name for name, _ in result.rows()]
