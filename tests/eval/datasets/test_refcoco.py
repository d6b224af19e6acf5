"""RefCOCO: JSON lines, plain pickles of both Pythons, and pickles that bring more along."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eval.datasets.annotations import hcstvg_entry, touch, vidstg_entry, write
from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.datasets.fit import misfit
from zerotube.eval.types import Benchmark
from zerotube.geometry.spans import Span
from zerotube.video import open_video


def line(**changes: Any) -> dict[str, Any]:
    entry = {
        "image": "COCO_train2014_000000000042.jpg",
        "expression": "the left cup",
        "bbox": [10.5, 20, 30, 40],
        "split": "val",
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}


def lines(*entries: Any) -> str:
    return "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)


def loaded(tmp_path: Path, *entries: Any, **request: Any) -> Benchmark:
    file = write(tmp_path / "converted.jsonl", lines(*entries))
    return load_benchmark(Request("refcoco", annotations=file, **request))


def reference(**changes: Any) -> dict[str, Any]:
    return {
        "ref_id": 3,
        "ann_id": 1719310,
        "image_id": 42,
        "category_id": 1,
        "split": "testA",
        "file_name": "COCO_train2014_000000000042_3.jpg",
        "sent_ids": [7, 8],
        "sentences": [
            {"sent_id": 7, "sent": "the left man", "raw": "The LEFT man", "tokens": ["the"]},
            {"sent_id": 8, "sent": "man in red", "raw": "man in red", "tokens": ["man"]},
        ],
        **changes,
    }


INSTANCES = {
    "images": [
        {"id": 42, "file_name": "COCO_train2014_000000000042.jpg", "width": 64, "height": 48}
    ],
    "annotations": [{"id": 1719310, "image_id": 42, "bbox": [1, 2, 30, 40], "iscrowd": 0}],
    "categories": [{"id": 1, "name": "person"}],
}


def write_pickle(folder: Path, references: Any, name: str = "refs(unc).p") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "instances.json", INSTANCES)
    content = references if isinstance(references, bytes) else pickle.dumps(references)
    (folder / name).write_bytes(content)
    return folder / name


def test_json_lines(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, line(), "", line(split="testA", expression="x"), line())
    assert benchmark.still
    assert benchmark.apart == ("val", "testA")
    assert [(sample.sample_id, sample.kind) for sample in benchmark.samples] == [
        ("0", "val"),
        ("1", "testA"),
        ("2", "val"),
    ]
    truth = benchmark.samples[0].truth
    assert truth.span == Span(0, 0)
    assert truth.boxes_xyxy.tolist() == [[10.5, 20, 40.5, 60]]


def test_ids_do_not_depend_on_the_chosen_split(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, line(), line(split="testA"), line(), split="val")
    assert [sample.sample_id for sample in benchmark.samples] == ["0", "2"]
    assert benchmark.apart == ()
    assert benchmark.skipped == ()


def test_an_expression_may_hold_any_line_separator_of_unicode(tmp_path: Path) -> None:
    text = json.dumps(line(expression="cup\u2028left\x85"), ensure_ascii=False)
    (sample,) = loaded(tmp_path, text).samples
    assert sample.query == "cup\u2028left\x85"


def test_images_are_videos_of_one_frame(tmp_path: Path) -> None:
    # COCO's names of 2014 and, for the second, of 2017.
    folder = tmp_path / "train2014"
    folder.mkdir()
    Image.new("RGB", (64, 48)).save(folder / "COCO_train2014_000000000042.jpg")
    Image.new("RGB", (64, 48)).save(folder / "000000000043.jpg")
    second = line(image="train2014/COCO_train2014_000000000043.jpg")
    benchmark = loaded(tmp_path, line(), second, line(image="gone.jpg"), root=tmp_path)
    assert [sample.video for sample in benchmark.samples] == [
        folder / "COCO_train2014_000000000042.jpg",
        folder / "000000000043.jpg",
    ]
    assert [(item.sample_id, item.reason) for item in benchmark.skipped] == [
        ("2", f"no gone.jpg below {tmp_path}")
    ]
    for sample in benchmark.samples:
        with open_video(sample.video) as video:
            assert misfit(sample, video.info) is None


def test_the_folder_in_a_name_tells_two_images_apart(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.jpg")
    touch(tmp_path / "b" / "1.jpg", content=b"another image")
    benchmark = loaded(tmp_path, line(image="b/1.jpg"), line(image="1.jpg"), root=tmp_path)
    assert [sample.video for sample in benchmark.samples] == [tmp_path / "b" / "1.jpg"]
    assert "2 different files" in benchmark.skipped[0].reason


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (line(bbox=[1, 2, -3, 4]), "negative width or height"),
        (line(bbox=[1, 2, float("nan"), 4]), "not finite"),
        (line(bbox=[1, 2, 3]), "four numbers"),
        (line(bbox="1 2 3 4"), "four numbers"),
        (line(bbox=None), "no box"),
        (line(expression=" "), "'expression' holds no sentence"),
        (line(image=None), "no image is named"),
        (line(image=42), "no image is named"),
        (line(split=None), "no text under 'split'"),
        ("[1]", "not a JSON object"),
    ],
)
def test_a_faulty_line_is_skipped(tmp_path: Path, entry: Any, reason: str) -> None:
    benchmark = loaded(tmp_path, line(), entry, line(), split="val")
    (item,) = benchmark.skipped
    assert item.sample_id == "1"
    assert reason in item.reason
    assert [sample.sample_id for sample in benchmark.samples] == ["0", "2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lines(line(), json.dumps(line())[:-9]), "line 2 of .*which ends in the middle"),
        (lines(line(), '{"image": "a", "image": "b"}'), "line 2 of .*'image' occurs twice"),
        (json.dumps([line()]), "converted RefCOCO annotations in one JSON list"),
        (json.dumps([vidstg_entry()], indent=1), "looks like VidSTG annotations"),
        (json.dumps({"1.mp4": hcstvg_entry()}), "looks like HC-STVG annotations"),
        (json.dumps(INSTANCES), "looks like COCO instances"),
        ("", "which is empty"),
        ("cup, 1, 2, 3, 4", "which is not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        loaded(tmp_path, text)


def test_an_unknown_split_names_those_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of those there: testA, val"):
        loaded(tmp_path, line(), line(split="testA"), split="test")


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_pickles(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps([reference()], protocol)
    file = write_pickle(tmp_path, content)
    benchmark = load_benchmark(Request("refcoco", "testA", annotations=file))
    assert [(sample.sample_id, sample.query) for sample in benchmark.samples] == [
        ("3:7", "the left man"),
        ("3:8", "man in red"),
    ]
    sample = benchmark.samples[0]
    assert sample.video_name == "COCO_train2014_000000000042.jpg"
    assert sample.truth.boxes_xyxy.tolist() == [[1, 2, 31, 42]]
    assert (sample.width, sample.height, sample.kind) == (64, 48, "testA")
    assert sample.tags == {"category": "person"}


def as_python_2(value: Any) -> bytes:
    """The protocol 2 pickle that Python 2 writes, where `str` is bytes: hand-made, since Python 3
    has no such type."""

    def opcodes(item: Any) -> bytes:
        if isinstance(item, str):
            raw = item.encode("latin1")
            return b"T" + len(raw).to_bytes(4, "little") + raw
        if isinstance(item, int):
            return b"J" + item.to_bytes(4, "little")
        if isinstance(item, list):
            return b"](" + b"".join(map(opcodes, item)) + b"e"
        return b"}(" + b"".join(opcodes(k) + opcodes(v) for k, v in item.items()) + b"u"

    return b"\x80\x02" + opcodes(value) + b"."


def test_pickles_of_python_2_hold_latin_1(tmp_path: Path) -> None:
    said = {"sent_id": 7, "sent": "the café table"}
    file = write_pickle(tmp_path, as_python_2([reference(sentences=[said])]))
    (sample,) = load_benchmark(Request("refcoco", annotations=file)).samples
    assert sample.query == "the café table"


class _Evil:
    """Writes a file when it is unpickled the usual way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self.target)!r}, 'w').write('here')",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_runs_code_is_refused_before_it_does(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "mark"
    content = pickle.dumps([reference(sentences=[_Evil(mark)])], protocol)
    file = write_pickle(tmp_path, content)
    with pytest.raises(InputError, match=r"asks for .*\.exec"):
        load_benchmark(Request("refcoco", annotations=file))
    assert not mark.exists()
    # The same bytes do write the file when they are trusted.
    pickle.loads(content)
    assert mark.read_text() == "here"


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps([reference()])[:-20],
        pickle.dumps([reference()])[:5],
        b"\x80\x04.",
        b"\x80\x04R.",
        b"\x80\x04P1\n.",
        b"no pickle",
        b"\x80\x04\x82\x01.",
        b"\x80\x04]}K\x01K\x02sb.",
        b"\x80\x02T\xff\xff\xff\x7fabc.",
        b"\x80\x02J\x01",
    ],
    ids=[
        *("cut", "cut early", "empty stack", "reduce", "persistent", "text", "extension", "build"),
        *("short text", "short number"),
    ],
)
def test_a_damaged_pickle_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="damaged pickle"):
        load_benchmark(Request("refcoco", annotations=write_pickle(tmp_path, content)))


def test_a_pickle_takes_no_more_memory_than_it_needs(tmp_path: Path) -> None:
    # A list, remembered under the number 2^27 - 1: room for all smaller ones would be 2 GB.
    file = write_pickle(tmp_path, b"\x80\x04]r\xff\xff\xff\x07.")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="looks like"):
            load_benchmark(Request("refcoco", annotations=file))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 50_000_000


@pytest.mark.parametrize("content", [{"a": 1}, [], [[1]], "text", {"1.mp4": hcstvg_entry()}])
def test_a_pickle_of_something_else(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match="looks like"):
        load_benchmark(Request("refcoco", annotations=write_pickle(tmp_path, content)))


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"ann_id": 5}, {"3:7": "no box", "3:8": "no box"}),
        ({"ann_id": [5]}, {"3:7": "no box", "3:8": "no box"}),
        ({"image_id": 5, "sentences": [{"sent_id": 7, "sent": "x"}]}, {"3:7": "does not have"}),
        ({"sentences": [{"sent": "x"}]}, {"reference 1:0": "without 'sent_id'"}),
        ({"sentences": "x"}, {"reference 1": "no reference with a list"}),
        ({"split": 4, "sentences": [{"sent_id": 9, "sent": "x"}]}, {"3:9": "no text under"}),
    ],
)
def test_a_faulty_reference_is_skipped(
    tmp_path: Path, changes: dict[str, Any], reasons: dict[str, str]
) -> None:
    good = reference(ref_id=1, sentences=[{"sent_id": 1, "sent": "the man"}])
    file = write_pickle(tmp_path, [good, reference(**changes)])
    benchmark = load_benchmark(Request("refcoco", annotations=file))
    assert [sample.sample_id for sample in benchmark.samples] == ["1:1"]
    skipped = {item.sample_id: item.reason for item in benchmark.skipped}
    assert skipped.keys() == reasons.keys()
    assert all(text in skipped[name] for name, text in reasons.items())


def test_a_repeated_sentence_is_an_error(tmp_path: Path) -> None:
    file = write_pickle(tmp_path, [reference(), reference()])
    with pytest.raises(InputError, match="'3:7' twice"):
        load_benchmark(Request("refcoco", annotations=file))


def test_the_boxes_must_lie_beside_the_references(tmp_path: Path) -> None:
    file = write_pickle(tmp_path, [reference()])
    (tmp_path / "instances.json").unlink()
    with pytest.raises(InputError, match=r"no instances.json beside"):
        load_benchmark(Request("refcoco", annotations=file))
    write(tmp_path / "instances.json", [vidstg_entry()])
    with pytest.raises(InputError, match="looks like VidSTG annotations"):
        load_benchmark(Request("refcoco", annotations=file))


def test_each_data_set_finds_its_own_references(tmp_path: Path) -> None:
    for folder, name, said in (
        ("refcoco", "refs(unc).p", "unc"),
        ("refcoco", "refs(google).p", "google"),
        ("refcoco+", "refs(unc).p", "plus"),
        ("refcocog/annotations", "refs(google).p", "google"),
        ("refcocog/annotations", "refs(umd).p", "umd"),
    ):
        references = [reference(sentences=[{"sent_id": 1, "sent": said}])]
        write_pickle(tmp_path / folder, references, name)
    for dataset, said in (("refcoco", "unc"), ("refcoco+", "plus"), ("refcocog", "umd")):
        benchmark = load_benchmark(Request(dataset, "testA", root=tmp_path))
        assert [sample.query for sample in benchmark.samples] == [said]
        assert (benchmark.dataset, benchmark.split) == (dataset, "testA")
    with pytest.raises(UsageError, match="no split; wanted one of those there: testA"):
        load_benchmark(Request("refcoco", root=tmp_path))


def test_converted_files_are_found_by_name(tmp_path: Path) -> None:
    write(tmp_path / "refcoco" / "val.jsonl", lines(line(expression="a")))
    write(tmp_path / "refcoco+.jsonl", lines(line(expression="b")))
    for dataset, said in (("refcoco", "a"), ("refcoco+", "b")):
        (sample,) = load_benchmark(Request(dataset, "val", root=tmp_path)).samples
        assert sample.query == said
    with pytest.raises(InputError, match=r"no references of refcocog .*refs\(umd\).p"):
        load_benchmark(Request("refcocog", "val", root=tmp_path))
