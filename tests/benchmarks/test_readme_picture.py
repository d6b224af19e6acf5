"""The README's first picture is drawn from the demo's clip."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from zerotube.cli.demo import demo_sample
from zerotube.method.config import preset
from zerotube.synth import HELD_OUT_SEED, set_sample


@pytest.fixture(scope="module")
def picture(script):
    return script("readme_picture")


def test_the_clip_is_the_first_plain_one_of_the_held_out_seeds() -> None:
    first = set_sample("attribute-hard", 20, HELD_OUT_SEED)
    assert demo_sample().sample_id == first.sample_id == "attribute-hard-1000000-00020"
    tags = demo_sample(3).tags
    assert tags["condition"] == "plain"
    assert tags["background"] in ("uniform", "gradient")


def test_answer_and_truth_are_drawn(picture, tmp_path: Path) -> None:
    truth, result = picture.grounded("bundled", 0, preset("gti", frames=6, top_k=3))
    assert result.query.text == truth.query
    out = tmp_path / "demo.png"
    picture.draw(truth, result, out)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]
    pixels = np.asarray(Image.open(out).convert("RGB")).astype(int)
    assert pixels.shape[1] == picture.WIDTH * picture.DPI
    assert out.stat().st_size < 500_000
    below = pixels[int(0.8 * len(pixels)) :]
    for colour, first, last in (
        (picture.TRUE, truth.start_frame, truth.end_frame),
        (picture.style.ACCENT, result.tube.span.start_frame, result.tube.span.end_frame),
    ):
        wanted = np.round(255 * np.array(to_rgb(colour)))
        columns = np.flatnonzero((np.abs(below - wanted).max(axis=2) < 6).any(axis=0))
        # The bar is as long as the span: 0.85 inches of names and the margins are left out.
        room = (picture.WIDTH - 2 * picture.MARGIN - 0.85) * picture.DPI
        share = (last + 1 - first) / len(truth.frames)
        assert columns.max() - columns.min() + 1 == pytest.approx(share * room, abs=3)


def test_an_earlier_picture_stays(picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "demo.png"
    kept.write_bytes(b"mine")
    monkeypatch.setattr(sys, "argv", ["readme_picture.py", "--out", str(kept)])
    with pytest.raises(SystemExit) as ended:
        picture.main()
    assert ended.value.code == 2
    assert kept.read_bytes() == b"mine"
