"""Colour words on real footage: the rule for a hit, the pictures, one query on a real clip."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerotube.proposals.types import Track

WHERE = {0: ((10, 10, 50, 50),), 10: ((60, 60, 100, 100), (10, 10, 50, 50))}


@pytest.fixture(scope="module")
def footage(script):
    return script("footage")


def track(boxes: dict[int, tuple[float, float, float, float]]) -> Track:
    frames = np.array(sorted(boxes))
    count = len(frames)
    rows = np.array([boxes[int(frame)] for frame in frames], np.float32)
    return Track(1, frames, rows, np.ones(count, bool), np.ones(count, np.float32))


@pytest.mark.parametrize(
    ("boxes", "hit"),
    [
        ({0: (12, 12, 52, 52), 10: (12, 12, 52, 52)}, True),
        ({0: (25, 25, 35, 35)}, True),  # a part of it: its centre lies inside
        ({0: (0, 0, 400, 300)}, False),
        ({0: (12, 12, 52, 52), 10: (200, 200, 240, 240)}, False),  # half is not more than half
        ({10: (62, 62, 98, 98)}, True),
        ({5: (10, 10, 50, 50)}, False),  # never visible where the object was looked for
    ],
)
def test_what_is_a_hit(footage, boxes, hit: bool) -> None:
    assert footage.hits(track(boxes), WHERE) is hit


def test_references_lie_in_the_picture(footage) -> None:
    for case in footage.CASES:
        for boxes in case.where.values():
            for x1, y1, x2, y2 in boxes:
                assert 0 <= x1 < x2 <= 1280
                assert 0 <= y1 < y2 <= 720


def test_a_small_thing_keeps_its_colour(script) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 70, (200, 300, 3), dtype=np.uint8) + np.array(
        [150, 20, 30], dtype=np.uint8
    )
    pixels[90:102, 140:152] = (240, 212, 48)
    small = script("footage_picture").few_colours(Image.fromarray(pixels))
    ball = np.asarray(small.convert("RGB"))[90:102, 140:152].reshape(-1, 3).mean(axis=0)
    assert np.abs(ball - (240, 212, 48)).max() < 12


def test_without_the_clips(
    footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZEROTUBE_SHARED", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["footage.py"])
    footage.main()
    said = capsys.readouterr().out
    assert said.startswith("skipped: no coffee.mp4 and no cups.mp4")
    assert "ZEROTUBE_SHARED" in said


def test_a_query_on_a_real_clip(footage, script, real_clips: Path, tmp_path: Path) -> None:
    case = footage.CASES[2]
    if not (real_clips / case.clip).is_file():
        pytest.skip(f"no clip {case.clip}")
    variants = script("variants").variants_of([])[:1]
    report = footage.measure(
        "bundled", real_clips, variants, shown="GTI", pictures=tmp_path, cases=[case]
    )
    (row,) = report["queries"]
    # The mug is among the candidates, and most candidates are something else.
    assert 0.0 < row["at_random"] < 0.5
    assert row["answers"]["GTI"]["right"] is (
        row["answers"]["GTI"]["track_id"] in row["right_candidates"]
    )
    picture = tmp_path / "footage-blue.png"
    assert picture.stat().st_size < 300_000
    with Image.open(picture) as image:
        assert image.width > 800
    assert [path.name for path in tmp_path.iterdir()] == [picture.name]
    assert "the blue object" in footage.markdown(report)
    with pytest.raises(footage.UsageError):
        footage.measure("bundled", real_clips, variants, shown="full", cases=[case])
