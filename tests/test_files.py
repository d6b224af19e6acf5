"""Files and folders appear whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from zerotube.files import replaced, whole_file, whole_files, whole_folder

NAMES = ("a.txt", "b.txt")


def fill(writing: AbstractContextManager[Path], *names: str, then: Exception | None = None) -> None:
    with writing as place:
        for name in names:
            (place / name).write_text("new")
        if then is not None:
            raise then


def test_a_file_is_replaced_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_text("old")
    with replaced(path) as partial:
        assert not partial.exists()
        partial.write_bytes(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_older_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with whole_file(path) as stream:
            stream.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="nowhere"), whole_file(tmp_path / "nowhere" / "a.txt"):
        pass


def test_writers_do_not_meet_unless_they_are_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replaced(path) as first, replaced(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    with replaced(path, alone=True) as left:
        pass_by = left
        left.write_text("x")
    pass_by.write_text("left by one that was killed")
    with replaced(path, alone=True) as partial:
        assert partial == pass_by
        assert not partial.exists()
        partial.write_text("anew")
    assert path.read_text() == "anew"
    assert list(tmp_path.iterdir()) == [path]


def test_files_get_their_places_together(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    fill(whole_files(folder, NAMES), *NAMES)
    (folder / "other.txt").write_text("stays")
    fill(whole_files(folder, NAMES), *NAMES)
    assert sorted(path.name for path in folder.iterdir()) == [*NAMES, "other.txt"]


@pytest.mark.parametrize("written", [(), ("a.txt",), NAMES])
def test_after_an_error_no_file_and_no_folder_is_new(
    tmp_path: Path, written: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="no"):
        fill(whole_files(tmp_path / "deep" / "out", NAMES), *written, then=ValueError("no"))
    assert not list(tmp_path.iterdir())
    fill(whole_files(tmp_path, NAMES), *NAMES)
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ValueError, match="no"):
        fill(whole_files(tmp_path, NAMES), *written, then=ValueError("no"))
    assert (tmp_path / "a.txt").read_text() == "old"


def test_who_finds_the_last_file_finds_its_companions(tmp_path: Path) -> None:
    fill(whole_files(tmp_path, NAMES), *NAMES)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").mkdir()  # cannot be replaced by a file
    with pytest.raises(OSError, match="a"):
        fill(whole_files(tmp_path, NAMES), *NAMES)
    assert not (tmp_path / "b.txt").exists()


@pytest.mark.parametrize("prepare", [Path.absolute, Path.mkdir])
def test_a_folder_appears_whole(tmp_path: Path, prepare: Callable[[Path], object]) -> None:
    prepare(tmp_path / "out")
    before = list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no"):
        fill(whole_folder(tmp_path / "out"), "a.txt", then=ValueError("no"))
    assert list(tmp_path.iterdir()) == before
    fill(whole_folder(tmp_path / "out"), "a.txt")
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
