"""The proposal store: what is found again, what is not, what damage does, and several processes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proposals.store import counting
from proposals.store.counting import CountingProposer, CountingSettings, write_pictures
from zerotube.errors import UsageError, VideoError
from zerotube.geometry.spans import Span
from zerotube.proposals import read_tracks
from zerotube.proposals.base import Proposer
from zerotube.proposals.store import EntryKey, ProposalStore, default_folder
from zerotube.proposals.store import proposer as stored
from zerotube.proposals.store.proposer import Fetched, StoredProposer
from zerotube.proposals.types import TrackSet
from zerotube.video import SegmentVideo, ThinnedVideo, open_video
from zerotube.video.base import Video
from zerotube.video.digest import read_content, unchanged


@pytest.fixture
def store(tmp_path: Path) -> ProposalStore:
    return ProposalStore(tmp_path / "store")


@pytest.fixture
def finder(tmp_path: Path) -> CountingProposer:
    return CountingProposer(tmp_path / "log.txt")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


def fetch(
    finder: CountingProposer, store: ProposalStore, path: Path, noun: str = "ball", **options: Any
) -> Fetched:
    with open_video(path) as video:
        fetched = StoredProposer(finder, store, **options).fetch(video, noun)
    assert fetched is not None
    return fetched


def entries(store: ProposalStore) -> list[Path]:
    return sorted(store.folder.rglob("*.jsonl"))


def same(first: TrackSet, second: TrackSet) -> None:
    """Every field of every track is equal, dtypes included."""
    assert len(first) == len(second)
    for name in ("frame_count", "width", "height", "source", "settings"):
        assert getattr(first, name) == getattr(second, name)
    for a, b in zip(first, second, strict=True):
        assert (a.track_id, a.label, a.masks_rle) == (b.track_id, b.label, b.masks_rle)
        for name in ("frame_indices", "boxes_xyxy", "observed", "scores"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)


def test_what_was_made_is_found_again_unchanged(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    finder.masks = True
    assert isinstance(StoredProposer(finder, store), Proposer)
    with open_video(pictures) as video:
        plain = finder.propose(video, "ball")
    first = fetch(finder, store, pictures)
    second = fetch(finder, ProposalStore(store.folder), pictures)
    assert (first.origin, second.origin) == ("made", "stored")
    assert len(finder.runs()) == 2
    for found in (first, second):
        same(found.tracks, plain)
        assert found.tracks.warnings == ("be careful",)
    # Nothing else lies in the store: no file of another name, no half-written one.
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    assert [path.suffix for path in files if path.parent.name != "locks"] == [".jsonl"]


def test_progress_is_told_of_a_hit(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    fetch(finder, store, pictures)
    told: list[tuple[int, int]] = []
    with open_video(pictures) as video:
        StoredProposer(finder, store).propose(
            video, "ball", progress=lambda done, total: told.append((done, total))
        )
    assert told == [(1, 1)]


def test_an_empty_result_is_a_result(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    finder.settings = CountingSettings(tracks=0)
    assert fetch(finder, store, pictures).origin == "made"
    again = fetch(finder, store, pictures)
    assert (again.origin, len(again.tracks)) == ("stored", 0)


def test_the_third_line_is_a_track_file(
    store: ProposalStore, finder: CountingProposer, pictures: Path, tmp_path: Path
) -> None:
    found = fetch(finder, store, pictures).tracks
    (entry,) = entries(store)
    lines = entry.read_text().splitlines()
    assert len(lines) == 3
    (tmp_path / "tracks.json").write_text(lines[2])
    with open_video(pictures) as video:
        read = read_tracks(tmp_path / "tracks.json", video.info)
    assert [track.track_id for track in read] == [track.track_id for track in found]


def _other_settings(finder: CountingProposer, pictures: Path) -> str:
    finder.settings = CountingSettings(weight=10.5)
    return "ball"


def _other_revision(finder: CountingProposer, pictures: Path) -> str:
    finder.revision = "2"
    return "ball"


def _other_pixels(finder: CountingProposer, pictures: Path) -> str:
    shutil.rmtree(pictures)
    write_pictures(pictures, shade=90)
    return "ball"


def _other_names(finder: CountingProposer, pictures: Path) -> str:
    (pictures / "2.png").rename(pictures / "3.png")
    return "ball"


def _fewer_frames(finder: CountingProposer, pictures: Path) -> str:
    (pictures / "2.png").unlink()
    return "ball"


@pytest.mark.parametrize(
    "change",
    [
        lambda finder, pictures: "cube",
        _other_settings,
        _other_revision,
        _other_pixels,
        _other_names,
        _fewer_frames,
    ],
)
def test_whatever_decides_the_tracks_is_in_the_key(
    change: Callable[[CountingProposer, Path], str],
    store: ProposalStore,
    finder: CountingProposer,
    pictures: Path,
) -> None:
    fetch(finder, store, pictures)
    noun = change(finder, pictures)
    assert fetch(finder, store, pictures, noun).origin == "made"
    assert len(entries(store)) == 2


def test_the_rate_of_a_folder_of_images_is_in_the_key(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    for fps in (Fraction(10), Fraction(25)):
        with open_video(pictures, fps) as video:
            StoredProposer(finder, store).propose(video)
    assert len(finder.runs()) == 2


def test_a_part_is_never_served_as_the_whole_nor_as_another_part(
    store: ProposalStore, finder: CountingProposer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    monkeypatch.setattr(
        stored, "read_content", lambda path: (reads.append(1), read_content(path))[1]
    )
    with open_video(write_pictures(tmp_path / "many", frames=13)) as video:
        keeping = StoredProposer(finder, store)
        # The last three are alike in first frame, number of frames and rate, or all but one.
        views = [[0, 4, 8, 12], [0, 3, 6, 9], [4, 8, 12], [0, 2, 8], [0, 6, 8], range(3, 6)]
        for kept in views:
            view = ThinnedVideo(video, np.array(kept))
            first, again = keeping.fetch(view, "ball"), keeping.fetch(view, "ball")
            assert first is not None
            assert again is not None
            assert (first.origin, again.origin) == ("made", "stored")
            assert again.tracks.frame_count == len(kept)
        assert len(entries(store)) == len(finder.runs()) == len(views)
        assert len(reads) == 1, "views of one video share its bytes"
        assert keeping.stored(video, "ball") is None
        whole = keeping.propose(video, "ball")
        assert whole.frame_count == 13
        kept_tracks = keeping.stored(video, "ball")
        assert kept_tracks is not None
        same(kept_tracks, whole)
        assert keeping.stored(video, "cube") is None
        # Frames that follow each other are a segment, whatever they were chosen by.
        part = keeping.fetch(SegmentVideo(video, Span(3, 5)), "ball")
        assert part is not None
        assert part.origin == "stored"
        finder.revision = None
        assert keeping.stored(video, "ball") is None


def test_what_does_not_decide_the_tracks_is_not_in_the_key(
    store: ProposalStore, finder: CountingProposer, pictures: Path, tmp_path: Path
) -> None:
    finder.uses_noun = False
    fetch(finder, store, pictures, "ball")
    assert fetch(finder, store, pictures, "cube").origin == "stored"
    moved = Path(shutil.copytree(pictures, tmp_path / "moved"))
    (moved / "notes.txt").write_text("no frame")
    assert fetch(finder, store, moved).origin == "stored"
    finder.settings = CountingSettings(weight=10)
    assert fetch(finder, store, moved).origin == "stored"


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "a.mp4").write_bytes(data)
    assert read_content(tmp_path / "a.mp4").digest == hashlib.sha256(data).hexdigest()
    with pytest.raises(VideoError, match="cannot be read"):
        read_content(tmp_path / "none.mp4")


def test_names_and_lengths_part_the_images_of_a_folder(tmp_path: Path) -> None:
    digests = set()
    for number, files in enumerate(
        [{"1.png": b"ab", "2.png": b"c"}, {"1.png": b"a", "2.png": b"bc"}, {"1.png": b"abc"}]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        digests.add(read_content(folder).digest)
    assert len(digests) == 3


def test_an_open_video_is_read_once_for_all_nouns_unless_it_changes(
    store: ProposalStore,
    finder: CountingProposer,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    monkeypatch.setattr(
        stored, "read_content", lambda path: (reads.append(1), read_content(path))[1]
    )
    with open_video(pictures) as video:
        keeping = StoredProposer(finder, store)
        for noun in ("ball", "cube"):
            keeping.propose(video, noun)
        assert len(reads) == 1
        os.utime(pictures / "1.png", ns=(1, 1))
        keeping.propose(video, "cube")
        assert len(reads) == 2


def _flip(position: float) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        place = int(position * (len(data) - 1))
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    return change


def _resealed(body: Callable[[list[str]], str]) -> Callable[[bytes], bytes]:
    """Another content under a checksum that is right."""

    def change(data: bytes) -> bytes:
        text = body(data.decode().splitlines()).encode()
        header = {"schema": "zerotube.store/1", "sha256": hashlib.sha256(text).hexdigest()}
        return json.dumps(header).encode() + b"\n" + text

    return change


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut in the first line": lambda data: data[:40],
    "cut after the first line": lambda data: data[: data.index(b"\n") + 1],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "last byte missing": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\n",
    "zeros": lambda data: bytes(len(data)),
    **{f"bit at {part}": _flip(part) for part in (0.0, 0.01, 0.2, 0.5, 0.9, 1.0)},
    "another version": lambda data: data.replace(b"zerotube.store/1", b"zerotube.store/9"),
    "a list": lambda data: b"[]\n" + data,
    "a wrong checksum": lambda data: data.replace(b'"sha256": "', b'"sha256": "0', 1),
    "resealed without tracks": _resealed(lambda lines: lines[1]),
    "resealed tracks of another kind": _resealed(lambda lines: f"{lines[1]}\n[]"),
    "resealed with another key": _resealed(
        lambda lines: "\n".join([lines[1].replace('"noun": "ball"', '"noun": "cube"'), lines[2]])
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_removed_and_made_again(
    name: str, store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    whole = fetch(finder, store, pictures).tracks
    (entry,) = entries(store)
    before = entry.read_bytes()
    entry.write_bytes(DAMAGE[name](before))
    assert entry.read_bytes() != before
    (entry.parent / f".{entry.name}.0123").write_bytes(b"left by a writer that was killed")

    mended = fetch(finder, store, pictures)
    assert mended.origin == "remade"
    same(mended.tracks, whole)
    assert any("made again" in text and str(entry) in text for text in mended.tracks.warnings)
    assert entry.read_bytes() == before
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]

    again = fetch(finder, store, pictures)
    assert again.origin == "stored"
    assert again.tracks.warnings == ("be careful",)
    assert len(finder.runs()) == 2


def test_a_store_that_cannot_be_written_costs_a_warning_or_is_an_error(
    finder: CountingProposer, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    store = ProposalStore(tmp_path / "file" / "store")
    found = fetch(finder, store, pictures)
    assert (found.origin, len(found.tracks)) == ("unkept", 2)
    assert "not kept" in found.tracks.warnings[-1]
    with pytest.raises(OSError, match="Not a directory"):
        fetch(finder, store, pictures, must_keep=True)


def test_a_folder_in_the_place_of_an_entry_costs_a_warning(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    fetch(finder, store, pictures)
    (entry,) = entries(store)
    entry.unlink()
    entry.mkdir()
    found = fetch(finder, store, pictures)
    assert (found.origin, len(found.tracks)) == ("unkept", 2)


def test_a_video_that_changes_meanwhile_is_not_kept(
    store: ProposalStore, finder: CountingProposer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CountingProposer.propose

    def meddling(self: CountingProposer, video: Video, *given: Any, **named: Any) -> TrackSet:
        (pictures / "1.png").write_bytes((pictures / "0.png").read_bytes())
        return real(self, video, *given, **named)

    monkeypatch.setattr(CountingProposer, "propose", meddling)
    found = fetch(finder, store, pictures)
    assert found.origin == "unkept"
    assert "changed meanwhile" in found.tracks.warnings[-1]
    assert entries(store) == []


def test_a_proposer_without_a_revision_is_not_kept(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    finder.revision = None
    assert fetch(finder, store, pictures).origin == "unkept"
    assert entries(store) == []


@pytest.mark.parametrize("settings", [{"a": 1}, CountingSettings(weight=float("nan")), None])
def test_settings_that_cannot_be_written_down_are_refused(
    settings: Any, store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    finder.settings = settings
    with pytest.raises(UsageError, match="cannot be written down"):
        fetch(finder, store, pictures)


def test_warnings_about_the_video_that_came_late_are_not_lost(
    store: ProposalStore, finder: CountingProposer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_video(pictures) as video:
        late = replace(video.info, warnings=("3 frames do not decode",))
        with monkeypatch.context() as patch:
            patch.setattr(type(video), "info", property(lambda self: late))
            first = StoredProposer(finder, store).propose(video)
        # The caller reads this one from the video itself.
        assert first.warnings == ("be careful",)
        again = StoredProposer(finder, store).propose(video)
    assert again.warnings == ("be careful", "3 frames do not decode")


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_folder() == Path(os.environ["ZEROTUBE_CACHE"]) / "proposals"
    monkeypatch.delenv("ZEROTUBE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ProposalStore().folder == tmp_path / "zerotube" / "proposals"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "zerotube" / "proposals"


def start(store: ProposalStore, log: Path, seconds: float, *videos: Path) -> subprocess.Popen[str]:
    """A process that waits for a line before it begins."""
    words = [sys.executable, counting.__file__, store.folder, log, seconds, *videos]
    return subprocess.Popen(
        [str(word) for word in words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_fill_the_store_at_once(
    store: ProposalStore, finder: CountingProposer, tmp_path: Path
) -> None:
    videos = [write_pictures(tmp_path / f"v{number}", shade=9 * number) for number in range(8)]
    both = [start(store, finder.log, 0.05, *videos) for _ in range(2)]
    for process in both:
        begin(process)
    origins: list[str] = []
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        origins += out.split()
    # Each got all of them, each was made once, and what lies there is valid.
    assert Counter(origins) == {"made": 8, "stored": 8}
    assert sorted(finder.runs()) == [f"v{number} ball" for number in range(8)]
    assert len(entries(store)) == 8
    for video in videos:
        assert fetch(finder, store, video).origin == "stored"


def test_a_killed_process_blocks_nobody(
    store: ProposalStore, finder: CountingProposer, pictures: Path
) -> None:
    process = start(store, finder.log, 600, pictures)
    begin(process)
    while not finder.runs():
        assert process.poll() is None, process.communicate()[1]
    # It has the lock now: a caller without patience is sent away.
    with open_video(pictures) as video:
        assert StoredProposer(finder, store).fetch(video, "ball", wait=False) is None
    process.kill()
    process.communicate()
    assert fetch(finder, store, pictures).origin == "made"
    assert len(finder.runs()) == 2


def test_patience_with_a_process_that_hangs_has_an_end(
    store: ProposalStore, finder: CountingProposer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(ProposalStore, "lock", _one_lock(ProposalStore.lock))
    with store.lock(_key(), 0):
        assert fetch(finder, store, pictures).origin == "made"
    assert fetch(finder, store, pictures).origin == "stored"


def _one_lock(lock: Any) -> Any:
    """All entries share one lock, so that a test can hold it."""
    return lambda self, key, wait_s: lock(self, _key(), wait_s)


def _key() -> EntryKey:
    return EntryKey("", 1, 1, 1, "1/1", "", {}, "", None)


def test_a_stamp_shows_a_change(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    content = read_content(file)
    assert unchanged(file, content)
    file.write_bytes(b"three")
    assert not unchanged(file, content)
    file.unlink()
    assert not unchanged(file, content)
