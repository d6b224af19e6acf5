"""``zerotube eval`` on a small generated set, from the flags to the files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zerotube.synth import write_set

METHOD = ("--method", "gti", "--frames", "6", "--top-k", "2", "--proposer", "truth")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("eval") / "clips", "mixed", 4, 3_100_000, size=96)


@pytest.fixture(scope="module")
def finished(run, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    out = tmp_path_factory.mktemp("eval") / "run"
    done = run("eval", "--dataset", "synth", "--root", clips, *METHOD, "--out", out)
    assert done.code == 0, done.err
    assert "m_vIoU" in done.out
    assert "4/4" in done.err
    return out


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_files_of_a_finished_run(run, clips: Path, finished: Path) -> None:
    found = metrics(finished)
    assert found["counts"] == {"samples": 4, "of": 4, "done": 4, "failed": 0, "skipped": 0}
    assert found["settings"]["variants"]["eval"]["frames"] == 6
    assert found["settings"]["candidates"]["proposer"] == "truth"
    assert found["versions"].keys() >= {"python", "torch", "transformers", "zerotube"}
    assert found["timings_s"]["sample"]["count"] == 4
    assert found["timings_s"]["stages"]["encode"]["total"] > 0
    assert len((finished / "predictions.jsonl").read_text().splitlines()) == 4
    rows = [json.loads(line) for line in (finished / "per_sample.jsonl").read_text().splitlines()]
    assert sum(row["vIoU"] for row in rows) / 4 == pytest.approx(found["m_vIoU"])
    page = (finished / "report.html").read_text()
    assert "m_vIoU" in page
    assert "data:image/jpeg" in page
    again = run(
        "score", "--dataset", "synth", "--root", clips, "--json",
        "--predictions", finished / "predictions.jsonl",
    )  # fmt: skip
    scored = json.loads(again.out)
    assert {key: found[key] for key in scored} == scored


def test_workers_and_shards_predict_the_same(
    run, clips: Path, finished: Path, tmp_path: Path
) -> None:
    base = ("eval", "--dataset", "synth", "--root", clips, *METHOD, "--quiet")
    done = run(*base, "--out", tmp_path / "spread", "--workers", "2", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == metrics(tmp_path / "spread")
    whole = (finished / "predictions.jsonl").read_text()
    assert (tmp_path / "spread" / "predictions.jsonl").read_text() == whole
    lines: list[str] = []
    for part in ("1/2", "2/2"):
        out = tmp_path / part[0]
        done = run(*base, "--out", out, "--shard", part)
        assert done.code == 0
        assert "a part of the benchmark" in done.err
        lines += (out / "predictions.jsonl").read_text().splitlines()
    assert sorted(lines) == sorted(whole.splitlines())


def test_a_finished_run_resumes_at_once(run, clips: Path, finished: Path) -> None:
    before = metrics(finished)
    done = run(
        "eval", "--dataset", "synth", "--root", clips, *METHOD, "--out", finished, "--resume"
    )
    assert done.code == 0, done.err
    assert metrics(finished) == before


def test_refusals(run, clips: Path, finished: Path, tmp_path: Path) -> None:
    base = ("eval", "--dataset", "synth", "--root", clips, *METHOD)
    before = (finished / "journal.sqlite").read_bytes()
    done = run(*base, "--out", finished)
    assert (done.code, "--resume" in done.error_line()) == (2, True)
    done = run(*base, "--out", finished, "--resume", "--top-k", "3")
    assert done.code == 2
    assert "variants.eval.top_k = 2 (now 3)" in done.error_line()
    assert (finished / "journal.sqlite").read_bytes() == before
    out = tmp_path / "run"
    for wrong in (
        ("--shard", "3"),
        ("--shard", "5/4"),
        ("--shard", "5/9"),
        ("--limit", "0"),
        ("--workers", "0"),
        ("--decomposer", "nobody"),
        ("--method", "nonsense"),
        ("--tracks", tmp_path),
    ):
        done = run(*base, "--out", out, *wrong)
        assert done.code == 2, wrong
        assert done.error_line()
    assert run(*base, "--out", out, "--model", tmp_path / "nowhere").code == 3
    assert run(*base, "--out", clips / "samples.jsonl").code == 3
    assert not out.exists()


def test_an_unknown_proposer_is_one_error_not_one_per_sample(
    run, clips: Path, tmp_path: Path
) -> None:
    done = run(
        "eval", "--dataset", "synth", "--root", clips, "--proposer", "nobody",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 2
    assert "nobody" in done.error_line()
    assert not (tmp_path / "run").exists()


def test_a_failed_sample_counts_zero_and_a_damaged_video_is_skipped(run, tmp_path: Path) -> None:
    clips = write_set(tmp_path / "clips", "mixed", 4, 3_100_000, size=96)
    videos = sorted((clips / "videos").iterdir())
    names = [video.stem for video in videos]
    videos[1].write_bytes(videos[1].read_bytes()[:300])
    tracks = shutil.copytree(clips / "tracks", tmp_path / "tracks")
    (tracks / f"{names[2]}.json").unlink()
    out = tmp_path / "run"
    done = run(
        "eval", "--dataset", "synth", "--root", clips, "--tracks", tracks,
        "--method", "gti", "--frames", "6", "--top-k", "2", "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "1 failed, 1 skipped" in done.err
    assert names[1] in done.err
    assert names[2] in done.err
    found = metrics(out)
    assert found["failed_ids"] == [names[2]]
    assert "no track file" in found["errors"][names[2]]
    assert [one["id"] for one in found["skipped"]] == [names[1]]
    assert found["samples"] == 3
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines if "error" in line] == [names[2]]


def test_an_interrupted_run_says_how_to_go_on(
    run, clips: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["eval", "--dataset", "synth", "--root", str(clips), *METHOD, "--out", str(out)]
    command = [sys.executable, "-m", "zerotube", *words, "--resume"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    # The journal appears when the model is loaded; the first sample is in work then.
    while not (out / "journal.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert not stdout
    assert "--resume" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert not (out / "metrics.json").exists()
    done = run(*words, "--resume")
    assert done.code == 0, done.err
    name = "predictions.jsonl"
    assert (out / name).read_bytes() == (finished / name).read_bytes()


def test_ray_without_the_package(
    run, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = run(
        "eval", "--dataset", "synth", "--root", clips, "--ray", "local", "--out", tmp_path / "run"
    )
    assert done.code == 2
    assert "zerotube[ray]" in done.error_line()
