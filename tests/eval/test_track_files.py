"""Track files by the names of their videos: files, folders, and what is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.datasets.annotations import touch
from zerotube.errors import InputError
from zerotube.eval.track_files import TrackFiles


def test_a_file_or_a_folder_is_named_as_the_video(tmp_path: Path) -> None:
    """The authors' reader opens {video}.json for HC-STVG, and every file of {video}/ for VidSTG
    (github.com/zaiquanyang/LLaVA_Next_STVG, stvg/datasets/hcstvg.py and vidstg.py)."""
    proposals = tmp_path / "vidstg" / "dino_sam2_proposals"
    touch(proposals / "2401075277" / "adult.json", proposals / "2401075277" / "dog.json")
    touch(proposals / "3" / "cat.json", tmp_path / "deep" / "er" / "55_a.json")
    touch(tmp_path / "55_b.mp4.json", tmp_path / "notes.txt", tmp_path / "4" / "notes.txt")
    files = TrackFiles(tmp_path)
    assert files.of("2401075277") == proposals / "2401075277"
    assert files.of("3") == proposals / "3" / "cat.json"
    assert files.of("55_a.mp4") == files.of("55_a") == tmp_path / "deep" / "er" / "55_a.json"
    assert files.of("55_b.mp4") == tmp_path / "55_b.mp4.json"
    for name in ("4", "5.mp4"):
        with pytest.raises(InputError, match=f"no track file {name[0]}.json and no folder"):
            files.of(name)


def test_a_file_in_the_folder_of_its_video_is_not_a_second_place(tmp_path: Path) -> None:
    touch(tmp_path / "1" / "1.json", tmp_path / "2" / "2.json", tmp_path / "2" / "dog.json")
    files = TrackFiles(tmp_path)
    assert files.of("1.mp4") == tmp_path / "1" / "1.json"
    assert files.of("2.mp4") == tmp_path / "2"


@pytest.mark.parametrize(
    "places",
    [("a/1.json", "b/1.json"), ("1/dog.json", "1.json"), ("a/1/dog.json", "b/1/dog.json")],
)
def test_two_places_are_refused_by_name(tmp_path: Path, places: tuple[str, str]) -> None:
    touch(*(tmp_path / place for place in places))
    with pytest.raises(InputError) as caught:
        TrackFiles(tmp_path).of("1.mp4")
    assert caught.value.got.startswith("2 places with tracks of '1.mp4'")
    assert all(str(tmp_path / place) in caught.value.got for place in places)
