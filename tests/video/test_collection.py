"""Which videos a path stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from zerotube.video.collection import find_videos


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["b10.mp4", "b2.MKV", "a/z.webm", "a/x/c.mov"], "a/x/c.mov a/z.webm b2.MKV b10.mp4"),
        (["clip.mp4", "0.png", "1.png", "more/0.jpg"], "clip.mp4"),
        (["0.png", "1.png", "notes.txt"], "."),
        (["0.png", "more/0.jpg"], "."),
        (["x/0.png", "y/deep/0.jpg", "notes.txt"], "x y/deep"),
        (["notes.txt", "more/notes.txt"], "."),
        (["._clip.mp4", ".trash/old.mp4", "0.png"], "."),
    ],
)  # fmt: skip
def test_the_content_decides(files: list[str], found: str, tmp_path: Path) -> None:
    root = make(tmp_path / "root", *files)
    assert [str(path.relative_to(root)) for path in find_videos(root)] == found.split()


def test_what_is_no_folder_stands_for_itself(tmp_path: Path) -> None:
    make(tmp_path, "clip.mp4")
    for path in (tmp_path / "clip.mp4", tmp_path / "nowhere"):
        assert find_videos(path) == [path]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "root", "a/clip.mp4")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    assert find_videos(root) == [root / "a" / "clip.mp4"]
