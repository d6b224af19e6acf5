"""Track files: what is written reads back, and every kind of bad file is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposals.files.track_files import refused, save
from zerotube.errors import TracksError, UsageError
from zerotube.geometry.masks import encode_mask
from zerotube.proposals import Track, TrackSet, read_tracks, write_tracks
from zerotube.video.types import VideoInfo

INFO = VideoInfo("clip.mp4", Fraction(30000, 1001), 12, 64, 48, 0.4, 0, False, ())


def good() -> dict[str, Any]:
    """A valid file of two tracks."""
    mask = encode_mask(np.ones((48, 64), dtype=np.bool_))
    return {
        "schema": "zerotube.tracks/1",
        "video": {"frame_count": 12, "width": 64, "height": 48, "fps": "30000/1001"},
        "source": "motion",
        "tracks": [
            {
                "id": 1,
                "label": "ball",
                "frames": [0, 1, 5],
                "boxes_xyxy": [[1, 2, 10, 12], [2, 2, 11, 12.5], [3, 2, 12, 12]],
                "observed": [True, False, True],
                "scores": [0.5, 0.25, 1],
                "masks_rle": [mask, None, mask],
            },
            {"id": 7, "frames": [3], "boxes_xyxy": [[0, 0, 64, 48]]},
        ],
    }


def test_a_json_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "t.json", good()), INFO)
    ball, other = tracks.tracks
    assert (tracks.source, tracks.frame_count, tracks.width, tracks.height) == (
        "motion",
        12,
        64,
        48,
    )
    assert (ball.track_id, ball.label) == (1, "ball")
    assert ball.frame_indices.tolist() == [0, 1, 5]
    assert ball.boxes_xyxy[1].tolist() == [2, 2, 11, 12.5]
    assert ball.observed.tolist() == [True, False, True]
    assert ball.scores.tolist() == [0.5, 0.25, 1.0]
    assert ball.masks_rle is not None
    assert ball.masks_rle[1] is None
    assert (other.label, other.observed.tolist(), other.scores.tolist()) == ("object", [True], [1])
    assert other.masks_rle is None


@st.composite
def track_sets(draw: st.DrawFn) -> TrackSet:
    number = st.floats(0, 40, width=32)
    tracks = []
    for track_id in range(1, draw(st.integers(1, 3)) + 1):
        frames = sorted(draw(st.sets(st.integers(0, 11), min_size=1, max_size=12)))
        corner = np.array([[draw(number), draw(number)] for _ in frames], dtype=np.float32)
        side = np.float32(draw(st.floats(0.5, 8, width=32)))
        tracks.append(
            Track(
                track_id,
                np.array(frames, dtype=np.int64),
                np.concatenate([corner, corner + side], axis=1),
                np.array([draw(st.booleans()) for _ in frames]),
                np.array([draw(st.floats(0, 1, width=32)) for _ in frames], dtype=np.float32),
                label=draw(st.sampled_from(["object", "ball", "Bär"])),
            )
        )
    return TrackSet(tuple(tracks), 12, 64, 48, "motion")


@given(tracks=track_sets())
def test_json_reads_back_exactly(
    tracks: TrackSet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("round") / "t.json"
    write_tracks(tracks, path, INFO)
    for a, b in zip(tracks, read_tracks(path, INFO), strict=True):
        assert (a.track_id, a.label) == (b.track_id, b.label)
        for name in ("frame_indices", "boxes_xyxy", "observed", "scores"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@given(tracks=track_sets())
def test_mot_reads_back_frames_and_boxes(
    tracks: TrackSet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("round") / "t.csv"
    write_tracks(tracks, path, INFO)
    for a, b in zip(tracks, read_tracks(path, INFO), strict=True):
        assert a.track_id == b.track_id
        np.testing.assert_array_equal(a.frame_indices, b.frame_indices)
        np.testing.assert_allclose(a.boxes_xyxy, b.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)


def test_masks_survive(tmp_path: Path) -> None:
    first = read_tracks(save(tmp_path / "a.json", good()), INFO)
    write_tracks(first, tmp_path / "b.json", INFO)
    assert read_tracks(tmp_path / "b.json", INFO).tracks[0].masks_rle == first.tracks[0].masks_rle


def track(number: int = 0) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: content["tracks"][number]  # type: ignore[no-any-return]


BAD_JSON: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another schema": (lambda c: c.update(schema="mine/3"), "schema"),
    "no schema": (lambda c: c.pop("schema"), "schema"),
    "another width": (lambda c: c["video"].update(width=128), "video.width"),
    "another height": (lambda c: c["video"].update(height=4), "video.height"),
    "another length": (lambda c: c["video"].update(frame_count=99), "video.frame_count"),
    "fps zero": (lambda c: c["video"].update(fps="0"), "video.fps"),
    "fps over zero": (lambda c: c["video"].update(fps="1/0"), "video.fps"),
    "fps word": (lambda c: c["video"].update(fps="fast"), "video.fps"),
    "no tracks": (lambda c: c.update(tracks=[]), "tracks"),
    "id twice": (lambda c: track(1)(c).update(id=1), "tracks[1].id"),
    "id zero": (lambda c: track()(c).update(id=0), "tracks[0].id"),
    "id text": (lambda c: track()(c).update(id="1"), "tracks[0].id"),
    "no frames": (lambda c: track(1)(c).update(frames=[]), "tracks[1].frames"),
    "frame out of range": (lambda c: track(1)(c).update(frames=[12]), "frame 12"),
    "frame negative": (lambda c: track(1)(c).update(frames=[-1]), "tracks[1].frames[0]"),
    "frame huge": (lambda c: track(1)(c).update(frames=[10**30]), "tracks[1].frames[0]"),
    "frame half": (lambda c: track(1)(c).update(frames=[1.5]), "tracks[1].frames[0]"),
    "frame twice": (lambda c: track()(c).update(frames=[0, 0, 5]), "tracks[0] frame 0"),
    "frames out of order": (lambda c: track()(c).update(frames=[1, 0, 5]), "tracks[0] frame 0"),
    "boxes missing": (lambda c: track()(c).pop("boxes_xyxy"), "tracks[0].boxes_xyxy"),
    "a box too few": (lambda c: track()(c)["boxes_xyxy"].pop(), "tracks[0].boxes_xyxy"),
    "three edges": (lambda c: track()(c)["boxes_xyxy"][1].pop(), "tracks[0].boxes_xyxy[1]"),
    "NaN": (lambda c: track(1)(c)["boxes_xyxy"][0].__setitem__(0, float("nan")), "boxes_xyxy[0]"),
    "infinite": (lambda c: track(1)(c)["boxes_xyxy"][0].__setitem__(2, float("inf")), "boxes_xyxy"),
    "inverted": (lambda c: track(1)(c).update(boxes_xyxy=[[9, 0, 3, 4]]), "tracks[1] frame 3"),
    "outside": (lambda c: track(1)(c).update(boxes_xyxy=[[64, 0, 70, 4]]), "tracks[1] frame 3"),
    "score above 1": (lambda c: track()(c)["scores"].__setitem__(2, 1.5), "tracks[0].scores[2]"),
    "a score too many": (lambda c: track()(c)["scores"].append(1.0), "tracks[0].scores"),
    "a flag too few": (lambda c: track()(c)["observed"].pop(), "tracks[0].observed"),
    "mask of another size": (
        lambda c: track()(c)["masks_rle"].__setitem__(0, {"size": [2, 2], "counts": "04"}),
        "tracks[0].masks_rle[0].size",
    ),
    "damaged mask": (
        lambda c: track()(c)["masks_rle"].__setitem__(2, {"size": [48, 64], "counts": "04"}),
        "tracks[0].masks_rle[2]",
    ),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_a_bad_json_file_is_refused(name: str, tmp_path: Path) -> None:
    content = good()
    change, place = BAD_JSON[name]
    change(content)
    refused(INFO, save(tmp_path / "t.json", content), place)


@pytest.mark.parametrize("text", ["", "  \n", "[1, 2]", "{", json.dumps(good())[:300], "null"])
def test_text_that_is_no_track_file_is_refused(text: str, tmp_path: Path) -> None:
    refused(INFO, save(tmp_path / "t.json", text), "t.json")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    refused(INFO, tmp_path / "missing.json", "No such file")
    refused(INFO, tmp_path, "directory")
    (tmp_path / "t.json").write_bytes(b"\xff\xfe\x00\x80")
    refused(INFO, tmp_path / "t.json", "not text")


MOT = "1,1,1,2,9,10,0.5,-1,-1,-1\n3,1,2,2,9,10,0.75,-1,-1,-1\n2,4,0,0,64,48,-1,-1,-1,-1\n"


def test_a_mot_file_is_read(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "t.txt", MOT), INFO)
    first, second = tracks.tracks
    assert tracks.source == "mot"
    assert (first.track_id, first.frame_indices.tolist()) == (1, [0, 2])
    assert first.boxes_xyxy[0].tolist() == [1, 2, 10, 12]
    assert first.scores.tolist() == [0.5, 0.75]
    assert (second.track_id, second.scores.tolist()) == (4, [1.0])


def test_ignored_boxes_of_a_ground_truth_are_left_out_and_counted(tmp_path: Path) -> None:
    text = MOT + "4,9,1,1,5,5,0,12,0.5\n5,1,3,2,9,10,1,1,1\n"
    tracks = read_tracks(save(tmp_path / "gt.txt", text), INFO)
    assert [track.track_id for track in tracks] == [1, 4]
    assert tracks.warnings == ("1 boxes with confidence 0 were left out",)


def test_boxes_over_the_rim_are_clipped_and_counted(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "t.csv", "1,1,-5,-5,30,20,1\n"), INFO)
    assert tracks.tracks[0].boxes_xyxy.tolist() == [[0, 0, 25, 15]]
    assert "1 boxes reached over the rim" in tracks.warnings[0]


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("1,1,1,2,9", "5 columns"),
        ("frame,id,x,y,w,h,conf", "frame,id"),
        ("1,1,1,2,nan,10,1", "not finite"),
        ("1,1,1,2,inf,10,1", "not finite"),
        ("0,1,1,2,9,10,1", "frame 0"),
        ("1.5,1,1,2,9,10,1", "frame 1.5"),
        ("1e300,1,1,2,9,10,1", "frame 1e+300"),
        ("13,1,1,2,9,10,1", "frame 12"),
        ("1,-1,1,2,9,10,1", "id -1"),
        ("2,1,1,2,0,10,1", "box"),
        ("2,1,1,2,-4,10,1", "box"),
        ("2,1,70,2,4,10,1", "box"),
        ("1,1,1,2,9,10,1", "frame 0 of track 1 again"),
    ],
)
def test_a_bad_mot_line_is_refused(line: str, got: str, tmp_path: Path) -> None:
    path = save(tmp_path / "t.csv", MOT + line + "\n")
    refused(INFO, path, "line 4")
    refused(INFO, path, got)


def test_a_mot_file_of_ignored_boxes_only_is_refused(tmp_path: Path) -> None:
    refused(INFO, save(tmp_path / "t.csv", "1,1,1,2,9,10,0\n"), "no box that counts")


def test_writing_never_replaces_a_file_unasked_and_leaves_no_half(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "t.json", good()), INFO)
    before = (tmp_path / "t.json").read_bytes()
    with pytest.raises(UsageError, match="existing file"):
        write_tracks(tracks, tmp_path / "t.json", INFO)
    assert (tmp_path / "t.json").read_bytes() == before
    write_tracks(tracks, tmp_path / "t.json", INFO, overwrite=True)
    assert len(read_tracks(tmp_path / "t.json", INFO)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = read_tracks(save(tmp_path / "t.json", good()), INFO)
    before = (tmp_path / "t.json").read_bytes()

    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_tracks(tracks, tmp_path / "t.json", INFO, overwrite=True)
    assert (tmp_path / "t.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]


def test_writing_where_it_cannot_be_is_refused(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path / "t.json", good()), INFO)
    with pytest.raises(UsageError, match="no folder"):
        write_tracks(tracks, tmp_path / "none" / "t.json", INFO)
    with pytest.raises(UsageError, match=r"\.json, \.csv or \.txt"):
        write_tracks(tracks, tmp_path / "t.xml", INFO)
    other = VideoInfo("b.mp4", Fraction(25), 13, 64, 48, 0.5, 0, False, ())
    with pytest.raises(TracksError, match="tracks of a video"):
        write_tracks(tracks, tmp_path / "u.json", other)
