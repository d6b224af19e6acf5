"""The proposal store behind ``zerotube ground`` and ``zerotube propose``; folders of videos."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from zerotube.proposals.motion import MotionProposer
from zerotube.proposals.types import TrackSet

QUERY = "the red square moves right"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the videos that the motion proposer really looked at."""
    seen: list[str] = []
    real = MotionProposer.propose

    def noted(self: MotionProposer, video: Any, *given: Any, **named: Any) -> TrackSet:
        seen.append(Path(video.info.path).name)
        return real(self, video, *given, **named)

    monkeypatch.setattr(MotionProposer, "propose", noted)
    return seen


@pytest.fixture(scope="session")
def small(write_clip, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips that differ."""
    folder = tmp_path_factory.mktemp("small")
    return [write_clip(folder / f"{n}.mp4", frames=n, size=(128, 96)) for n in (12, 14)]


@pytest.fixture
def folder(small: list[Path], tmp_path: Path) -> Path:
    """Two clips, one of them in a folder below, and files that are no videos."""
    root = tmp_path / "videos"
    (root / "sub").mkdir(parents=True)
    shutil.copy(small[0], root / "a.mp4")
    shutil.copy(small[1], root / "sub" / "b.mp4")
    (root / "labels.json").write_text("{}")
    return root


def entries(store: Path) -> list[Path]:
    return sorted(store.rglob("*.jsonl"))


def default_store() -> Path:
    return Path(os.environ["ZEROTUBE_CACHE"]) / "proposals"


def stripped(out: str) -> dict[str, str]:
    """The rows of a summary."""
    rows = (line.split("  ", 1) for line in out.splitlines())
    return {name: value.strip() for name, value in rows}


def test_the_second_ground_takes_the_first_ones_candidates(
    run, clip: Path, runs: list[str], tmp_path: Path
) -> None:
    words = ("ground", clip, QUERY, "--method", "gti", "--json")
    first, second = run(*words), run(*words)
    assert runs == ["squares.mp4"]
    assert len(entries(default_store())) == 1
    assert second.err.splitlines()[1].startswith("propose ")
    for name in ("boxes", "track_id", "start_frame", "end_frame", "settings"):
        assert json.loads(first.out)[name] == json.loads(second.out)[name]

    assert run(*words, "--store", tmp_path / "mine").code == 0
    assert len(runs) == 2
    assert len(entries(tmp_path / "mine")) == 1

    assert run(*words, "--no-store").code == 0
    assert len(runs) == 3
    assert run(*words, "--proposer-set", "max_tracks=5").code == 0
    assert len(runs) == 4


def test_no_store_writes_nothing(run, clip: Path, tmp_path: Path) -> None:
    assert run("ground", clip, QUERY, "--method", "gti", "--no-store").code == 0
    assert run("propose", clip, "--out", tmp_path / "t.json", "--no-store").code == 0
    assert not Path(os.environ["ZEROTUBE_CACHE"]).exists()


def test_a_damaged_entry_is_said_and_mended(run, clip: Path, runs: list[str]) -> None:
    assert run("propose", clip).code == 0
    (entry,) = entries(default_store())
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-20])
    done = run("propose", clip)
    assert done.code == 0
    assert "zerotube: warning: a wrong checksum" in done.err
    assert "made again" in done.err
    assert entry.read_bytes() == whole
    assert len(runs) == 2


def test_one_video_without_out_goes_to_the_store(run, clip: Path, tmp_path: Path) -> None:
    done = run("propose", clip)
    assert done.code == 0
    assert done.out.splitlines()[-1] == f"2 tracks in {default_store()}"
    asked = run("propose", clip, "--json", "--out", tmp_path / "t.json")
    assert asked.out == run("propose", clip, "--json").out
    assert json.loads(asked.out)["schema"] == "zerotube.tracks/1"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--no-store",), 2, "--out"),
        (("--no-store", "--store", "x"), 2, "leave one out"),
        (("--store", __file__), 3, "a file at"),
    ],
)
def test_places_that_make_no_sense(
    run, clip: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run("propose", clip, *words)
    assert done.code == code
    assert said in done.error_line()


def test_a_folder_is_filled_and_goes_on_where_it_was(
    run, folder: Path, runs: list[str], tmp_path: Path
) -> None:
    store, out = tmp_path / "store", tmp_path / "tracks"
    done = run("propose", folder, "--store", store, "--out", out)
    assert done.code == 0
    assert stripped(done.out) == {"made": "2", "store": str(store)}
    assert [line.split(",")[0] for line in done.err.splitlines()] == [
        "zerotube: 1/2 a.mp4: made",
        "zerotube: 2/2 sub/b.mp4: made",
    ]
    files = [out / "a.mp4.json", out / "sub" / "b.mp4.json"]
    assert sorted(path for path in out.rglob("*") if path.is_file()) == files
    assert len(entries(store)) == 2

    files[1].unlink()
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    again = run("propose", folder, "--store", store, "--out", out, "--quiet")
    assert again.code == 0
    assert again.err == ""
    assert stripped(again.out) == {"stored already": "3", "store": str(store)}
    assert files[1].is_file()
    assert runs == ["a.mp4", "b.mp4"]

    grounded = run("ground", folder / "a.mp4", QUERY, "--store", store, "--method", "gti")
    assert grounded.code == 0
    from_file = run("ground", folder / "a.mp4", QUERY, "--tracks", files[0], "--method", "gti")
    assert from_file.code == 0
    assert runs == ["a.mp4", "b.mp4"]


def test_a_video_that_fails_stops_no_other(run, folder: Path, tmp_path: Path) -> None:
    (folder / "aa.mp4").write_text("this is no video\n" * 100)
    (folder / "sub" / "empty.mkv").write_bytes(b"")
    done = run("propose", folder, "--json", "--quiet")
    assert done.code == 3
    assert "2 of 4 videos" in done.error_line()
    told = [line for line in done.err.splitlines() if " failed: got " in line]
    assert [line.split()[2] for line in told] == ["aa.mp4", "sub/empty.mkv"]
    report = json.loads(done.out)
    assert {one["video"]: one["status"] for one in report["videos"]} == {
        "a.mp4": "made",
        "aa.mp4": "failed",
        "sub/b.mp4": "made",
        "sub/empty.mkv": "failed",
    }
    assert len(entries(Path(report["store"]))) == 2

    again = run("propose", folder)
    assert again.code == 3
    assert stripped(again.out)["stored already"] == "2"
    assert stripped(again.out)["failed"] == "2"


def test_a_video_without_tracks_is_no_failure(run, folder: Path, tmp_path: Path) -> None:
    words = ("propose", folder, "--out", tmp_path / "out", "--quiet")
    done = run(*words, "--proposer-set", "min_area_share=0.9", "--proposer-set", "max_area_share=1")
    assert done.code == 0
    assert done.err.count("no track was found") == 2
    assert not (tmp_path / "out").exists()


def test_a_track_file_of_other_content_is_not_replaced_unasked(
    run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.mp4.json").write_text("mine")
    done = run("propose", folder, "--out", out, "--quiet")
    assert done.code == 3
    assert "--overwrite" in done.err
    assert (out / "a.mp4.json").read_text() == "mine"
    assert (out / "sub" / "b.mp4.json").is_file()
    assert run("propose", folder, "--out", out, "--quiet", "--overwrite").code == 0
    assert json.loads((out / "a.mp4.json").read_text())["source"] == "motion"


def test_an_interrupt_leaves_what_was_done(
    run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MotionProposer.propose

    def interrupted(self: MotionProposer, video: Any, *given: Any, **named: Any) -> TrackSet:
        if video.info.path.endswith("b.mp4"):
            raise KeyboardInterrupt
        return real(self, video, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(MotionProposer, "propose", interrupted)
        done = run("propose", folder, "--quiet")
    assert done.code == 130
    assert done.error_line()
    assert stripped(done.out) == {"made": "1", "not reached": "1", "store": str(default_store())}
    assert len(entries(default_store())) == 1
    assert not [path for path in default_store().rglob(".*") if path.is_file()]
    again = run("propose", folder, "--quiet")
    assert again.code == 0
    assert stripped(again.out)["stored already"] == "1"
    assert stripped(again.out)["made"] == "1"


def test_a_folder_wants_the_store(run, folder: Path, tmp_path: Path) -> None:
    done = run("propose", folder, "--no-store", "--out", tmp_path / "out")
    assert done.code == 2
    assert "--no-store" in done.error_line()


def test_settings_are_refused_once_and_not_per_video(run, folder: Path) -> None:
    done = run("propose", folder, "--proposer-set", "max_tracks=0")
    assert done.code == 2
    assert done.error_line()
    assert done.out == ""


def test_the_authors_proposals_ground(run, clip: Path, tmp_path: Path) -> None:
    import numpy as np

    from zerotube.geometry.masks import encode_mask

    picture = np.zeros((96, 128), np.bool_)
    picture[12:40, 8:36] = True
    rle = encode_mask(picture)
    track = {
        "a": 1,
        "b": [[[8, 12, 36, 40]], [[34, 12, 62, 40]], [[60, 12, 88, 40]]],
        "c": [rle] * 3,
        "d": "person",
        "e": "xyxy",
        "f": 128,
        "g": 96,
    }
    names = ["00000.jpg", "00010.jpg", "00020.jpg"]
    content = {"sample_frames": names, "dino_sam2_proposals": [track]}
    (tmp_path / "squares.json").write_text(json.dumps(content))
    words = ("ground", clip, QUERY, "--method", "gti", "--json")
    done = run(*words, "--tracks", tmp_path / "squares.json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["settings"]["proposer"]["name"] == "reference gdino+sam2"

    del content["sample_frames"]
    (tmp_path / "squares.json").write_text(json.dumps(content))
    refused = run(*words, "--tracks", tmp_path / "squares.json")
    assert refused.code == 3
    assert "sample_frames" in refused.error_line()


def test_doctor_names_the_store(run) -> None:
    done = run("doctor", "--json")
    (check,) = [one for one in json.loads(done.out)["checks"] if one["name"] == "proposals"]
    assert check["status"] == "ok"
    assert str(default_store()) in check["value"]
