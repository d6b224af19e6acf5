"""The loader of generated samples: folders, lists, the cache, and what is wrong with each."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.geometry.spans import Span
from zerotube.synth import cache as cached_sets
from zerotube.synth import set_folder, set_sample, set_stage, write_set
from zerotube.synth.absent import absent_query

COUNT = 3


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One folder per set."""
    root = tmp_path_factory.mktemp("sets")
    for name in ("mixed", "unseen"):
        write_set(root / name, name, COUNT, size=64)
    return root


@pytest.fixture
def folder(written, tmp_path):
    """A copy of the set "mixed" to damage."""
    return shutil.copytree(written / "mixed", tmp_path / "mixed")


def ask(split="", root=None, annotations=None):
    return load_benchmark(Request("synth", split, root, annotations))


def first_file(folder, kind):
    return min((folder / kind).iterdir())


def change_lines(folder, change):
    listing = folder / "samples.jsonl"
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    change(lines)
    listing.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_truth_is_the_targets_track_over_the_span(written):
    found = ask(root=written / "mixed")
    assert (found.dataset, found.split, found.skipped) == ("synth", "mixed", ())
    assert (found.apart, found.still) == ((), False)
    assert len(found.samples) == COUNT
    for index, item in enumerate(found.samples):
        drawn = set_sample("mixed", index, side=64)
        assert (item.sample_id, item.query, item.kind) == (drawn.sample_id, drawn.query, "mixed")
        assert item.truth.span == Span(drawn.start_frame, drawn.end_frame)
        boxes = drawn.boxes_xyxy[drawn.target, drawn.start_frame : drawn.end_frame + 1]
        np.testing.assert_allclose(item.truth.boxes_xyxy, boxes, atol=0.01)
        assert item.truth.boxes_xyxy.dtype == np.float64
        assert item.tags == drawn.tags
        assert item.absent == absent_query(set_stage("mixed", index))
        assert item.video == written / "mixed" / "videos" / item.video_name
        assert item.true_tracks.is_file()
        assert (item.frame_count, item.width, item.height) == (len(drawn.frames), 64, 64)
        assert item.fps == float(drawn.fps)
        assert item.segment is None
    assert [item.tags["part"] for item in found.samples] == [
        "attribute-hard",
        "action-hard",
        "attribute-hard",
    ]


def test_folders_of_before_have_no_absent_queries(folder):
    change_lines(folder, lambda lines: [line.pop("absent") for line in lines])
    assert [item.absent for item in ask(root=folder).samples] == [None] * COUNT


def test_a_root_may_hold_one_folder_per_set(written):
    assert [ask(name, root=written).split for name in ("mixed", "unseen")] == ["mixed", "unseen"]
    with pytest.raises(UsageError, match="one of mixed, unseen"):
        ask(root=written)
    with pytest.raises(UsageError, match="one of mixed, unseen"):
        ask("action-hard", root=written)
    with pytest.raises(UsageError, match="holds the set 'mixed'"):
        ask("unseen", root=written / "mixed")


def test_a_list_finds_its_files_beside_itself_or_below_a_root(written, tmp_path):
    listing = written / "mixed" / "samples.jsonl"
    beside = ask(annotations=listing)
    assert beside.samples[0].video.is_file()
    moved = shutil.copy(listing, tmp_path / "elsewhere.jsonl")
    again = ask(root=written / "mixed", annotations=moved)
    assert [item.video for item in again.samples] == [item.video for item in beside.samples]
    assert len(ask(annotations=moved).skipped) == COUNT


def test_without_a_root_the_kept_set_is_read(monkeypatch):
    monkeypatch.setattr(cached_sets, "SET_SAMPLES", 2)
    found = ask("unseen")
    assert found.split == "unseen"
    assert [item.sample_id[-5:] for item in found.samples] == ["00000", "00001"]
    assert found.samples[0].video.is_relative_to(set_folder("unseen"))
    for split in ("", "test"):
        with pytest.raises(UsageError, match="attribute-hard, action-hard, mixed, unseen"):
            ask(split)


def test_other_data_sets_still_need_a_root():
    with pytest.raises(UsageError, match="neither a root"):
        load_benchmark(Request("hcstvg", "test"))


def test_folders_without_a_set_are_read(tmp_path):
    folder = write_set(tmp_path / "kinds", "mixed", 4, 11, size=64)
    recipe = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(
        json.dumps(recipe | {"version": 2, "set": None, "kind": None})
    )

    def to_version_2(lines):
        for number, line in enumerate(lines):
            line["kind"] = ("attribute", "action")[number % 2]
            del line["tags"], line["frame_count"]

    change_lines(folder, to_version_2)
    found = ask(root=folder)
    assert found.split == ""
    assert [item.kind for item in found.samples] == ["attribute", "action"] * 2
    assert all(item.tags == {} for item in found.samples)
    assert all(item.frame_count >= 40 for item in found.samples)
    assert {item.kind for item in ask("action", root=folder).samples} == {"action"}
    with pytest.raises(UsageError, match="action, attribute"):
        ask("mixed", root=folder)
    first_file(folder, "tracks").write_text("{}")
    assert len(ask(root=folder).skipped) == 1


def test_a_missing_video_is_skipped_by_id_unless_only_the_list_was_named(folder):
    first_file(folder, "videos").unlink()
    found = ask(root=folder)
    assert [skip.sample_id for skip in found.skipped] == ["mixed-1000202-00000"]
    assert "no video" in found.skipped[0].reason
    assert len(found.samples) == COUNT - 1
    alone = ask(annotations=folder / "samples.jsonl")
    assert alone.skipped == ()
    assert alone.samples[0].video is None


def shorten(document):
    for track in document["tracks"]:
        del track["frames"][10:], track["boxes_xyxy"][10:]


def other_length(document):
    document["video"]["frame_count"] += 1


def invert(document):
    for track in document["tracks"]:
        x1, y1, x2, y2 = track["boxes_xyxy"][5]
        track["boxes_xyxy"][5] = [x2, y1, x1, y2]


def not_a_number(document):
    document["tracks"][0]["boxes_xyxy"][5][0] = float("nan")


def renumber(document):
    for track in document["tracks"]:
        track["id"] += 100


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (shorten, "no box of track"),
        (other_length, "frame_count"),
        (invert, r"x1, y1, x2, y2"),
        (not_a_number, "number"),
        (renumber, "track id"),
        (lambda document: document.clear(), "Field required"),
        (None, "no readable track file"),
    ],
)
def test_a_track_file_that_does_not_fit_is_skipped_by_id(folder, damage, reason):
    path = first_file(folder, "tracks")
    if damage is None:
        path.unlink()
    else:
        document = json.loads(path.read_text())
        damage(document)
        path.write_text(json.dumps(document))
    found = ask(root=folder)
    assert [skip.sample_id for skip in found.skipped] == ["mixed-1000202-00000"]
    assert reason in found.skipped[0].reason
    assert len(found.samples) == COUNT - 1


def test_a_folder_in_place_of_a_track_file_is_skipped(folder):
    path = first_file(folder, "tracks")
    path.unlink()
    path.mkdir()
    assert "a folder" in ask(root=folder).skipped[0].reason


def test_a_damaged_list_is_refused(folder):
    listing = folder / "samples.jsonl"
    text = listing.read_text()
    listing.write_text(text[:-40])
    with pytest.raises(InputError, match="line 3"):
        ask(root=folder)
    listing.write_text(text + text)
    with pytest.raises(InputError, match=r"line 4.*second time"):
        ask(root=folder)
    listing.write_text("")
    with pytest.raises(InputError, match="no sample at all"):
        ask(root=folder)


def test_an_older_recipe_names_the_command(folder):
    recipe = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(recipe | {"version": 2}))
    with pytest.raises(InputError, match="zerotube synth --out DIR --set mixed --seed 1000202"):
        ask(root=folder)
    with pytest.raises(InputError, match="zerotube synth"):
        ask(annotations=folder / "samples.jsonl")


def test_paths_to_nothing_are_refused(tmp_path, folder):
    with pytest.raises(InputError, match="not a folder"):
        ask(root=tmp_path / "none")
    with pytest.raises(InputError, match="zerotube synth --set mixed"):
        ask("mixed", root=folder / "videos")
    with pytest.raises(InputError, match="nothing at"):
        ask(annotations=tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="a folder at"):
        ask(annotations=folder)
