"""Folders of samples can be read back, and their videos decode to the frames drawn."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.synth import read_samples, set_sample, write_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("synth") / "out", "action-hard", 2, 12, size=96)


def test_list_tracks_and_video_agree_with_the_generator(folder):
    saved = read_samples(folder)
    assert len(saved) == 2
    for index, line in enumerate(saved):
        item = set_sample("action-hard", index, 12, side=96)
        assert (line.query, line.fps, line.start_frame) == (item.query, item.fps, item.start_frame)
        with av.open(str(line.video)) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        assert len(frames) == len(item.frames)
        assert np.abs(np.stack(frames).astype(int) - item.frames).mean() < 6
        document = json.loads(line.tracks.read_text())
        assert document["schema"] == "zerotube.tracks/1"
        assert document["video"]["frame_count"] == len(frames)
        assert {track["label"] for track in document["tracks"]} == {"object"}
        target = next(t for t in document["tracks"] if t["id"] == line.target_track_id)
        assert target["frames"] == list(range(len(frames)))
        np.testing.assert_allclose(target["boxes_xyxy"], item.boxes_xyxy[item.target], atol=0.01)


def test_recipe_names_the_seed(folder):
    recipe = json.loads((folder / "recipe.json").read_text())
    assert (recipe["seed"], recipe["count"], recipe["set"]) == (12, 2, "action-hard")


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty"):
        write_set(tmp_path, "mixed", 1, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(*_args, **_settings):
        raise OSError("disk full")

    monkeypatch.setattr("zerotube.synth.write.write_video", broken)
    with pytest.raises(OSError, match="disk full"):
        write_set(tmp_path / "out", "mixed", 1, 0, size=64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{"count": 0}, {"size": 63}, {"name": "sound"}])
def test_impossible_settings_are_refused(tmp_path, settings):
    arguments = {"name": "mixed", "count": 1, "seed": 0, **settings}
    with pytest.raises(UsageError):
        write_set(tmp_path / "out", **arguments)


def test_reading_something_else_says_so(tmp_path):
    with pytest.raises(InputError, match=r"samples\.jsonl"):
        read_samples(tmp_path)
    (tmp_path / "samples.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(InputError, match="line 1"):
        read_samples(tmp_path)
