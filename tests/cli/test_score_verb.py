"""`zerotube score` on files as users have them, against a plain computation from the same files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.plain_metrics import plain_metrics

MEASURES = ("m_tIoU", "m_vIoU", "vIoU@0.3", "vIoU@0.5", "m_gt_vIoU", "gt_vIoU@0.3", "gt_vIoU@0.5")

Boxes = dict[int, list[float]]


def moving_box(rng: np.random.Generator, frames: range) -> Boxes:
    x, y, width, height = rng.integers(20, 90, 4).tolist()
    return {frame: [x + frame, y, x + frame + width, y + height] for frame in frames}


def answer(rng: np.random.Generator, name: str, true: Boxes) -> dict[str, Any]:
    """A prediction near the truth, over more frames than it and beside it."""
    first, last = min(true), max(true)
    shift = float(rng.uniform(0, 45))
    wide = {frame: true[min(max(frame, first), last)] for frame in range(max(first - 3, 0), last)}
    start = int(rng.integers(0, last))
    return {
        "id": name,
        "start_frame": start,
        "end_frame": start + int(rng.integers(0, 40)),
        "boxes": {str(frame): [round(v + shift, 2) for v in box] for frame, box in wide.items()},
    }


def expected(truths: dict[str, Boxes], answers: list[dict[str, Any]], protocol: str) -> dict:
    by_id = {item["id"]: item for item in answers if "boxes" in item}
    rows = []
    for name, true in truths.items():
        found = by_id.get(name)
        if found is None:
            rows.append((0.0, 0.0, 0.0))
            continue
        boxes = {int(frame): box for frame, box in found["boxes"].items()}
        rows.append(
            plain_metrics(true, (found["start_frame"], found["end_frame"]), boxes, protocol)
        )
    t_iou, v_iou, gt_v_iou = (np.array(column) for column in zip(*rows, strict=True))
    columns = (t_iou, v_iou, v_iou > 0.3, v_iou > 0.5, gt_v_iou, gt_v_iou > 0.3, gt_v_iou > 0.5)
    return {name: float(np.mean(column)) for name, column in zip(MEASURES, columns, strict=True)}


def write_lines(path: Path, items: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


class Files:
    """A data set and a prediction file, with the truth as the test itself reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.annotations = folder / "annotations.json"
        self.predictions = folder / "predictions.jsonl"
        self.truths: dict[str, Boxes] = {}
        self.answers: list[dict[str, Any]] = []

    def write_answers(self, *more: dict[str, Any]) -> None:
        write_lines(self.predictions, [*self.answers, *more])

    def flags(self, dataset: str) -> list[object]:
        files = ["--annotations", self.annotations, "--predictions", self.predictions]
        return ["score", "--dataset", dataset, *files]


@pytest.fixture
def hcstvg(tmp_path: Path) -> Files:
    """Fifteen videos; of one the boxes are damaged, one has no prediction, one failed."""
    files, rng, raw = Files(tmp_path), np.random.default_rng(0), {}
    for number in range(15):
        name = f"{number}_abc.mp4"
        first = int(rng.integers(0, 60))
        boxes = moving_box(rng, range(first, first + int(rng.integers(5, 40))))
        xywh = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes.values()]
        raw[name] = {"bbox": xywh, "st_frame": first + 1, "img_num": 200, "st_time": 0}
        raw[name] |= {"ed_time": 1, "width": 640, "height": 360, "caption": "the man sits down"}
        if number == 14:
            raw[name]["bbox"] = "damaged"
            continue
        files.truths[name] = boxes
        if number == 12:
            files.answers.append({"id": name, "error": "out of memory"})
        elif number != 13:
            files.answers.append(answer(rng, name, boxes))
    files.annotations.write_text(json.dumps(raw), encoding="utf-8")
    files.write_answers()
    return files


@pytest.fixture
def vidstg(tmp_path: Path) -> Files:
    """Six entries over three videos, a caption and one or two questions each."""
    files, rng, raw = Files(tmp_path), np.random.default_rng(1), []
    corners = ("xmin", "ymin", "xmax", "ymax")
    folder = tmp_path / "vidor" / "0001"
    folder.mkdir(parents=True)
    tracks = [[moving_box(rng, range(80)) for _ in range(2)] for _ in range(3)]
    for video, pair in enumerate(tracks):
        frames = [
            [
                {"tid": tid, "bbox": dict(zip(corners, box[frame], strict=True))}
                for tid, box in enumerate(pair)
            ]
            for frame in range(80)
        ]
        content = {"video_id": str(video), "frame_count": 80, "trajectories": frames}
        (folder / f"{video}.json").write_text(json.dumps(content), encoding="utf-8")
    for number in range(6):
        target, video = number % 2, number % 3
        begin = int(rng.integers(0, 30))
        end = begin + int(rng.integers(5, 30))
        asked = {"description": "a dog runs", "type": "subject", "target_id": target}
        raw.append(
            {
                "vid": str(video),
                "fps": 29.97,
                "frame_count": 80,
                "width": 640,
                "height": 360,
                "used_segment": {"begin_fid": 0, "end_fid": 79},
                "temporal_gt": {"begin_fid": begin, "end_fid": end},
                "subject/objects": [{"tid": 0, "category": "dog"}],
                "captions": [asked],
                "questions": [asked] * (1 + number % 2),
            }
        )
        names = [f"{number}:caption:0", f"{number}:question:0", f"{number}:question:1"]
        for name in names[: 2 + number % 2]:
            true = {frame: tracks[video][target][frame] for frame in range(begin, end + 1)}
            files.truths[name] = true
            if name != "4:question:0":
                files.answers.append(answer(rng, name, true))
    files.annotations.write_text(json.dumps(raw), encoding="utf-8")
    files.write_answers()
    return files


@pytest.mark.parametrize("protocol", ["half-open", "inclusive"])
def test_hcstvg_as_json(run, hcstvg: Files, protocol: str) -> None:
    done = run(*hcstvg.flags("hcstvg"), "--protocol", protocol, "--json")
    assert done.code == 0
    got = json.loads(done.out)
    wanted = expected(hcstvg.truths, hcstvg.answers, protocol)
    assert {name: got[name] for name in MEASURES} == pytest.approx(wanted, abs=1e-9)
    assert 0 < wanted["vIoU@0.3"] < 1
    assert (got["samples"], got["missing"], got["failed"]) == (14, 1, 1)
    assert (got["missing_ids"], got["failed_ids"]) == (["13_abc.mp4"], ["12_abc.mp4"])
    assert (got["dataset"], got["protocol"]) == ("hcstvg", protocol)
    assert [item["id"] for item in got["skipped"]] == ["14_abc.mp4"]
    assert got["skipped"][0]["reason"]


def test_the_default_protocol_is_half_open(run, hcstvg: Files) -> None:
    plain = run(*hcstvg.flags("hcstvg"), "--json")
    assert json.loads(plain.out)["protocol"] == "half-open"


def test_vidstg_as_json(run, vidstg: Files) -> None:
    done = run(*vidstg.flags("vidstg"), "--boxes", vidstg.folder / "vidor", "--json")
    assert done.code == 0
    got = json.loads(done.out)
    for kind, part, count, missing in (
        ("declarative", "caption", 6, 0),
        ("interrogative", "question", 9, 1),
    ):
        own = {name: true for name, true in vidstg.truths.items() if part in name}
        wanted = expected(own, vidstg.answers, "half-open")
        assert {name: got[kind][name] for name in MEASURES} == pytest.approx(wanted, abs=1e-9)
        assert (got[kind]["samples"], got[kind]["missing"]) == (count, missing)
    assert not set(MEASURES) & set(got)
    assert got["missing_ids"] == ["4:question:0"]


def test_the_table_for_people(run, hcstvg: Files) -> None:
    done = run(*hcstvg.flags("hcstvg"))
    assert done.code == 0
    wanted = expected(hcstvg.truths, hcstvg.answers, "half-open")
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.strip()}
    for name in MEASURES:
        mean, low, high = (float(cell.strip("[],")) for cell in rows[name])
        assert mean == pytest.approx(100 * wanted[name], abs=0.051)
        assert low <= mean <= high
    assert (rows["samples"], rows["missing"], rows["failed"]) == (["14"], ["1"], ["1"])
    for said in ("13_abc.mp4", "12_abc.mp4", "14_abc.mp4"):
        assert said in done.err


def test_the_table_shows_both_kinds_of_vidstg(run, vidstg: Files) -> None:
    done = run(*vidstg.flags("vidstg"), "--boxes", vidstg.folder)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["declarative", "interrogative"] in lines
    assert ["samples", "6", "9"] in lines


def test_predictions_of_another_data_set_are_refused(run, hcstvg: Files) -> None:
    hcstvg.write_answers({"id": "7:caption:0", "error": "x"}, {"id": "8:caption:0", "error": "x"})
    done = run(*hcstvg.flags("hcstvg"), "--json")
    assert (done.code, done.out) == (3, "")
    assert "2 ids (7:caption:0, 8:caption:0)" in done.error_line()
    allowed = run(*hcstvg.flags("hcstvg"), "--json", "--allow-unknown")
    assert allowed.code == 0
    assert json.loads(allowed.out)["unknown_ids"] == ["7:caption:0", "8:caption:0"]
    assert "8:caption:0" in allowed.err
    wanted = expected(hcstvg.truths, hcstvg.answers, "half-open")
    assert json.loads(allowed.out)["m_vIoU"] == pytest.approx(wanted["m_vIoU"], abs=1e-9)


def test_a_prediction_for_a_skipped_sample_is_a_note(run, hcstvg: Files) -> None:
    before = json.loads(run(*hcstvg.flags("hcstvg"), "--json").out)
    hcstvg.write_answers({"id": "14_abc.mp4", "start_frame": 0, "end_frame": 9, "boxes": {}})
    done = run(*hcstvg.flags("hcstvg"), "--json")
    assert done.code == 0
    assert json.loads(done.out) == before
    assert "1 prediction is for a skipped sample" in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no predictions"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"id": "0_abc.mp4", "start_fr', "line 1"),
        (b'{"id": "0_abc.mp4", "start_frame": 4, "end_frame": 3, "boxes": {}}\n', "line 1"),
        (b'{"id": "x", "error": "a"}\n' * 2, "line 2"),
    ],
)
def test_prediction_files_that_cannot_be_used(
    run, hcstvg: Files, content: bytes, said: str
) -> None:
    hcstvg.predictions.write_bytes(content)
    done = run(*hcstvg.flags("hcstvg"), "--json")
    assert (done.code, done.out) == (3, "")
    assert said in done.error_line()
    assert "predictions.jsonl" in done.error_line()


def test_files_that_are_not_there(run, hcstvg: Files) -> None:
    hcstvg.predictions.unlink()
    done = run(*hcstvg.flags("hcstvg"))
    assert done.code == 3
    assert "predictions.jsonl" in done.error_line()
    hcstvg.write_answers()
    hcstvg.annotations.unlink()
    done = run(*hcstvg.flags("hcstvg"))
    assert done.code == 3
    assert "annotations.json" in done.error_line()


def test_wrong_usage(run, hcstvg: Files) -> None:
    files = ["--annotations", hcstvg.annotations, "--predictions", hcstvg.predictions]
    done = run("score", "--dataset", "nonsense", *files)
    assert done.code == 2
    assert "nonsense" in done.error_line()
    done = run("score", "--dataset", "hcstvg", "--predictions", hcstvg.predictions)
    assert done.code == 2
    assert done.error_line()
    assert run("score", *files).code == 2
    assert run("score", "--dataset", "hcstvg", *files, "--protocol", "closed").code == 2


def test_annotations_without_usable_samples(run, hcstvg: Files) -> None:
    raw = json.loads(hcstvg.annotations.read_text(encoding="utf-8"))
    only = {"14_abc.mp4": raw["14_abc.mp4"]}
    hcstvg.annotations.write_text(json.dumps(only), encoding="utf-8")
    done = run(*hcstvg.flags("hcstvg"), "--allow-unknown")
    assert (done.code, done.out) == (3, "")
    assert done.error_line()


def test_scoring_needs_no_model(hcstvg: Files) -> None:
    words = [str(word) for word in hcstvg.flags("hcstvg")]
    code = (
        "import sys\n"
        "from zerotube.cli.main import app\n"
        f"app({words!r}, standalone_mode=False)\n"
        "assert not {'torch', 'transformers'} & sys.modules.keys(), 'imported a model library'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "m_vIoU" in done.stdout


def test_refcoco_is_scored_without_time(run, tmp_path: Path) -> None:
    lines = [
        {"image": f"{i}.jpg", "expression": "a dog", "bbox": [10, 10, 20, 10], "split": split}
        for i, split in enumerate(("val", "val", "val", "testA"))
    ]
    write_lines(tmp_path / "refs.jsonl", lines)
    # Shifted to the right by 0 and by 10 of 20 px; the third has no answer.
    answers = [
        {"id": str(i), "start_frame": 0, "end_frame": 0, "boxes": {"0": [10 + x, 10, 30 + x, 20]}}
        for i, x in enumerate((0, 10))
    ]
    write_lines(tmp_path / "p.jsonl", answers)
    files = ["--annotations", tmp_path / "refs.jsonl", "--predictions", tmp_path / "p.jsonl"]
    done = run("score", "--dataset", "refcoco", "--split", "val", *files, "--json")
    assert done.code == 0
    got = json.loads(done.out)
    assert (got["protocol"], got["m_tIoU"], got["missing_ids"]) == ("inclusive", None, ["2"])
    assert got["m_gt_vIoU"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert got["acc@0.5"] == pytest.approx(1 / 3)
    both = run("score", "--dataset", "refcoco", *files)
    assert both.code == 0
    assert ["val", "testA"] in [line.split() for line in both.out.splitlines()]


def test_synth_clips_with_their_true_tracks(run, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    assert run("synth", "--out", clips, "--samples", "2").code == 0
    listing = clips / "samples.jsonl"
    answers = []
    for line in listing.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        tracks = json.loads((clips / raw["tracks"]).read_text(encoding="utf-8"))["tracks"]
        target = next(track for track in tracks if track["id"] == raw["target_track_id"])
        boxes = zip(map(str, target["frames"]), target["boxes_xyxy"], strict=True)
        span = {key: raw[key] for key in ("id", "start_frame", "end_frame")}
        answers.append(span | {"boxes": dict(boxes)})
    write_lines(tmp_path / "p.jsonl", answers)
    files = ["--annotations", listing, "--predictions", tmp_path / "p.jsonl"]
    done = run("score", "--dataset", "synth", *files, "--json")
    assert done.code == 0, done.err
    got = json.loads(done.out)
    assert [got[name] for name in MEASURES] == pytest.approx([1] * 7, abs=1e-6)
    assert (got["samples"], got["missing"]) == (2, 0)


def test_every_sample_can_be_had_by_itself(run, hcstvg: Files, tmp_path: Path) -> None:
    out = tmp_path / "each.jsonl"
    done = run(*hcstvg.flags("hcstvg"), "--json", "--per-sample", out)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(hcstvg.truths)
    means = json.loads(done.out)
    for name in ("tIoU", "vIoU", "gt_vIoU"):
        assert np.mean([row[name] for row in rows]) == pytest.approx(means[f"m_{name}"])
    states = {row["id"]: row["state"] for row in rows if row["state"] != "answered"}
    assert states == {"12_abc.mp4": "failed", "13_abc.mp4": "missing"}
    again = run(*hcstvg.flags("hcstvg"), "--per-sample", out)
    assert (again.code, "--overwrite" in again.error_line()) == (2, True)
