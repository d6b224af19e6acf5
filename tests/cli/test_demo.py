"""``zerotube demo``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from zerotube.cli.demo import demo_sample

FILES = {"clip.mp4", "tube.json", "overlay.mp4", "attention.png", "timeline.png"}


def test_answer_and_truth_side_by_side(run, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = run("demo", "--out", out)
    assert done.code == 0
    assert {path.name for path in out.iterdir()} == FILES
    rows = dict(line.split("  ", 1) for line in done.out.splitlines())
    assert {"query", "object", "time", "truth", "tIoU", "vIoU", "box IoU", "file"} <= set(rows)
    truth, content = demo_sample(), json.loads((out / "tube.json").read_text())
    for row, first, last in (
        ("truth", truth.start_frame, truth.end_frame),
        ("time", content["start_frame"], content["end_frame"]),
    ):
        start_s, end_s = (float(frame / truth.fps) for frame in (first, last + 1))
        assert f"{start_s:.2f} s to {end_s:.2f} s, frames {first} to {last}" in rows[row]
    for name in ("tIoU", "vIoU"):
        assert 0.0 <= float(rows[name]) <= 1.0

    again = run("demo", "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.error_line()
    repeated = run("demo", "--out", out, "--overwrite", "--quiet")
    assert repeated.code == 0
    assert repeated.out == done.out
    # A clip that is new every time is not worth keeping tracks of.
    assert not Path(os.environ["ZEROTUBE_CACHE"]).exists()
