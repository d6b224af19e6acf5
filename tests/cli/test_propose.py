"""``zerotube propose``."""

from __future__ import annotations

from pathlib import Path


def test_summary_and_file(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "tracks.json"
    done = run("propose", clip, "--out", out)
    assert done.code == 0
    assert done.err.startswith("propose ")
    lines = done.out.splitlines()
    assert lines[-1] == f"2 tracks in {out}"
    assert lines[0].startswith("track 1  object  frames 0 to 23  24 boxes")
    assert out.is_file()

    again = run("propose", clip, "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.error_line()
    assert run("propose", clip, "--out", out, "--overwrite").code == 0


def test_json_is_the_file(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "tracks.json"
    done = run("propose", clip, "--out", out, "--json", "--quiet")
    assert done.out == out.read_text(encoding="utf-8")
    assert done.err == ""


def test_settings(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "tracks.json"
    done = run("propose", clip, "--out", out, "--proposer-set", "max_tracks=1", "--quiet")
    assert done.code == 0
    assert done.out.splitlines()[-1] == f"1 tracks in {out}"
    assert "zerotube: warning:" in done.err


def test_a_new_folder_and_the_other_format(run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "tracks.csv"
    assert run("propose", clip, "--out", out).code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 48


def test_an_unknown_format_is_refused_before_any_work(run, tmp_path: Path) -> None:
    done = run("propose", tmp_path / "nowhere.mp4", "--out", tmp_path / "tracks.xml")
    assert done.code == 2
    assert ".json, .csv, .txt" in done.error_line()
