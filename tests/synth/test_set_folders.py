"""Test sets on disk: written whole or not at all, by one process or several, once per cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from zerotube.errors import InputError, UsageError, VideoError
from zerotube.synth import (
    SET_SEEDS,
    read_samples,
    set_folder,
    set_sample,
    write_set,
)
from zerotube.synth.cache import cached_folder
from zerotube.synth.read import read_recipe
from zerotube.synth.write import RECIPE_VERSION


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("sets") / "mixed", "mixed", 4, size=64)


def test_list_tracks_and_video_agree_with_the_generator(folder):
    saved = read_samples(folder)
    assert [line.sample_id for line in saved] == [f"mixed-1000202-{n:05d}" for n in range(4)]
    for index, line in enumerate(saved):
        item = set_sample("mixed", index, side=64)
        assert (line.kind, line.query, line.tags) == ("mixed", item.query, item.tags)
        assert (line.start_frame, line.end_frame) == (item.start_frame, item.end_frame)
        assert line.frame_count == len(item.frames)
        with av.open(str(line.video)) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        assert len(frames) == len(item.frames)
        assert np.abs(np.stack(frames).astype(int) - item.frames).mean() < 6
        document = json.loads(line.tracks.read_text())
        assert {track["label"] for track in document["tracks"]} == {"object"}
        target = next(t for t in document["tracks"] if t["id"] == line.target_track_id)
        np.testing.assert_allclose(target["boxes_xyxy"], item.boxes_xyxy[item.target], atol=0.01)


def test_the_recipe_is_written_beside_the_samples(folder):
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe == {
        "generator": "zerotube.synth",
        "version": RECIPE_VERSION,
        "set": "mixed",
        "seed": SET_SEEDS["mixed"],
        "count": 4,
        "size": 64,
    }
    assert read_recipe(folder).set == "mixed"


@pytest.fixture
def few_per_worker(monkeypatch):
    """Several processes even for a handful of samples."""
    monkeypatch.setattr("zerotube.synth.write._PER_WORKER", 2)


@pytest.mark.usefixtures("few_per_worker")
def test_several_processes_write_the_same_in_the_same_order(tmp_path):
    done = []
    alone = write_set(tmp_path / "a", "action-hard", 6, size=64)
    shared = write_set(
        tmp_path / "b",
        "action-hard",
        6,
        size=64,
        workers=2,
        progress=lambda count, total: done.append((count, total)),
    )
    assert (alone / "samples.jsonl").read_bytes() == (shared / "samples.jsonl").read_bytes()
    for line in read_samples(alone):
        assert line.tracks.read_bytes() == (shared / "tracks" / line.tracks.name).read_bytes()
        assert (shared / "videos" / line.video.name).is_file()
    assert done == [(count, 6) for count in range(1, 7)]


@pytest.mark.usefixtures("few_per_worker")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_nothing(tmp_path, workers):
    def interrupt(done, _total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_set(tmp_path / "out", "mixed", 20, size=64, workers=workers, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="no SIGTERM here")
def test_a_request_to_end_leaves_nothing(tmp_path):
    words = ["synth", "--set", "unseen", "--out", str(tmp_path / "out")]
    running = subprocess.Popen(
        [sys.executable, "-m", "zerotube", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".out-*/videos/*.mp4")) and time.monotonic() < until:
            time.sleep(0.05)
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written_ends_it(tmp_path, monkeypatch):
    def full(*_args, **_settings):
        raise VideoError("a full disk", wanted="room", fix="make some")

    monkeypatch.setattr("zerotube.synth.write.write_video", full)
    with pytest.raises(VideoError, match="a full disk"):
        write_set(tmp_path / "out", "mixed", 1, size=64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings", [{"count": 0}, {"size": 63}, {"name": "loud"}, {"seed": -1}, {"name": ""}]
)
def test_impossible_settings_are_refused(tmp_path, settings):
    with pytest.raises(UsageError):
        write_set(**{"out": tmp_path / "out", "name": "mixed", "count": 1, **settings})
    assert list(tmp_path.iterdir()) == []


def test_folders_of_an_older_recipe_are_told_apart(tmp_path):
    kinds = write_set(tmp_path / "kinds", "mixed", 1, 3, size=64)
    chosen = write_set(tmp_path / "set", "unseen", 1, size=64)

    def change(folder, **changes):
        recipe = json.loads((folder / "recipe.json").read_text())
        (folder / "recipe.json").write_text(json.dumps(recipe | changes))

    def set_version(folder, version):
        change(folder, version=version)

    change(kinds, set=None, kind=None)

    for version in (2, 3):
        set_version(kinds, version)
        assert read_recipe(kinds).version == version
    set_version(kinds, 1)
    with pytest.raises(InputError, match="zerotube synth --out DIR --seed 3"):
        read_recipe(kinds)
    set_version(chosen, 2)
    with pytest.raises(InputError, match="zerotube synth --out DIR --set unseen --seed 1000203"):
        read_recipe(chosen)
    set_version(chosen, RECIPE_VERSION + 1)
    with pytest.raises(InputError, match="upgrade"):
        read_recipe(chosen)


def line_of(**changes):
    line = {
        "id": "a", "kind": "attribute", "query": "the red ring grows", "attribute": "the red ring",
        "action": "the ring grows", "noun": "ring", "video": "a.mp4", "tracks": "a.json",
        "target_track_id": 1, "start_frame": 3, "end_frame": 9, "fps": "10/1", "width": 64,
        "height": 64,
    }  # fmt: skip
    return json.dumps(line | changes)


def test_folders_without_tags_are_read(tmp_path):
    (tmp_path / "samples.jsonl").write_text(line_of() + "\n\n" + line_of(id="b") + "\n")
    first, second = read_samples(tmp_path)
    assert (first.sample_id, second.sample_id) == ("a", "b")
    assert (first.tags, first.frame_count) == ({}, None)
    assert first.video == tmp_path / "a.mp4"
    assert read_recipe(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        line_of(start_frame="3"),
        line_of(start_frame=-1),
        line_of(end_frame=2),
        line_of(frame_count=9),
        line_of(fps="10/0"),
        line_of(fps=10),
        line_of(target_track_id=0),
        line_of(width=0),
        line_of(video=""),
        line_of(video="a\0.mp4"),
        line_of(tags={"condition": 3}),
        line_of() + "\n" + line_of(),
        line_of() + "\n" + line_of(id="b")[:-4],
    ],
)
def test_damaged_lists_are_refused_by_line(tmp_path, text):
    (tmp_path / "samples.jsonl").write_text(text)
    number = len(text.splitlines())
    with pytest.raises(InputError, match=f"line {number}: " if number else "no sample at all"):
        read_samples(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "samples.jsonl").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="not text"):
        read_samples(tmp_path)
    (tmp_path / "recipe.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="not text"):
        read_recipe(tmp_path)
    (tmp_path / "recipe.json").write_text('{"generator": "other", "version": 3, "seed": 1}')
    with pytest.raises(InputError, match="generator"):
        read_recipe(tmp_path)


def test_a_kept_set_is_written_once():
    told = []
    first = set_folder("unseen", 2, progress=lambda done, _total: told.append(done))
    assert first == cached_folder("unseen", 2)
    assert first.is_relative_to(Path(os.environ["ZEROTUBE_CACHE"]))
    assert f"v{RECIPE_VERSION}" in first.parts
    assert len(read_samples(first)) == 2
    assert set_folder("unseen", 2, progress=lambda done, _total: told.append(done)) == first
    assert told == [1, 2]
    assert cached_folder("unseen") != first


def test_two_processes_that_want_a_set_write_it_once():
    script = (
        "from zerotube.synth import set_folder\n"
        "told = []\n"
        "set_folder('mixed', 3, progress=lambda done, _total: told.append(done))\n"
        "print(len(told))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = sorted(process.communicate(timeout=120)[0].strip() for process in running)
    assert told == ["0", "3"]
    assert len(read_samples(set_folder("mixed", 3))) == 3


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZEROTUBE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="zerotube synth --set mixed --out DIR"):
        set_folder("mixed", 1)


def test_sets_that_do_not_exist_are_not_kept():
    with pytest.raises(UsageError, match="attribute-hard"):
        set_folder("loud")
    with pytest.raises(UsageError, match="at least 1"):
        set_folder("mixed", 0)
    assert not cached_folder("mixed", 0).exists()


def test_without_the_variable_the_users_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv("ZEROTUBE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached_folder("mixed").parents[2] == tmp_path / "zerotube"
